// Makes the golden trace of this format: test/golden/format-N/, and what must be read of it in format-N.json beside it.
//
//   node script/golden.mjs                 the format of this debugtap, in place of the one that was made before
//   node script/golden.mjs --with DIR      by another one, compiled in DIR: so that of format 1 was made, by commit 13e50b0
//
// Rules
// - One of an older format is never overwritten: nothing can write it any more but the debugtap of its time.
// - format-N.json says what was recorded, not what a reader made of it.
// - One segment is sealed, one is live, as a crash leaves them. An older debugtap records what it knows: format 1 had neither hits nor triggers.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";

const own = fileURLToPath(new URL("..", import.meta.url));
const [flag, given] = process.argv.slice(2);
if (flag !== undefined && (flag !== "--with" || given === undefined))
  fail("usage: node script/golden.mjs [--with DIR]");
const maker = given === undefined ? own : resolve(given);
const load = async (dir, module) => await import(pathToFileURL(join(dir, "dist/src/trace", module)).href);
const { format } = await load(maker, "format.js");
const { format: current } = await load(own, "format.js");
const target = join(own, `test/golden/format-${format}`);
if (format !== current && existsSync(target)) fail(`${target} is of an older format, and stays as it is`);

const temporary = mkdtempSync(join(tmpdir(), "debugtap-golden-"));
process.env.XDG_STATE_HOME = temporary; // the key of secrets
try {
  const expected = await record(join(temporary, "trace"));
  rmSync(target, { recursive: true, force: true });
  cpSync(join(temporary, "copy"), target, { recursive: true });
  writeFileSync(`${target}.json`, `${JSON.stringify(expected, null, 2)}\n`);
  execFileSync("npx", ["--no-install", "oxfmt", `${target}.json`], { stdio: ["ignore", "ignore", "inherit"] });
} finally {
  rmSync(temporary, { recursive: true, force: true });
}

/** Records two segments into `dir`, copies them while the second is live, and gives what must be read of them. */
async function record(dir) {
  const { TraceWriter } = await load(maker, "index.js");
  const { version } = JSON.parse(readFileSync(join(maker, "package.json"), "utf8"));
  const writer = await TraceWriter.open({ dir, facts: { version }, limits: { segmentBytes: 1500 } });
  const said = { messages: [], hits: [], triggers: [], sources: [] };
  const say = (id, side, text) => {
    writer.chunk(id, side, Buffer.from(text));
    said.messages.push({ session: names[id - 1], side, text });
  };
  const names = ["api#1", "volume#1", "web#1"];
  const facts = (id, wire) => {
    const [service] = names[id - 1].split("#");
    return { id, service, ordinal: 1, name: names[id - 1], wire, debuggee: "vm 127.0.0.1:1", client: "127.0.0.1:2" };
  };
  const knowsHits = typeof writer.hit === "function";
  const hit = (id, number, more) => {
    if (!knowsHits) return;
    const value = { ...hitOf(names[id - 1], number), ...more };
    writer.hit(id, value);
    said.hits.push(value);
  };
  const trigger = (value) => {
    if (!knowsHits) return;
    writer.trigger(value);
    said.triggers = [value];
  };

  writer.session(facts(1, "dap"));
  writer.session(facts(2, "pydevd"));
  const command = { id: 1, argv: ["curl", "-sS", "http://127.0.0.1:8776/v3/volumes"], at: 1_790_000_000_000 };
  trigger(command);
  say(1, "client", dap({ seq: 1, type: "request", command: "initialize", arguments: { adapterID: "debugpy" } }));
  say(1, "debuggee", dap({ seq: 1, type: "response", request_seq: 1, command: "initialize", success: true, body: {} }));
  say(1, "debuggee", dap({ seq: 2, type: "event", event: "stopped", body: { reason: "breakpoint", threadId: 7 } }));
  hit(1, 1, { breakpoint: "app.py:12", trigger: 1, correlated: { "context.request_id": "req-1" } });
  say(2, "client", "501\t1\t1.1\tUNIX\tID\n");
  say(2, "debuggee", "501\t1\t1.1\n");
  writer.note(2, { kind: "opaque", side: "client", detail: "a note" });
  hit(2, 1, { reason: "exception", text: "ValueError: größer" });
  trigger({ ...command, ended: 1_790_000_000_500, exit: 0, stdout: '{"volumes": []}\n' });
  const text = "def create(size):\n    return size\n";
  if (knowsHits) {
    writer.source(1, { path: "/opt/app/app.py", since: 1_790_000_000_001 }, Buffer.from(text));
    said.sources.push(text);
  }
  say(1, "debuggee", dap({ seq: 3, type: "event", event: "output", body: { output: "x".repeat(1500) } }));
  writer.end(2, { by: "debuggee", how: "end" });
  await writer.flush();
  while (!existsSync(join(dir, "000001.mcap"))) await setTimeout(50);

  writer.session(facts(3, "raw"));
  say(3, "client", "GET /v3/volumes HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
  say(3, "debuggee", "HTTP/1.1 200 OK\r\nX-Request-Id: req-2\r\nContent-Length: 2\r\n\r\n{}");
  say(1, "debuggee", dap({ seq: 4, type: "event", event: "stopped", body: { reason: "step", threadId: 7 } }));
  hit(1, 2, { reason: "step" });
  await writer.flush();
  cpSync(dir, join(temporary, "copy"), { recursive: true });
  await writer.close();
  const ended = { "volume#1": { by: "debuggee", how: "end" } };
  const wires = ["dap", "pydevd", "raw"];
  const sessions = names.map((name, i) => ({
    name,
    wire: wires[i],
    messages: said.messages.filter(({ session }) => session === name).length,
    hits: said.hits.filter(({ session }) => session === name).length,
    ...(name in ended ? { end: ended[name] } : {}),
  }));
  return { format, version, sessions, ...said };
}

function dap(message) {
  const body = JSON.stringify(message);
  return `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

function hitOf(session, number) {
  const [service] = session.split("#");
  const variables = [
    { name: "size", type: "int", value: "10" },
    {
      name: "tags",
      type: "list",
      value: "['a', 'b']",
      children: [{ name: "0", value: "'a'" }],
      cut: { by: "items", of: 2 },
    },
  ];
  const frames = [
    { name: "create", path: "/opt/app/app.py", line: 12, scopes: [{ name: "Locals", variables }] },
    { name: "handle", path: "/opt/app/wsgi.py", line: 40 },
  ];
  return {
    number,
    session,
    service,
    at: 1_790_000_000_000 + number,
    thread: { id: 7, name: "MainThread" },
    reason: "breakpoint",
    snapshot: { frames, cut: { by: "frames", of: 45 }, took: 95.4 },
  };
}

function fail(why) {
  process.stderr.write(`${why}\n`);
  process.exit(1);
}
