import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import t, { type Test } from "tap";
import type { Hit } from "../../protocol/hit.ts";
import { openTrace, TraceWriter } from "../../src/trace/index.ts";
import { allText, plain } from "../helpers/all-text.ts";
import { factsOf, hitOf, openAll, readAll, wires } from "./recording.ts";
import { secretFrames, seeds } from "./secret-frames.ts";

const facts = { version: "0.0.0" };

async function leaksOf(dir: string): Promise<string[]> {
  const text = await allText(dir);
  const decoded = plain(text);
  return Object.values(seeds).filter((seed) => text.includes(seed) || decoded.includes(seed));
}

/** With a state directory of its own, where the key of the markers goes. */
function stateDir(t: Test, dir: string): string {
  const before = process.env["XDG_STATE_HOME"];
  process.env["XDG_STATE_HOME"] = join(dir, "state");
  t.teardown(() => {
    if (before === undefined) delete process.env["XDG_STATE_HOME"];
    else process.env["XDG_STATE_HOME"] = before;
  });
  return join(dir, "state");
}

function secretHit(): Hit {
  const hit = hitOf(1, 1, `{'password': '${seeds.password}'}`);
  const [frame] = hit.snapshot.frames;
  const variables = [
    { name: "credentials", value: "{…}", children: [{ name: "'blob'", value: `'${seeds.child}'` }] },
    { name: "self", value: "<A object at 0x7f00>", children: [{ name: "_A__token", value: `'${seeds.token}'` }] },
  ];
  return {
    ...hit,
    text: `bad url mysql://root:${seeds.url}@db/x`,
    correlated: { "context.auth_token": seeds.token },
    snapshot: { ...hit.snapshot, frames: [{ name: "f", ...frame, scopes: [{ name: "Locals", variables }] }] },
  };
}

/** All of it in one trace: wires, cut anywhere, hits, notes, ends, triggers, what was started. */
function recordSecrets(writer: TraceWriter): void {
  openAll(writer);
  writer.session({ ...factsOf(4, "dap"), process: `pid 1 app --password ${seeds.password}` });
  for (let round = 0; round < 5; round++)
    for (const { session, side, bytes } of secretFrames(round))
      for (let at = 0; at < bytes.length; at += 20 + 13 * round)
        writer.chunk(session, side, bytes.subarray(at, at + 20 + 13 * round));
  writer.hit(1, secretHit());
  writer.note(1, { kind: "rewritten", detail: `token=${seeds.token} in the address` });
  writer.source(1, { path: "/opt/app.py", since: 1, why: `mysql://root:${seeds.url}@db/x is no file` });
  const argv = ["curl", "-H", `X-Auth-Token: ${seeds.header}`, "-u", `me:${seeds.password}`];
  writer.trigger({ id: 1, argv, at: 1, ended: 2, exit: 0, stdout: `{"token": "${seeds.token}"}`, stderr: seeds.jwt });
  const list = ["ssh", "h", `mysql -uroot -p${seeds.password} cinder`];
  writer.trigger({
    id: 2,
    argv: ["sshpass", "-p", seeds.password, ...list],
    at: 3,
    ended: 4,
    exit: 0,
    stdout: "",
    stderr: "",
  });
  // Messages that never end.
  for (const { session, side, bytes } of secretFrames(9)) {
    if (session === 3) continue;
    writer.chunk(session, side, bytes);
    writer.chunk(session, side, bytes.subarray(0, bytes.length - 5));
    if (side === "debuggee") break;
  }
  writer.chunk(3, "debuggee", Buffer.from(`password=${seeds.password}`));
}

