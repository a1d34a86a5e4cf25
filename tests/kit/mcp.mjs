// Lists and calls tools as a client of the official SDK: `node mcp.mjs SDK COMMAND ARGS… -- NAME JSON …`.
// Prints what came of it as JSON.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [sdk, ...rest] = process.argv.slice(2);
const resolve = createRequire(pathToFileURL(sdk + "/package.json")).resolve;
const from = (name) => import(pathToFileURL(resolve("@modelcontextprotocol/sdk/" + name)));
const { Client } = await from("client/index.js");
const { StdioClientTransport } = await from("client/stdio.js");

const cut = rest.indexOf("--");
const [command, ...args] = rest.slice(0, cut);
const calls = rest.slice(cut + 1);
const client = new Client({ name: "orch-tests", version: "1.0.0" });
await client.connect(new StdioClientTransport({ command, args, stderr: "inherit" }));
const { tools } = await client.listTools();
const answers = [];
for (let at = 0; at < calls.length; at += 2) {
  try {
    const answer = await client.callTool({ name: calls[at], arguments: JSON.parse(calls[at + 1]) });
    answers.push({ isError: answer.isError === true, text: answer.content[0].text });
  } catch (error) {
    answers.push({ thrown: String(error) });
  }
}
await client.close();
console.log(JSON.stringify({ server: client.getServerVersion(), tools, answers }));
