// Drives a real browser over the host's pages and says what is wrong with them. Called by the tests with one argument, a
// JSON object: `base`, `link`, `shots`, `name`, `steps`. Prints one line `{"wrong": […]}` at the end; a line `@WORD` asks
// the test to do something, which answers with a line on standard input.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");
const { chromium } = require("playwright-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const given = JSON.parse(process.argv[2]);
const wrong = [];
const input = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const PATIENCE = 120_000;

const say = (text) => wrong.push(text);
const ask = async (word) => {
  process.stdout.write(`@${word}\n`);
  await input.next();
};
const ensure = (holds, text) => {
  if (!holds) say(text);
};

async function browser(options = {}) {
  const { scheme = "light", width = 1440, script = true } = options;
  const context = await running.newContext({
    baseURL: given.base,
    colorScheme: scheme,
    javaScriptEnabled: script,
    viewport: { width, height: 900 },
    reducedMotion: "reduce",
  });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  page.on("pageerror", (error) => say(`${page.url()}: ${error}`));
  page.on("dialog", (dialog) => {
    say(`${page.url()}: a dialog opened: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("console", (message) => {
    const isExpected = options.mayFail && /Failed to load resource|ERR_/.test(message.text());
    if (message.type() === "error" && !isExpected) say(`${page.url()}: ${message.text()}`);
  });
  await context.addInitScript(() => {
    window.policy = [];
    document.addEventListener("securitypolicyviolation", (v) => window.policy.push(v.violatedDirective));
  });
  if (given.cookies) await context.addCookies(given.cookies);
  return page;
}

// What somebody cannot use, as axe sees it.
async function usable(page, where) {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const result = await window.axe.run(document, { resultTypes: ["violations"] });
    return result.violations
      .filter((v) => v.impact === "serious" || v.impact === "critical")
      .map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target} ${n.failureSummary}`).join(" | ")}`);
  });
  for (const one of found) say(`${where}: ${one}`);
  const policy = await page.evaluate(() => window.policy);
  ensure(policy.length === 0, `${where}: the policy was violated: ${policy}`);
}

// No page is wider than its window.
async function fits(page, where) {
  const [whole, seen] = await page.evaluate(() => {
    const top = document.documentElement;
    return [top.scrollWidth, top.clientWidth];
  });
  ensure(whole <= seen, `${where}: ${whole} wide in a window of ${seen}`);
}

async function shot(page, name) {
  fs.mkdirSync(given.shots, { recursive: true });
  await page.screenshot({ path: path.join(given.shots, `${given.name}-${name}.png`) });
}

const steps = {
  // Every page in every look.
  async look({ pages }) {
    for (const [scheme, width] of [["light", 1440], ["dark", 1440], ["light", 480]]) {
      const page = await browser({ scheme, width });
      for (const [name, address] of Object.entries(pages)) {
        const where = `${name}, ${scheme}, ${width}`;
        const answer = await page.goto(address);
        ensure(answer.status() === 200, `${where}: status ${answer.status()}`);
        await page.waitForFunction(() => window.htmx);
        await usable(page, where);
        await fits(page, where);
        await shot(page, `${name}-${scheme}-${width}`);
      }
      await page.context().close();
    }
  },

  // What others wrote is shown, as what it is.
  async hostile({ pages, shown }) {
    const page = await browser();
    for (const [name, address] of Object.entries(pages)) {
      await page.goto(address);
      const ran = await page.evaluate(() => window.hacked);
      ensure(ran === undefined, `${name}: a script of others ran`);
      const foreign = await page.evaluate(
        () => document.querySelectorAll("#content script, #content img, #content iframe, #content [onerror]").length,
      );
      ensure(foreign === 0, `${name}: ${foreign} elements of others`);
      const text = await page.evaluate(() => document.body.textContent);
      const hidden = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/u.exec(text);
      ensure(!hidden, `${name}: U+${hidden && hidden[0].codePointAt(0).toString(16)} is not visible`);
      for (const part of shown[name] || []) ensure(text.includes(part), `${name}: does not show ${part}`);
    }
    await page.context().close();
  },

  // Approve and reject by keys alone; the focus stays among the rows.
  async decide({ items }) {
    const page = await browser();
    await page.goto("/ui/inbox");
    const row = (item) => page.locator(`#waits-${item}`);
    const focused = () => page.evaluate(() => document.activeElement.closest("[data-row]")?.id ?? document.activeElement.tagName);
    for (const item of items) await row(item).waitFor();
    const order = await page.locator("[data-row]").evaluateAll((rows) => rows.map((r) => r.id.replace("waits-", "")));
    await page.keyboard.press("j");
    ensure((await focused()) === `waits-${order[0]}`, `the first row has the focus, not ${await focused()}`);
    await page.keyboard.press("j");
    await page.keyboard.press("k");
    await page.keyboard.press("j");
    ensure((await focused()) === `waits-${order[1]}`, `the second row has the focus, not ${await focused()}`);
    await page.keyboard.press("a");
    await row(order[1]).waitFor({ state: "detached" });
    await page.waitForFunction((item) => document.getElementById("said").textContent.includes(item), order[1]);
    await page.waitForFunction(() => document.activeElement.closest("[data-row]"));
    ensure((await focused()) === `waits-${order[2]}`, `the neighbour has the focus, not ${await focused()}`);
    await page.keyboard.press("r");
    await page.keyboard.type("Say more of vouchers <b>please</b>");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await row(order[2]).waitFor({ state: "detached" });
    await usable(page, "inbox after orders");
    await page.context().close();
  },

  // A page that was asked for before somebody began to write does not take the form from under their hands.
  async write({ item }) {
    const page = await browser();
    await page.goto("/ui/inbox");
    const row = page.locator(`#waits-${item}`);
    await row.waitFor();
    let release;
    let isAsked;
    const released = new Promise((done) => (release = done));
    const asked = new Promise((done) => (isAsked = done));
    const late = async (route) => {
      const response = await route.fetch();
      isAsked();
      await released;
      await route.fulfill({ response });
    };
    await page.route("**/ui/inbox", late, { times: 1 });
    await page.evaluate(() => window.htmx.trigger(document.getElementById("main"), "orch:refresh"));
    await asked;
    await page.keyboard.press("j");
    await page.keyboard.press("r");
    await page.keyboard.type("Say more of");
    await page.evaluate(() => {
      window.over = new Promise((done) => document.addEventListener("htmx:finally:request", done, { once: true }));
    });
    release();
    await page.evaluate(() => window.over.then(() => true));
    await page.keyboard.type(" vouchers");
    const written = await row.locator("textarea").inputValue();
    ensure(written === "Say more of vouchers", `the page took what was written: ${JSON.stringify(written)}`);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await row.waitFor({ state: "detached" });
    await page.context().close();
  },

  // Something is said of a line by a click on its number, and of a file without a script; both are shown in their places.
  async remark({ item, file, line }) {
    const address = `/ui/tasks/${item}/diff`;
    const page = await browser();
    await page.goto(address);
    await page.waitForFunction(() => window.htmx);
    const of = (page) => page.locator(".file", { has: page.locator(`summary b:text-is("${file}")`) });
    await of(page).locator(`td.no:nth-child(2):text-is("${line}")`).click();
    await page.keyboard.type("Say <b>why</b>\u202e");
    ensure((await of(page).locator("[name=line]").inputValue()) === line, "the line is filled in");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    const said = of(page).locator("tr.remarked .remark");
    await said.waitFor();
    ensure((await said.textContent()).includes("Say <b>why</b>\\u{202e}"), "it is shown as text");
    await page.context().close();
    const plain = await browser({ script: false });
    await plain.goto(address);
    await of(plain).locator(".say summary").click();
    await of(plain).locator(".say textarea").fill("Split this file");
    await of(plain).locator(".say button").click();
    await of(plain).locator("> .remark").waitFor();
    ensure((await plain.textContent("#said")).includes("remark 2"), "the page says that it is kept");
    ensure((await of(plain).locator("> .remark").textContent()).includes("Split this file"), "it stands with its file");
    await plain.context().close();
    await steps.look({ pages: { diff: address, task: `/ui/tasks/${item}` } });
  },

  // The log is kept as a file; no browser opens it as a page.
  async keep({ address, begins }) {
    const page = await browser();
    await page.goto(address);
    const [file] = await Promise.all([page.waitForEvent("download"), page.click("a[download]")]);
    const text = fs.readFileSync(await file.path(), "utf8");
    ensure(text.startsWith(begins), `the file begins with ${text.slice(0, 80)}`);
    ensure(/^[A-Za-z0-9-]+-run-\d+-stdout\.txt$/.test(file.suggestedFilename()), file.suggestedFilename());
    const ran = await page.evaluate(() => window.hacked);
    ensure(ran === undefined, "what the log says ran");
    await page.context().close();
  },

  // What somebody clicks who looks for something, from the first page on, and what they have to see then.
  async paths({ paths }) {
    const page = await browser();
    for (const { clicks, finds } of paths) {
      await page.goto("/");
      ensure(clicks.length <= 3, `${clicks}: more than three clicks`);
      for (const click of clicks) {
        const link = page.getByRole("link", { name: new RegExp(`^${click}(?![0-9])`) });
        await link.first().click();
        await page.waitForLoadState();
      }
      const text = await page.locator("main").innerText();
      for (const find of finds) ensure(text.includes(find), `${clicks.join(", ") || "the first page"}: does not show ${find}`);
      await shot(page, `path-${clicks.join("-").replace(/[^A-Za-z0-9-]/g, "") || "first"}`);
    }
    await page.context().close();
  },

  // Resume and stop by keys alone.
  async unblock({ resume, stop }) {
    const page = await browser();
    await page.goto(`/ui/tasks/${resume}`);
    await page.keyboard.press("e");
    await page.waitForFunction(() => document.getElementById("said").textContent !== "");
    await page.goto(`/ui/tasks/${stop}`);
    await page.keyboard.press("x");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelector(".title .chip").textContent.match(/ended|stopping/));
    await page.context().close();
  },

  // A page that is open follows, and keeps the focus where it is.
  async follow({ item }) {
    const page = await browser();
    await page.goto("/ui/board");
    await page.waitForFunction(() => window.htmx);
    await page.locator("[data-row] a[data-open]").first().focus();
    const before = await page.evaluate(() => document.activeElement.id);
    await ask("begin");
    await page.locator(`#card-${item}`).waitFor();
    const after = await page.evaluate(() => document.activeElement.id);
    ensure(before === after, `the focus was on ${before} and is on ${after}`);
    await page.context().close();
  },

  // The host goes and comes back; the page says so, and follows again.
  async restart({ item }) {
    const page = await browser({ mayFail: true });
    await page.goto("/ui/board");
    await page.waitForFunction(() => window.htmx);
    await ask("down");
    await page.waitForFunction(() => document.getElementById("live").textContent.includes("Not connected"));
    await shot(page, "disconnected");
    await ask("up");
    await page.waitForFunction(() => document.getElementById("live").textContent === "");
    await ask("begin");
    await page.locator(`#card-${item}`).waitFor();
    await page.context().close();
  },

  // Everything that matters works without a script.
  async plain({ token, item }) {
    const page = await browser({ script: false, mayFail: true });
    await page.context().clearCookies();
    await page.goto("/ui/inbox");
    ensure(page.url().includes("/ui/login"), `one has to log in, at ${page.url()}`);
    await page.fill("#token", "orch_1_wrong");
    await page.click("button");
    ensure((await page.textContent("[role=alert]")).includes("nobody"), "a wrong token is refused");
    await page.fill("#token", token);
    await page.click("button");
    await page.waitForURL("**/ui/inbox");
    await page.click(`#waits-${item} button.good`);
    await page.waitForURL("**/ui/inbox");
    ensure((await page.textContent("#said")).includes(item), "the page says what was approved");
    for (const link of await page.locator("nav a").evaluateAll((all) => all.map((a) => a.getAttribute("href")))) {
      const answer = await page.goto(link);
      ensure(answer.status() === 200, `${link}: status ${answer.status()}`);
    }
    await page.click(".me summary");
    await page.click(".me button");
    await page.waitForURL("**/ui/login");
    await page.context().close();
  },

  // How long a board takes until it shows what happened.
  async speed({ times }) {
    const page = await browser();
    await page.goto("/ui/board");
    await page.waitForFunction(() => window.htmx);
    const took = await page.evaluate(async (times) => {
      const all = [];
      for (let n = 0; n < times; n += 1) {
        const begun = performance.now();
        const swapped = new Promise((done) => document.addEventListener("htmx:after:swap", done, { once: true }));
        window.htmx.trigger(document.getElementById("main"), "orch:refresh");
        await swapped;
        all.push(performance.now() - begun);
        await new Promise((done) => setTimeout(done, 50));
      }
      return all.sort((a, b) => a - b);
    }, times);
    process.stdout.write(`#board ${took.map((ms) => Math.round(ms)).join(" ")}\n`);
    await page.context().close();
  },
};

let running;
(async () => {
  running = await chromium.launch({
    executablePath: given.chromium,
    args: ["--disable-dev-shm-usage", "--disable-gpu", "--force-color-profile=srgb"],
  });
  try {
    if (given.link) {
      const page = await browser();
      await page.goto(given.link);
      await page.waitForURL("**/ui/inbox");
      given.cookies = await page.context().cookies();
      await page.context().close();
    }
    for (const [step, about] of given.steps) await steps[step](about);
  } catch (error) {
    say(String(error && error.stack ? error.stack : error));
  } finally {
    await running.close();
  }
  process.stdout.write(`${JSON.stringify({ wrong })}\n`);
  process.exit(0);
})();
