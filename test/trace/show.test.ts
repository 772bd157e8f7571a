import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import t from "tap";
import { openTrace, TraceWriter } from "../../src/trace/index.ts";
import { factsOf, frameText } from "./recording.ts";

// The verbs as they are run, without the rest of the command line.
const cli = fileURLToPath(new URL("show-child.js", import.meta.url));
const env = { ...process.env, NO_COLOR: "1", TZ: "UTC" };

function run(...words: string[]): string {
  return execFileSync(process.execPath, [cli, ...words], { encoding: "utf8", env });
}

function fails(...words: string[]): { code: string; what: string; why?: string; fix?: string } {
  const { stdout } = spawnSync(process.execPath, [cli, ...words], { encoding: "utf8", env });
  return (JSON.parse(stdout) as { error: ReturnType<typeof fails> }).error;
}

/** Times differ from run to run. */
function timeless(text: string): string {
  return text
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}/g, "DATE")
    .replace(/\+\d+\.\d{3}s/g, "+T")
    .replace(/\b\d+s\b/g, "0s");
}

const lines = ["501\t1\t1.1\n", '103\t2\t<xml><thread name="MainThread" id="1" /></xml>\n'];
const dap = `{"seq":1,"type":"request","command":"initialize","arguments":{"adapterID":"x"}}`;

t.test("show and export", async (t) => {
  const dir = join(t.testdir(), "trace");
  const writer = await TraceWriter.open({ dir, facts: { version: "0.0.0" } });
  writer.session(factsOf(1, "dap"));
  writer.session(factsOf(2, "pydevd"));
  writer.chunk(1, "client", Buffer.from(`Content-Length: ${dap.length}\r\n\r\n${dap}`));
  for (const line of lines) writer.chunk(2, "debuggee", Buffer.from(line));
  for (let i = 3; i < 10; i++) writer.chunk(2, "client", Buffer.from(frameText("pydevd", i)));
  writer.end(1, { by: "client", how: "end" });
  await writer.close();

  await t.test("the table of sessions", async (t) => {
    t.equal(
      timeless(run("show", dir)),
      [
        "SESSION  WIRE    OPENED (UTC)             LASTED  MESSAGES  HITS  CLIENT  DEBUGGEE  END",
        "api#1    dap     DATE  0s      1         0     101 B   0 B       end by client",
        "api#2    pydevd  DATE  0s      9         0     49 B    63 B      open",
        "",
      ].join("\n"),
    );
    const [first = ""] = run("show", dir, "--json").split("\n");
    t.match(JSON.parse(first), { name: "api#1", wire: "dap", messages: 1, end: { by: "client" } });
  });

  await t.test("the messages of one session, decoded", async (t) => {
    t.match(timeless(run("show", dir, "api#1")), /^ {4}1 {2}\+T {2}client {3}→ {2}.*initialize/);
    const shown = timeless(run("show", dir, "api#2", "--from", "2", "--count", "1"));
    t.match(shown, /^ {4}2 {2}\+T {2}debuggee ← {2}.*MainThread/);
    t.equal(run("show", dir, "api#2", "--last", "3").trim().split("\n").length, 3);
    t.equal(run("show", dir, "--since", "0", "--until", "1h").trim().split("\n").length, 10);
    t.equal(run("show", dir, "2", "--count", "2", "--raw"), lines.join(""));
    t.match(JSON.parse(run("show", dir, "api#1", "--json")), {
      ordinal: 1,
      side: "client",
      message: { command: "initialize" },
    });
  });

  await t.test("follow ends with a trace that is closed", async (t) => {
    t.equal(run("show", dir, "--follow").trim().split("\n").length, 10);
  });

  await t.test("mistakes are answered with what there is", async (t) => {
    t.match(fails("show", dir, "nova#1", "--json"), { code: "DT_USAGE", why: "it has api#1, api#2" });
    t.match(fails("show", dir, "--since", "noon", "--json"), { code: "DT_USAGE" });
    t.match(fails("show", dir, "--last", "x", "--json"), { code: "DT_USAGE" });
    t.match(fails("show", "/nowhere", "--json"), { code: "DT_TRACE_MISSING", fix: "debugtap show latest" });
  });

  await t.test("a reader that leaves ends it quietly", async (t) => {
    const { stdout, stderr } = spawnSync(
      "sh",
      ["-c", `"$0" "$1" show "$2" api#2 | head -n 1`, process.execPath, cli, dir],
      {
        encoding: "utf8",
        env,
      },
    );
    t.equal(stdout.trim().split("\n").length, 1);
    t.equal(stderr, "");
  });

  await t.test("export to lines of JSON, and to one MCAP file that is a trace of its own", async (t) => {
    const all = run("export", dir, "--to", "ndjson").trim().split("\n");
    t.equal(all.length, 10);
    t.match(JSON.parse(all[0] ?? ""), { session: "api#1", message: { command: "initialize" } });
    const file = join(dir, "api.ndjson");
    run("export", dir, "--to", "ndjson", "--session", "api#2", "-o", file);
    t.equal(readFileSync(file, "utf8").trim().split("\n").length, 9);
    t.match(fails("export", dir, "--to", "ndjson", "-o", file, "--json"), { code: "DT_USAGE", why: /already/ });
    const merged = t.testdir();
    run("export", dir, "--to", "mcap", "-o", join(merged, "000001.mcap"));
    const trace = await openTrace(merged);
    t.equal(trace.count(), 10);
    trace.close();
  });
});
