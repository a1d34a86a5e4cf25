// Pages follow by themselves, and are worked by keys. Everything here is an extra: without it the same forms and links do
// the same, and a page is as new as its last load.
"use strict";

(() => {
  const main = document.getElementById("main");
  if (!main) return;
  const live = document.getElementById("live");
  const REFRESH_MS = 200;
  const SAID_MS = 12_000;
  const RETRY_MS = [1000, 2000, 5000, 10000];

  // ---- what follows ----

  let cursor = Number(main.dataset.after || 0);
  let stream = null;
  let failures = 0;
  let waiting = 0;
  let isLoading = false;
  let isWanted = false;

  const concerns = (topic) => {
    const topics = main.dataset.topics;
    return topics === "*" || topic === "everything" || topic === topics || (topics !== "" && topic === "queue");
  };

  // Somebody who writes is not disturbed: the page follows when they are done.
  const isBusy = () => {
    const at = document.activeElement;
    const writes = at && at.matches("textarea, input:not([type=search]), select") && main.contains(at);
    return Boolean(writes || main.querySelector("details.ask[open]"));
  };

  function refresh() {
    if (isLoading || isBusy()) {
      isWanted = true;
      return;
    }
    isWanted = false;
    isLoading = true;
    window.htmx.trigger(main, "orch:refresh");
  }

  function soon() {
    clearTimeout(waiting);
    waiting = setTimeout(refresh, REFRESH_MS);
  }

  function say(text) {
    if (live.textContent !== text) live.textContent = text;
  }

  function follow() {
    if (!main.dataset.topics || stream || document.hidden) return;
    stream = new EventSource(`/ui/live?after=${cursor}`);
    stream.addEventListener("hello", () => {
      if (failures > 0) soon();
      failures = 0;
      say("");
    });
    stream.onmessage = (event) => {
      const { topic, revision } = JSON.parse(event.data);
      cursor = Math.max(cursor, revision);
      if (concerns(topic)) soon();
    };
    stream.onerror = () => {
      stream.close();
      stream = null;
      failures += 1;
      // A stream ends now and then by itself; only what lasts is told.
      if (failures > 1) say("Not connected; what you see may be old");
      setTimeout(follow, RETRY_MS[Math.min(failures, RETRY_MS.length) - 1]);
    };
  }

  // A page that nobody sees holds no connection.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && stream) {
      stream.close();
      stream = null;
    } else if (!document.hidden) {
      soon();
      follow();
    }
  });

  // ---- what is swapped ----

  const rows = () => [...main.querySelectorAll("[data-row]")];
  const rowOf = (element) => element && element.closest("[data-row]");
  let at = { id: "", index: -1 };

  document.addEventListener("focusin", (event) => {
    const row = rowOf(event.target);
    if (row) at = { id: row.id, index: rows().indexOf(row) };
  });

  function adopt() {
    const content = document.getElementById("content");
    if (!content) return;
    document.title = `${content.dataset.title} · Orch`;
    const count = document.getElementById("waiting");
    const waits = Number(content.dataset.waiting || 0);
    if (count && content.dataset.waiting !== undefined) count.textContent = waits > 0 ? String(waits) : "";
    if (content.dataset.said) tell(content.dataset.said);
    const log = main.querySelector("[data-follow]");
    if (log && isAtEnd) log.scrollTop = log.scrollHeight;
    clearTimeout(poll);
    const polled = main.querySelector("[data-poll]");
    if (polled) poll = setTimeout(refresh, Number(polled.dataset.poll));
  }

  // What an order came to stays for a while, whatever follows meanwhile.
  let telling = 0;
  function tell(text) {
    const said = document.getElementById("said");
    said.textContent = text;
    clearTimeout(telling);
    telling = setTimeout(() => {
      said.textContent = "";
    }, SAID_MS);
  }

  let poll = 0;
  let isAtEnd = true;
  main.addEventListener(
    "scroll",
    (event) => {
      const log = event.target;
      if (log.matches && log.matches("[data-follow]")) {
        isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
      }
    },
    true,
  );

  // Asked for before somebody began to write: what comes would take the form from under their hands.
  document.addEventListener("htmx:before:swap", (event) => {
    if (event.detail.ctx.sourceElement === main && isBusy()) {
      event.preventDefault();
      isWanted = true;
    }
  });
  document.addEventListener("htmx:after:swap", () => {
    adopt();
    // What had the focus may be gone: its neighbour has it then.
    if (at.index >= 0 && document.activeElement === document.body) {
      const all = rows();
      const row = all.find((r) => r.id && r.id === at.id) || all[Math.min(at.index, all.length - 1)];
      if (row) focusRow(row);
      else main.focus({ preventScroll: true });
    }
  });
  document.addEventListener("htmx:finally:request", () => {
    isLoading = false;
    if (isWanted) soon();
  });
  document.addEventListener("focusout", () => {
    if (isWanted) soon();
  });
  main.addEventListener(
    "toggle",
    () => {
      if (isWanted) soon();
    },
    true,
  );

  // ---- remarks ----

  // A number beside a line opens the form of its file, filled in. The form itself needs no script.
  main.addEventListener("click", (event) => {
    const cell = event.target.closest && event.target.closest("table.diff td.no");
    const say = cell && cell.closest(".file").querySelector(".say");
    if (!say || cell.textContent === "") return;
    say.open = true;
    const form = say.querySelector("form");
    form.elements.line.value = cell.textContent;
    form.elements.side.value = cell.cellIndex === 0 ? "old" : "new";
    form.elements.text.focus();
    say.scrollIntoView({ block: "nearest" });
  });

  // ---- keys ----

  function focusRow(row) {
    const open = row.querySelector("[data-open]") || row;
    if (!open.matches("a, summary, button, [tabindex]")) open.tabIndex = -1;
    open.focus();
    row.scrollIntoView({ block: "nearest" });
  }

  function step(by) {
    const all = rows();
    if (all.length === 0) return;
    const here = rowOf(document.activeElement);
    const index = here ? all.indexOf(here) : -1;
    focusRow(all[Math.max(0, Math.min(all.length - 1, index < 0 ? 0 : index + by))]);
  }

  // The order of the row that has the focus; on a page about one thing, that thing's.
  function order(key) {
    const all = rows();
    const row = rowOf(document.activeElement) || (all.length === 1 ? all[0] : null);
    const place = row || main.querySelector(".now");
    const act = place && place.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (!act) return false;
    const details = act.closest("details.ask");
    if (details && act.matches("summary")) {
      details.open = true;
      const into = details.querySelector("textarea, form button");
      if (into) into.focus();
    } else {
      act.focus();
      act.click();
    }
    return true;
  }

  let isGoing = false;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target;
    if (event.key === "Escape") {
      const details = target.closest && target.closest("details[open]");
      if (details) {
        details.open = false;
        details.querySelector("summary").focus();
        event.preventDefault();
      }
      return;
    }
    if (target.matches && target.matches("input, textarea, select")) return;
    if (isGoing) {
      isGoing = false;
      const link = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
      if (link) {
        event.preventDefault();
        link.click();
      }
      return;
    }
    switch (event.key) {
      case "j":
      case "k":
        step(event.key === "j" ? 1 : -1);
        event.preventDefault();
        break;
      case "g":
        isGoing = true;
        break;
      case "/": {
        const find = document.querySelector("[data-find]");
        if (find) {
          find.focus();
          event.preventDefault();
        }
        break;
      }
      case "?":
        document.querySelector(".me").open = true;
        document.querySelector(".me summary").focus();
        break;
      default:
        if (event.key.length === 1 && order(event.key)) event.preventDefault();
    }
  });

  adopt();
  follow();
})();
