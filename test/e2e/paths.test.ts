// Sources here and on the VM, by the real program over a real sshd with real debuggees: directories that are called otherwise, on one
// side through a symlink, and one file that differs by a line.
import { DebugClient } from "@vscode/debugadapter-testsupport";
import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import type { RelayView } from "../../protocol/control.ts";
import { debuggeeFile, pythonOnVm } from "../helpers/processes.ts";
import { program } from "../helpers/relay-process.ts";
import { up } from "../helpers/relay-on-vm.ts";
import { freePort } from "../helpers/sockets.ts";

t.jobs = 2;

interface Trees {
  /** The sources as they are called: on the VM, here, and both through a symlink. */
  readonly there: string;
  readonly thereLink: string;
  readonly here: string;
  readonly hereLink: string;
  /** The line with the breakpoint, in api.py. */
  readonly line: number;
  /** For sockets of relays: tests beside this one have others. */
  readonly runtime: string;
}

function trees(t: Test): Trees {
  const dir = mkdtempSync(join(tmpdir(), "dt-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const [there, here, runtime] = [join(dir, "vm/opt/app"), join(dir, "me/src/app"), join(dir, "run")];
  mkdirSync(join(there, "store"), { recursive: true });
  mkdirSync(join(dir, "me/src"), { recursive: true });
  mkdirSync(runtime, { mode: 0o700 });
  copyFileSync(debuggeeFile("api.py"), join(there, "api.py"));
  for (const name of ["volumes", "backups", "types"]) {
    writeFileSync(join(there, "store", `${name}.py`), `"""${name}"""\nNAME = "${name}"\n`);
  }
  cpSync(there, here, { recursive: true });
  const text = readFileSync(join(here, "api.py"), "utf8");
  writeFileSync(join(here, "api.py"), text.replace('"count": 3', '"count": 4'));
  symlinkSync(there, join(dir, "vm/current"));
  symlinkSync(join(dir, "me/src"), join(dir, "me/work"));
  for (const each of ["", "vm", "vm/opt", "vm/opt/app", "vm/opt/app/store"]) chmodSync(join(dir, each), 0o755);
  const line = 1 + text.split("\n").findIndex((each) => each.includes("# breakpoint"));
  return { there, thereLink: join(dir, "vm/current"), here, hereLink: join(dir, "me/work/app"), line, runtime };
}

/** Runs the real program. */
async function debugtap(runtime: string, ...words: string[]) {
  const child = spawn(process.execPath, [program, ...words], {
    env: { ...process.env, XDG_RUNTIME_DIR: runtime, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
  child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
  const [code] = await once(child, "close");
  return { code: code as number | null, stdout, stderr };
}

const difference =
  /api\.py differs in 1 line from .*api\.py on the host \(sha256 [0-9a-f]{12} here, [0-9a-f]{12} there\)/;

/** What the one breakpoint of an IDE says, whether by an answer or by an event. */
function remarks(client: DebugClient) {
  let latest: { readonly verified?: boolean; readonly message?: string } = {};
  const seen = new EventEmitter();
  const tell = (breakpoint: typeof latest | undefined): void => {
    latest = breakpoint ?? {};
    seen.emit("told");
  };
  client.on("breakpoint", ({ body }: { body: { breakpoint: typeof latest } }) => tell(body.breakpoint));
  return {
    answer: ({ body }: { body: { breakpoints: (typeof latest)[] } }) => tell(body.breakpoints[0]),
    async message(wanted: (text: string | undefined) => boolean): Promise<void> {
      while (!wanted(latest.message) || latest.verified !== true) await once(seen, "told");
    },
  };
}

async function serve(t: Test, file: string, wire: "pydevd" | "debugpy", port: number) {
  const running = pythonOnVm(file, wire, `${port}`, "--api-token", "hunter2hunter2");
  t.teardown(() => running.child.kill("SIGKILL"));
  await running.prints("serves on");
  const own = /serves on (\d+)/.exec(running.text())?.[1] ?? "";
  return { running, get: async (path: string) => (await fetch(`http://127.0.0.1:${own}${path}`)).status };
}

t.test(
  "debugpy: the IDE works through a symlink, the VM's root is one: both map, and the breakpoint says what differs",
  { buffered: true },
  async (t) => {
    const { there, thereLink, here, hereLink, line, runtime } = trees(t);
    const [listens, ide] = [await freePort(), await freePort()];
    const source = { local: here, remote: thereLink };
    const relay = await up(t, { svc: { wire: "dap", listens, ide, source } }, { XDG_RUNTIME_DIR: runtime });
    // The process is started by the real path, which is what its frames have.
    const { get } = await serve(t, join(there, "api.py"), "debugpy", listens);

    const client = new DebugClient("node", "", "python");
    await client.start(ide);
    await client.initializeRequest({
      adapterID: "python",
      pathFormat: "path",
      linesStartAt1: true,
      columnsStartAt1: true,
    });
    const initialized = client.waitForEvent("initialized", 10_000);
    const attached = client.attachRequest({ justMyCode: true } as never);
    await initialized;
    const breakpoints = { source: { path: join(hereLink, "api.py") }, breakpoints: [{ line }] };
    const says = remarks(client);
    const started = performance.now();
    says.answer(await client.setBreakpointsRequest(breakpoints));
    t.ok(performance.now() - started < 2000, "the answer does not wait for the VM's file");
    await says.message((text) => difference.test(text ?? ""));
    await client.configurationDoneRequest();
    await attached;

    const note = await relay.event("note", ({ kind }) => kind === "source");
    t.match(note, { session: "svc#1", detail: difference });
    const ps = await debugtap(runtime, "ps", "--json");
    const [view] = JSON.parse(ps.stdout) as RelayView[];
    const local = join(hereLink, "api.py");
    t.match(view?.sessions[0]?.differs, [
      {
        local,
        remote: join(thereLink, "api.py"),
        changedLines: 1,
        localHash: /^[0-9a-f]{64}$/,
        remoteHash: /^[0-9a-f]{64}$/,
      },
    ]);
    t.match((await debugtap(runtime, "ps")).stdout.replaceAll(/\s+/g, " "), /differs in 1 line from/);

    const again = await client.setBreakpointsRequest(breakpoints);
    t.match(again.body.breakpoints[0]?.message, difference, "known by now: it stands in the answer");

    const stopped = client.waitForEvent("stopped", 10_000);
    const answer = get("/one");
    const threadId = Number((await stopped).body.threadId);
    const { body } = await client.stackTraceRequest({ threadId });
    t.match(body.stackFrames[0], { line, source: { path: local } }, "the frame has the name that the IDE used");
    await client.continueRequest({ threadId });
    t.equal(await answer, 200);

    copyFileSync(join(there, "api.py"), join(here, "api.py"));
    says.answer(await client.setBreakpointsRequest(breakpoints));
    await says.message((text) => text === undefined);
    await relay.event("note", ({ kind, detail }) => kind === "source" && detail.includes("is the host's by now"));
    await client.stop();
    relay.kill("SIGINT");
    t.equal(await relay.exit, 0, relay.stderr());
  },
);

t.test(
  "pydevd: the root here is a symlink and the IDE uses its target; the console says what differs, once",
  { buffered: true },
  async (t) => {
    const { there, here, hereLink, line, runtime } = trees(t);
    const dials = await freePort();
    let heard = "";
    const hears = { wanted: /^$/, wake: (): void => undefined };
    const hear = async (wanted: RegExp): Promise<void> => {
      if (wanted.test(heard)) return;
      await new Promise<void>((resolve) => Object.assign(hears, { wanted, wake: resolve }));
    };
    const file = join(here, "api.py");
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", (chunk: Buffer) => {
        heard += chunk.toString();
        if (hears.wanted.test(heard)) hears.wake();
        for (const [, thread] of chunk.toString().matchAll(/^105\t\d+\t.*thread id="(pid_[^"%]+)/gm))
          socket.write(`106\t99\t${thread}\n`);
      });
      socket.write("501\t1\t1.1\tUNIX\tID\n");
      for (const id of [1, 2]) {
        socket.write(`111\t${1 + 2 * id}\t${id}\tpython-line\t${file}\t${line + id - 1}\tNone\tNone\tNone\n`);
      }
      socket.write("101\t9\t\n");
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    t.teardown(() => server.close());
    const address = server.address();
    const ide = address !== null && typeof address === "object" ? address.port : 0;
    const source = { local: hereLink, remote: there };
    const relay = await up(t, { svc: { wire: "pydevd", dials, ide, source } }, { XDG_RUNTIME_DIR: runtime });
    const { get } = await serve(t, join(there, "api.py"), "pydevd", dials);

    await hear(/^116\t.*differs/m);
    const consoles = heard.split("\n").filter((each) => each.startsWith("116\t") && each.includes("differs"));
    t.equal(consoles.length, 1);
    t.match(decodeURIComponent(decodeURIComponent(consoles[0] ?? "")), difference);
    t.match(consoles[0], /ctx="2"/);
    t.match(await relay.event("note", ({ kind }) => kind === "source"), { detail: difference });
    t.equal(await get("/one"), 200);
    await hear(/^105\t.*stop_reason/m);
    const stop = heard.split("\n").find((each) => each.startsWith("105\t")) ?? "";
    t.ok(stop.includes(`file="${file}"`), stop);
    relay.kill("SIGINT");
    t.equal(await relay.exit, 0, relay.stderr());
  },
);

t.test(
  "debugtap paths: by a running relay with no session, alone, and written into the file",
  { buffered: true },
  async (t) => {
    const { there, here, runtime } = trees(t);
    const [listens, dials] = [await freePort(), await freePort()];
    const [dapIde, pydevdIde] = [await freePort(), await freePort()];
    const services = {
      svc: { wire: "dap" as const, listens, ide: dapIde },
      dialer: { wire: "pydevd" as const, dials, ide: pydevdIde, match: { argv: `pydevd ${dials}` } },
    };
    const relay = await up(t, services, { XDG_RUNTIME_DIR: runtime });
    await serve(t, join(there, "api.py"), "debugpy", listens);
    const dialer = await serve(t, join(there, "api.py"), "pydevd", dials);
    const ps = await debugtap(runtime, "ps", "--json");
    const [view] = JSON.parse(ps.stdout) as RelayView[];
    const config = view?.config ?? "";

    const listening = await debugtap(runtime, "paths", "svc", "--local", here, "--json");
    t.equal(listening.code, 0, listening.stderr);
    t.match(listening.stderr, /asking debugtap \d+/);
    const proposal = { local: here, remote: there };
    t.match(JSON.parse(listening.stdout), {
      service: "svc",
      how: "its process",
      proposals: [{ ...proposal, files: 3 }],
      source: [proposal],
    });

    const dialing = await debugtap(runtime, "paths", "dialer", "--local", here, "--json");
    t.match(JSON.parse(dialing.stdout), { pid: dialer.running.child.pid, proposals: [proposal] });

    const shown = await debugtap(runtime, "paths", "svc", "--remote", there, "--local", here);
    t.match(shown.stdout, `source: { local: ${here}, remote: ${there} }`);
    t.match(shown.stdout, /3 files {2}\S+app {2}are in {2}\S+app/);

    const nothing = await debugtap(runtime, "paths", "svc", "--remote", there, "--local", runtime);
    t.match(nothing, { code: 4, stderr: /DT_PATHS_NONE[^]*fix: debugtap paths svc --local/ });
    const gone = await debugtap(runtime, "paths", "svc", "--remote", `${there}/none`, "--local", here);
    t.match(gone, { code: 4, stderr: /DT_PATHS_NONE[^]*no source file of svc/ });
    t.match(await debugtap(runtime, "paths", "svcc", "--config", config), {
      code: 2,
      stderr: /DT_SERVICE_UNKNOWN[^]*fix: debugtap paths svc/,
    });

    const written = await debugtap(runtime, "paths", "svc", "--local", here, "--config", config, "--write");
    t.equal(written.code, 0, written.stderr);
    t.match(written.stderr, /connecting to vm/);
    t.match(written.stdout, /--api-token «redacted:[0-9a-f]{8}»\n/, "its command line, as a trace would have it");
    t.match(written.stdout, /^\+ .*"source": \{ "local": /m);
    const file = JSON.parse(readFileSync(config, "utf8")) as { services: { svc: object; dialer: object } };
    t.match(file.services.svc, { listens, source: proposal });
    t.notMatch(file.services.dialer, { source: proposal });
    const known = await debugtap(
      runtime,
      "paths",
      "svc",
      "--remote",
      there,
      "--local",
      here,
      "--config",
      config,
      "--write",
    );
    t.match(known, { code: 0, stdout: /has this in its source already/ });
    relay.kill("SIGINT");
    t.equal(await relay.exit, 0, relay.stderr());
  },
);