t.test("no seeded secret is anywhere in a trace that was closed, and what is recorded can be read", async (t) => {
  const dir = t.testdir();
  const state = stateDir(t, dir);
  const command = ["debugtap", "up", "--token", seeds.token];
  const writer = await TraceWriter.open({ dir: join(dir, "trace"), facts: { ...facts, command } });
  recordSecrets(writer);
  writer.end(2, { by: "debuggee", how: "reset", detail: `password=${seeds.password}` });
  await writer.flush();
  t.strictSame(await leaksOf(writer.dir), [], "while it is written");
  const summary = await writer.close();
  t.equal(summary.missed.bytes, 0);
  t.strictSame(await leaksOf(writer.dir), []);
  const { texts, sessions, problems } = await readAll(writer.dir);
  t.strictSame(problems, []);
  t.ok(
    texts.some((text) => text.includes('"name":"size","value":"1"')),
    "what is no secret is there",
  );
  t.equal(sessions[0]?.client.state, "ok");
  const trace = await openTrace(writer.dir);
  const markers = new Set((await allText(writer.dir)).match(/«redacted:[0-9a-f]{8}»/g));
  t.ok(markers.size >= Object.keys(seeds).length, `${markers.size} markers`);
  for await (const { hit } of trace.hits()) t.match(hit.correlated?.["context.auth_token"], /^«redacted:/);
  t.match((await trace.triggers())[0]?.argv, ["curl", "-H", /^X-Auth-Token: «/, "-u", /^me:«/]);
  t.equal(trace.manifest?.secrets, "masked");
  trace.close();
  for (const file of readdirSync(writer.dir, { recursive: true, withFileTypes: true }))
    t.equal(statSync(join(file.parentPath, file.name)).mode & 0o777, file.isDirectory() ? 0o700 : 0o600, file.name);
  const key = join(state, "debugtap", "secret-key");
  t.equal(statSync(key).mode & 0o777, 0o600);
  t.notOk((await allText(writer.dir)).includes(readFileSync(key).toString()), "the key is not in the trace");
});

t.test("equal secrets are equal in two traces of one machine; a trace beside the key has one of its own", async (t) => {
  const dir = t.testdir();
  const state = stateDir(t, dir);
  const markerIn = async (path: string) => {
    const writer = await TraceWriter.open({ dir: path, facts });
    writer.session(factsOf(1, "raw"));
    writer.chunk(1, "client", Buffer.from(`password=${seeds.password}\n`));
    await writer.close();
    return /«redacted:[0-9a-f]{8}»/.exec(await allText(path))?.[0];
  };
  const marker = await markerIn(join(dir, "one"));
  t.match(marker, /^«redacted/);
  t.equal(await markerIn(join(dir, "two")), marker);
  t.not(await markerIn(join(state, "debugtap")), marker);
});

t.test("kill -9 while secrets are recorded: none is on the disk, whole or in part", async (t) => {
  const dir = t.testdir();
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL("secrets-child.js", import.meta.url)), join(dir, "trace")],
    { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, XDG_STATE_HOME: join(dir, "state") } },
  );
  for await (const line of createInterface(child.stdout)) if (Number(line.split(" ")[1]) > 20) break;
  child.kill("SIGKILL");
  await once(child, "close");
  t.strictSame(await leaksOf(join(dir, "trace")), []);
  const text = plain(await allText(join(dir, "trace")));
  for (const seed of Object.values(seeds)) t.notOk(text.includes(seed.slice(0, -4)), "nor most of one");
  t.match(text, /«redacted:/);
});

t.test("--keep-secrets: all is as it was, and the manifest says so", async (t) => {
  const writer = await TraceWriter.open({ dir: join(t.testdir(), "trace"), facts, secrets: "keep" });
  recordSecrets(writer);
  await writer.close();
  t.strictSame(new Set(await leaksOf(writer.dir)), new Set(Object.values(seeds)));
  t.match(JSON.parse(readFileSync(join(writer.dir, "manifest.json"), "utf8")), { secrets: "kept" });
  const { texts } = await readAll(writer.dir);
  const [first] = secretFrames(0);
  t.equal(texts[0], `1 client ${Buffer.from(first?.bytes ?? []).toString()}`);
});

t.test("a prompt that waits in its line is recorded soon; a secret in it is not", async (t) => {
  const writer = await TraceWriter.open({ dir: join(t.testdir(), "trace"), facts });
  writer.session(factsOf(1, wires[2] ?? "raw"));
  writer.chunk(1, "debuggee", Buffer.from("Enter token: "));
  const { written } = writer.marks;
  for (let i = 0; i < 100 && writer.marks.written < written + 2; i++) await pause(20);
  const before = await readAll(writer.dir);
  t.strictSame(before.texts, ["1 debuggee Enter token: "]);
  writer.chunk(1, "debuggee", Buffer.from(`${seeds.token}\n`));
  await writer.close();
  const { texts } = await readAll(writer.dir);
  t.match(texts[1], /^1 debuggee «redacted:[0-9a-f]{8}»\n$/);
});
