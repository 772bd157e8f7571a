// The real program with `record.max_size` and `max_age`: what it says, what it leaves, and how its memory is.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import t from "tap";
import type { Manifest } from "../../src/trace/format.ts";
import { program, startRelay } from "../helpers/relay-process.ts";
import { freePort } from "../helpers/sockets.ts";

const bound = 10e6;
const total = 60e6;

function show(...args: string[]): string {
  return execFileSync(process.execPath, [program, ...args], { encoding: "utf8", maxBuffer: 1 << 28 });
}

function sizeOf(dir: string): number {
  let sum = 0;
  for (const name of readdirSync(dir)) sum += statSync(join(dir, name), { throwIfNoEntry: false })?.size ?? 0;
  return sum;
}

/** Bytes of physical memory of a process. */
function memoryOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
}

t.test("a bound of 10 MB for 60 MB of traffic, and an old trace that goes at the start", async (t) => {
  const top = t.testdir({ traces: {} });
  const parent = join(top, "traces");
  const service = createServer((socket) => {
    let sent = 0;
    const more = (): void => {
      while (sent < total) {
        // Not the same again: what compresses well may all fit into the bound, where much of it is left out.
        const noise = randomBytes(64 * 1024);
        sent += noise.length;
        if (!socket.write(noise)) return;
      }
      socket.end();
    };
    socket.on("drain", more).on("error", () => undefined);
    more();
  }).listen(0, "127.0.0.1");
  await once(service, "listening");
  t.teardown(() => service.close());
  const { port } = service.address() as AddressInfo;
  const ide = await freePort();
  const config = join(top, "debugtap.yml");
  const services = `services: { api: { wire: raw, listens: ${port}, ide: ${ide} } }\n`;
  writeFileSync(config, `${services}record: { dir: traces, max_size: 10MB, max_age: 1h }\n`);
  const env = { XDG_RUNTIME_DIR: top };

  // A first run, which then ended two hours ago.
  const first = startRelay(["up", "--config", config], env);
  await first.listening(["api"]);
  first.kill("SIGINT");
  t.equal(await first.exit, 0, first.stderr());
  const old = join(parent, readdirSync(parent)[0] ?? "");
  const manifest = JSON.parse(readFileSync(join(old, "manifest.json"), "utf8")) as Manifest;
  writeFileSync(join(old, "manifest.json"), JSON.stringify({ ...manifest, ended: Date.now() - 7_200_000 }));
  cpSync(old, join(parent, "kept"), { recursive: true });

  const relay = startRelay(["up", "--config", config], env);
  t.teardown(() => relay.kill("SIGKILL"));
  const removed = await relay.event("trace", ({ state }) => state === "removed");
  t.match(removed, { dir: parent, traces: 1, bytes: Number });
  t.notOk(existsSync(old));
  t.ok(existsSync(join(parent, "kept", "manifest.json")), "one that was renamed is kept");
  await relay.listening(["api"]);
  const { dir } = await relay.event("trace", ({ state }) => state === "open");
  const client = connect(ide, "127.0.0.1");
  let [got, largest, memory] = [0, 0, 0];
  const before = memoryOf(relay.pid);
  for await (const bytes of client as AsyncIterable<Buffer>) {
    got += bytes.length;
    largest = Math.max(largest, sizeOf(dir));
    memory = Math.max(memory, memoryOf(relay.pid));
  }
  t.ok(got >= total, "the session is not held up by what is recorded");
  t.match(await relay.event("trace", ({ state }) => state === "dropped"), { by: "max_size", dir });
  await relay.event("session", ({ session }) => session.state === "closed");
  relay.kill("SIGINT");
  t.equal(await relay.exit, 0, relay.stderr());
  largest = Math.max(largest, sizeOf(dir));
  t.comment(`largest ${largest} bytes, memory grown by ${memory - before} bytes`);
  t.ok(largest <= bound, `${largest} bytes`);
  t.ok(memory - before < 150e6, `${memory - before} bytes of memory more`);

  const said = show("show", dir);
  t.match(said, /^dropped by record\.max_size: the first \d+s, \d+ messages and 0 hits, [\d.]+ MB\nSESSION .*\napi#1 /);
  const { dropped } = JSON.parse(show("show", dir, "--json").trimEnd().split("\n").at(-1) ?? "") as Partial<Manifest>;
  t.match(dropped, { by: ["max_size"], frames: Number, hits: 0, ended: 0 });
  const lines = show("export", dir, "--to", "ndjson").trimEnd().split("\n");
  const [start, end] = [lines[0], lines.at(-1)].map((line) => (JSON.parse(line ?? "") as { ordinal: number }).ordinal);
  t.equal(start, (dropped?.frames ?? 0) + 1);
  t.equal((end ?? 0) - (start ?? 0) + 1, lines.length);
  t.match(show("show", dir, "api#1", "--from", `${start}`, "--count", "1"), new RegExp(`^ *${start} `));
  const file = join(top, "whole.mcap");
  show("export", dir, "--to", "mcap", "-o", file);
  t.ok(statSync(file).size > 1e5);
});
