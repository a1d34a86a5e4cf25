// Asks a server with its own published client and has its answers checked against the client's types:
// `node gitea.mjs PACKAGES FOLDER URL TOKEN OWNER NAME`. Prints what does not fit, and ends with 1 if anything does not.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [packages, folder, url, token, owner, name] = process.argv.slice(2);
const resolve = createRequire(pathToFileURL(packages + "/package.json")).resolve;
const { giteaApi } = await import(pathToFileURL(resolve("gitea-js")));
const api = giteaApi(url, { token, customFetch: fetch });

const pulls = (await api.repos.repoListPullRequests(owner, name, { state: "all" })).data;
const number = pulls[0].number;
const head = pulls[0].head.sha;
const issue = (await api.repos.issueListIssues(owner, name, { state: "all", type: "issues" })).data[0].number;
await api.repos.repoCreateHook(owner, name, {
  type: "gitea",
  active: true,
  events: ["push"],
  config: { url: "http://127.0.0.1:9/", content_type: "json", secret: "s" },
});
const asked = {
  User: () => api.user.userGetCurrent(),
  Repository: () => api.repos.repoGet(owner, name),
  Branch: () => api.repos.repoGetBranch(owner, name, "main"),
  PullRequest: () => api.repos.repoGetPullRequest(owner, name, number),
  "PullRequest[]": () => api.repos.repoListPullRequests(owner, name, { state: "all" }),
  "PullReview[]": () => api.repos.repoListPullReviews(owner, name, number),
  CombinedStatus: () => api.repos.repoGetCombinedStatusByRef(owner, name, head),
  CommitStatus: () => api.repos.repoCreateStatus(owner, name, head, { context: "their/ci", state: "success" }),
  "Hook[]": () => api.repos.repoListHooks(owner, name),
  "Label[]": () => api.repos.issueListLabels(owner, name),
  "Issue[]": () => api.repos.issueListIssues(owner, name, { state: "all" }),
  Issue: () => api.repos.issueGetIssue(owner, name, issue),
  "TimelineComment[]": () => api.repos.issueGetCommentsAndTimeline(owner, name, issue),
  "Comment[]": () => api.repos.issueGetComments(owner, name, issue),
};
// What a running Forgejo adds to what the client knows.
const added = { User: ["pronouns", "username"], Hook: ["url", "content_type", "metadata"] };
const known = (row) => JSON.stringify(row, (key, value) => (added.User.includes(key) ? undefined : value));
const without = (type, row) =>
  Object.fromEntries(Object.entries(row).filter(([key]) => !(added[type] ?? []).includes(key)));
const types = Object.keys(asked).map((type) => type.replace("[]", ""));
let text = `import type { ${[...new Set(types)].join(", ")} } from "gitea-js";\n`;
let count = 0;
for (const [type, ask] of Object.entries(asked)) {
  const { data } = await ask();
  const rows = Array.isArray(data) ? data : [data];
  if (rows.length === 0) throw new Error(`there is no ${type} to look at`);
  for (const row of rows) text += `export const at${count++}: ${type.replace("[]", "")} = ${known(without(type.replace("[]", ""), row))};\n`;
}
const file = join(folder, "answers.ts");
writeFileSync(file, text);
const options = ["--noEmit", "--strict", "false", "--skipLibCheck", "--module", "esnext", "--moduleResolution", "bundler"];
const paths = { compilerOptions: { paths: { "gitea-js": [join(packages, "node_modules/gitea-js/dist/index.d.ts")] }, types: [] }, files: [file] };
writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(paths));
try {
  execFileSync("node", [resolve("typescript/bin/tsc"), "--project", folder, ...options], { encoding: "utf8" });
  console.log(`${count} answers fit`);
} catch (error) {
  console.log(error.stdout);
  process.exitCode = 1;
}
