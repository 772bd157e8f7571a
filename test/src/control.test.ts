import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import t from "tap";
import type { RelayView, SessionView } from "../../protocol/control.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import { askToDrive, askToRelease, askToRetry, askToStop, findRelays } from "../../src/control/client.ts";
import { startControl } from "../../src/control/server.ts";
import { handOver, type Drivable, type HandedOver } from "../../src/hand-over.ts";
import { defaultSocketDir, isAlive } from "../../src/control/socket-dir.ts";

const view: RelayView = { pid: process.pid, started: 1, version: "1.2.3", hosts: [], services: [], sessions: [] };

const sessionView: SessionView = {
  id: 1,
  service: "svc",
  ordinal: 1,
  name: "svc#1",
  wire: "dap",
  debuggee: "",
  client: "",
  state: "open",
  since: 0,
  mode: "cut-through",
  bytes: { client: 0, debuggee: 0 },
  frames: { client: 0, debuggee: 0 },
};

/** A directory with a path short enough for sockets; the test directories of tap are too deep. */
function temporary(t: { teardown(action: () => void): void }): string {
  const dir = mkdtempSync(join(tmpdir(), "dt-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A process id that was somebody's and is nobody's. */
let retries = 0;
const retry = (): void => {
  retries++;
};
const sources = async (): Promise<undefined> => undefined;
const release = (name: string): string[] => (name === "svc" ? ["svc#1", "svc#2"] : []);

const drive = (name: string, client: string): HandedOver[] => {
  if (client === "odd") throw new DebugtapError("DT_DRIVE", "no", { why: "it is odd", fix: "debugtap ps" });
  return name === "svc" ? [{ session: "svc#1", client: { id: 2, name: client, drives: true } }] : [];
};

function deadPid(): number {
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  return pid;
}

/** Sends raw bytes and gives what comes back until the end. */
async function exchange(path: string, bytes: string): Promise<string> {
  const socket = connect(path);
  socket.on("error", () => undefined);
  socket.write(bytes);
  return text(socket).catch(() => "");
}

t.test("a relay is found by its socket, tells its view and is asked to stop once", async (t) => {
  const dir = join(temporary(t), "run");
  t.strictSame(await findRelays(dir), [], "no directory, no relay");
  let stops = 0;
  const control = await startControl({ dir, view: () => view, stop: () => stops++, release, retry, drive, sources });
  t.equal(control.path, join(dir, `${process.pid}.sock`));
  t.equal(statSync(dir).mode & 0o777, 0o700);
  t.equal(statSync(control.path).mode & 0o777, 0o600);
  const [found, ...others] = await findRelays(dir);
  t.strictSame(others, []);
  t.strictSame(found, { pid: process.pid, path: control.path, view });
  t.equal(stops, 0);
  t.ok(found !== undefined && (await askToRetry(found)));
  t.equal(retries, 1);
  t.strictSame(found && (await askToRelease(found, "svc")), ["svc#1", "svc#2"]);
  t.strictSame(found && (await askToRelease(found, "no & such")), []);
  t.match(found && (await askToDrive(found, "svc", "nv im&")), {
    driving: [{ session: "svc#1", client: { id: 2, name: "nv im&" } }],
    refused: undefined,
  });
  t.strictSame(found && (await askToDrive(found, "none", "")), { driving: [] });
  t.strictSame(found && (await askToDrive(found, "svc", "odd")), {
    driving: [],
    refused: { code: "DT_DRIVE", what: "no", why: "it is odd", fix: "debugtap ps" },
  });
  t.ok(found !== undefined && (await askToStop(found)));
  t.ok(found !== undefined && (await askToStop(found)));
  t.equal(stops, 1);
  await control.close();
  t.notOk(existsSync(control.path));
  t.strictSame(await findRelays(dir), []);
  t.equal(found !== undefined && (await askToStop(found)), false, "a relay that is gone does not answer");
});

t.test("sockets of dead processes are removed, other files are left alone", async (t) => {
  const run = temporary(t);
  const dead = join(run, `${deadPid()}.sock`);
  writeFileSync(dead, "");
  writeFileSync(join(run, "notes.txt"), "");
  const control = await startControl({
    dir: run,
    view: () => view,
    stop: () => undefined,
    release,
    retry,
    drive,
    sources,
  });
  t.notOk(existsSync(dead));
  t.ok(existsSync(join(run, "notes.txt")));
  await control.close();
});

t.test("a process that lives and does not answer is found without a view", async (t) => {
  const dir = join(temporary(t), "run");
  const control = await startControl({
    dir,
    view: () => Object.assign({}, view, { hosts: 5 }),
    stop: () => undefined,
    release,
    retry,
    drive,
    sources,
  });
  t.strictSame(await findRelays(dir), [{ pid: process.pid, path: control.path }]);
  await control.close();
  writeFileSync(control.path, "no socket");
  t.strictSame(await findRelays(dir), [{ pid: process.pid, path: control.path }]);
});

t.test("no client can crash or hold it", async (t) => {
  const dir = join(temporary(t), "run");
  let stops = 0;
  let failing = true;
  const broken = () => {
    if (failing) throw new Error("no view today");
    return view;
  };
  const control = await startControl({ dir, view: broken, stop: () => stops++, release, retry, drive, sources });
  t.match(await exchange(control.path, "GET /view HTTP/1.1\r\nHost: x\r\n\r\n"), /^HTTP\/1.1 500[^]*no view today/);
  failing = false;
  t.equal(await exchange(control.path, "\u0000\u0001garbage\r\n\r\n"), "");
  t.equal(await exchange(control.path, `GET /view HTTP/1.1\r\nX: ${"y".repeat(100_000)}\r\n\r\n`), "");
  t.match(await exchange(control.path, "GET /stop HTTP/1.1\r\nHost: x\r\n\r\n"), /^HTTP\/1.1 404/);
  t.match(await exchange(control.path, "DELETE /view HTTP/1.1\r\nHost: x\r\n\r\n"), /^HTTP\/1.1 404/);
  t.equal(stops, 0);

  const long = request({
    socketPath: control.path,
    method: "POST",
    path: "/view",
    headers: { "content-length": "1000000000" },
  });
  long.on("error", () => undefined);
  long.write("x".repeat(1000));
  const [answer]: { statusCode?: number }[] = await once(long, "response");
  t.equal(answer?.statusCode, 404, "a body is not waited for");
  long.destroy();

  const left = connect(control.path);
  left.write("POST /stop HTTP/1.1\r\nHost: x\r\n");
  await once(left, "connect");
  left.destroy();
  t.match((await findRelays(dir))[0]?.view, view, "it still answers");
  t.equal(stops, 0);
  await control.close();
});

t.test("a directory that others could put a socket into is refused", async (t) => {
  const dir = temporary(t);
  for (const name of ["open", "real"]) mkdirSync(join(dir, name));
  writeFileSync(join(dir, "file"), "");
  const start = (name: string) =>
    startControl({ dir: join(dir, name), view: () => view, stop: () => undefined, release, retry, drive, sources });
  chmodSync(join(dir, "open"), 0o777);
  await t.rejects(start("open"), { code: "DT_CONTROL_SOCKET", why: /777/, fix: `chmod 700 ${join(dir, "open")}` });
  await t.rejects(findRelays(join(dir, "open")), { code: "DT_CONTROL_SOCKET" });
  chmodSync(join(dir, "real"), 0o700);
  symlinkSync(join(dir, "real"), join(dir, "link"));
  await t.rejects(start("link"), { code: "DT_CONTROL_SOCKET", why: "it is no directory" });
  await t.rejects(start("file"), { code: "DT_CONTROL_SOCKET" });
  await t.rejects(
    start("a".repeat(120)),
    { code: "DT_CONTROL_SOCKET", message: /cannot listen/ },
    "a path too long for a socket",
  );
  t.ok(isAlive(process.pid));
  t.match(defaultSocketDir(), /debugtap/);
});

t.test("the drive goes to the IDE that is meant, or to nobody", async (t) => {
  const session = (name: string, names: readonly string[], may = true): Drivable & { driver: number } => {
    const it = {
      driver: 1,
      view: () => ({
        ...sessionView,
        name,
        clients: names.map((each, i) => ({ id: i + 1, name: each, drives: it.driver === i + 1 })),
      }),
      drive: (client: number) => {
        if (may) it.driver = client;
        return may;
      },
    };
    return it;
  };
  const two = session("svc#1", ["Visual Studio Code", "nvim-dap"]);
  t.match(handOver([two], ""), [{ session: "svc#1", client: { id: 2, name: "nvim-dap", drives: true } }]);
  t.match(handOver([two], ""), [{ client: { id: 1 } }], "and back");
  for (const [wanted, id] of [
    ["2", 2],
    ["visual studio code", 1],
    ["NVIM", 2],
  ] as const)
    t.match(handOver([two], wanted), [{ client: { id } }], wanted);
  t.same(two.driver, 2);
  const three = session("svc#2", ["code", "code", "nvim"]);
  t.throws(() => handOver([three], ""), {
    code: "DT_DRIVE",
    message: "it is not clear which IDE is to drive svc#2",
    why: "these are attached: 1 code, who drives; 2 code; 3 nvim",
    fix: "debugtap drive svc#2 --client 2",
  });
  t.throws(() => handOver([three], "code"), { message: /not clear/ });
  t.throws(() => handOver([three], "emacs"), { message: "svc#2 has no IDE emacs" });
  const one = session("svc#3", ["code"]);
  t.throws(() => handOver([one], ""), { message: "svc#3 has no other IDE to drive it" });
  t.match(handOver([one, two], "1"), [{ session: "svc#1" }], "of a service those that can be");
  t.throws(() => handOver([session("svc#4", ["a", "b"], false)], ""), { message: "svc#4 is not handed over" });
  t.same(handOver([], ""), []);
});
