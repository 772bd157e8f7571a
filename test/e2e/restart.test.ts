// `debugtap restart` and `debugtap logs` by the real program over a real sshd: units of a real systemd, tabs of a real screen, own commands.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DebugClient } from "@vscode/debugadapter-testsupport";
import t, { type Test } from "tap";
import { debugtapId } from "../../src/inject/folder.ts";
import { program, startRelay } from "../helpers/relay-process.ts";
import { freePort } from "../helpers/sockets.ts";
import { startSystemdVm, type SystemdVm } from "../helpers/systemd-vm.ts";

t.jobs = 2;

/** Waits for a client, then runs its first line of its own. */
const listens = `import os, sys, time
import debugpy
debugpy.listen(("127.0.0.1", int(sys.argv[1])))
debugpy.wait_for_client()
first = os.getpid()
print("runs", flush=True)
time.sleep(600)
`;
const serves = `import os, sys, time, socket
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
for _ in range(int(sys.argv[2])):
    if os.fork() == 0:
        time.sleep(600)
print("serves", os.getpid(), flush=True)
time.sleep(600)
`;

const stubborn = `import runpy, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
runpy.run_path(__file__.replace("stubborn", "serves"))
`;

interface Stage {
  readonly vm: SystemdVm;
  /** What the VM's user can read. */
  readonly there: string;
  readonly here: string;
  readonly env: NodeJS.ProcessEnv;
  /** Writes debugtap.yml. */
  readonly configure: (services: Record<string, object>) => void;
  readonly debugtap: (...words: string[]) => Promise<{ code: number | null; stdout: string; stderr: string }>;
}

async function stage(t: Test, units: (there: string) => Record<string, string>, sudo: boolean): Promise<Stage> {
  const dir = mkdtempSync(join(tmpdir(), "dt-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const [there, here] = [join(dir, "vm"), join(dir, "me")];
  for (const each of [there, here]) mkdirSync(each);
  chmodSync(dir, 0o755);
  chmodSync(there, 0o777);
  writeFileSync(join(there, "listens.py"), listens);
  writeFileSync(join(there, "serves.py"), serves);
  writeFileSync(join(there, "stubborn.py"), stubborn);
  writeFileSync(join(there, "plain.py"), "first = 1\nimport time\ntime.sleep(600)\n");
  writeFileSync(
    join(there, "web.py"),
    "import wsgiref.util\n\n\ndef application(environ, start_response):\n    return []\n",
  );
  const vm = await startSystemdVm(t, { units: units(there), sudo });
  // Of its own: a relay that another test runs is none of ours.
  const env = { XDG_RUNTIME_DIR: dir, XDG_STATE_HOME: join(dir, "state"), NODE_OPTIONS: "", NO_COLOR: "1" };
  return {
    vm,
    there,
    here,
    env,
    configure: (services) =>
      writeFileSync(
        join(here, "debugtap.yml"),
        JSON.stringify({
          hosts: { vm: { ssh: vm.sshd.alias, ssh_config: vm.sshd.sshConfig } },
          services: Object.fromEntries(Object.entries(services).map(([name, each]) => [name, { host: "vm", ...each }])),
        }),
      ),
    debugtap: debugtapIn(here, env),
  };
}

function debugtapIn(cwd: string, more: NodeJS.ProcessEnv): Stage["debugtap"] {
  return async (...words) => {
    const env = { ...process.env, ...more };
    const child = spawn(process.execPath, [program, ...words], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const ended = once(child, "close");
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
    child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
    const [code] = await ended;
    return { code: code as number | null, stdout, stderr };
  };
}

function unit(command: string, more = ""): string {
  return `[Service]\nUser=debugtap-vm\nExecStart=${command}\n${more}`;
}

interface Restarted {
  readonly services: readonly {
    readonly service: string;
    readonly ok: boolean;
    readonly processes: readonly {
      readonly pid: number;
      readonly program: string;
      readonly state?: string;
      readonly forked?: boolean;
    }[];
    readonly before: number;
    readonly session?: string;
    readonly error?: { readonly code: string; readonly what: string; readonly why?: string; readonly fix?: string };
  }[];
}

t.test(
  "a unit: back with its breakpoint before its first line; with workers; one that does not come back",
  async (t) => {
    const [port, ide, forkPort, brokenPort] = [await freePort(), await freePort(), await freePort(), await freePort()];
    const python = "/usr/bin/python3 -Xfrozen_modules=off";
    const s = await stage(
      t,
      (there) => ({
        "api.service": unit(`${python} ${there}/listens.py ${port}`),
        "forks.service": unit(`${python} ${there}/serves.py ${forkPort} 2`),
        "broken.service": unit(
          `/bin/sh -c '[ -e ${there}/broken ] && { echo its database is away; exit 3; }; exec ${python} ${there}/serves.py ${brokenPort} 0'`,
          "Restart=on-failure\nRestartSec=300\n",
        ),
      }),
      true,
    );
    s.configure({
      api: { wire: "dap", listens: port, ide, reattach: true, run: { unit: "api" } },
      forks: { wire: "dap", listens: forkPort, ide: await freePort(), run: { unit: "forks" } },
      broken: { wire: "dap", listens: brokenPort, ide: await freePort(), run: { unit: "broken" } },
    });
    const relay = startRelay(["up", "--config", join(s.here, "debugtap.yml"), "--no-board"], s.env);
    t.teardown(async () => {
      relay.kill("SIGKILL");
      await relay.exit;
    });
    await relay.listening(["api"]);
    const { client, stopped: first } = await ideAt(t, ide, join(s.there, "listens.py"), 5);
    const pidOf = async (): Promise<number> => {
      const { body: threads } = await client.threadsRequest();
      const { body } = await client.stackTraceRequest({ threadId: threads.threads[0]?.id ?? 1 });
      t.match(body.stackFrames[0], { line: 5, source: { path: join(s.there, "listens.py") } });
      const answer = await client.evaluateRequest({ expression: "os.getpid()", frameId: body.stackFrames[0]?.id ?? 0 });
      return Number(answer.body.result);
    };
    await first;
    const old = await pidOf();

    const again = client.waitForEvent("stopped", 40_000);
    const { code, stdout, stderr } = await s.debugtap("restart", "api", "--json");
    t.equal(code, 0, stderr + stdout);
    const [api] = (JSON.parse(stdout) as Restarted).services;
    await again;
    const now = await pidOf();
    t.not(now, old);
    t.match(api, { service: "api", ok: true, before: 1, processes: [{ pid: now }], session: /^api#/ });

    const forks = await s.debugtap("restart", "forks");
    t.equal(forks.code, 0, forks.stderr);
    t.match(forks.stdout, /^forks: back in [\d.]+ s\n(?: {2}pid \d+ {2}\/usr\/bin\/python3 .*\n){3}$/);
    t.match(forks.stderr, "systemctl restart forks.service");

    writeFileSync(join(s.there, "broken"), "");
    const both = await s.debugtap("restart", "broken", "forks", "--json");
    t.equal(both.code, 4);
    t.match(JSON.parse(both.stdout), {
      services: [
        {
          service: "broken",
          ok: false,
          error: {
            code: "DT_RESTART_FAILED",
            what: "broken (broken.service) did not come back",
            why: /its process exited with 3, Result=exit-code[^]*\| its database is away/,
            fix: "ssh vm systemctl status broken.service",
          },
        },
        { service: "forks", ok: true },
      ],
    });

    const shown = await s.debugtap("logs", "broken", "forks", "--lines", "3", "--no-follow");
    t.equal(shown.code, 0, shown.stderr);
    t.match(shown.stdout, /^broken \| .*its database is away$/m);
    t.match(shown.stdout, /^forks {2}\| .*serves \d+$/m);

    const follow = spawn(process.execPath, [program, "logs", "forks", "--json", "--lines", "100"], {
      cwd: s.here,
      env: { ...process.env, ...s.env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.teardown(() => follow.kill("SIGKILL"));
    const over = once(follow, "close");
    const lines = createInterface({ input: follow.stdout })[Symbol.asyncIterator]();
    await lines.next();
    s.vm.run(["systemctl", "restart", "forks.service"]);
    const main = s.vm.run(["systemctl", "show", "-p", "MainPID", "--value", "forks"]).stdout.trim();
    let seen = "{}";
    while (!seen.includes(`serves ${main}`)) seen = String((await lines.next()).value);
    t.match(JSON.parse(seen), { service: "forks", line: `serves ${main}` }, "what came while it followed");
    follow.kill("SIGINT");
    await over;
    await until(() => s.vm.run(["pgrep", "-f", "journalctl.*-f"]).code === 1);
    t.pass("no journalctl is left there");
  },
);

/** An IDE with one breakpoint; `stopped` is its first stop. */
async function ideAt(t: Test, port: number, path: string, line: number) {
  const client = new DebugClient("node", "", "python");
  await client.start(port);
  t.teardown(() => client.stop());
  await client.initializeRequest({
    adapterID: "python",
    pathFormat: "path",
    linesStartAt1: true,
    columnsStartAt1: true,
  });
  const initialized = client.waitForEvent("initialized", 10_000);
  const stopped = client.waitForEvent("stopped", 40_000);
  stopped.catch(() => undefined);
  const attached = client.attachRequest({ justMyCode: true } as never);
  await initialized;
  await client.setBreakpointsRequest({ source: { path }, breakpoints: [{ line }] });
  await client.configurationDoneRequest();
  await attached;
  return { client, stopped };
}

/** It holds in the end. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 50));
}

function listensOn(port: number): boolean {
  const row = `:${port.toString(16).toUpperCase().padStart(4, "0")} 00000000:0000 0A`;
  return readFileSync("/proc/net/tcp", "utf8").includes(row);
}

/** What of inject's variables the process has that `serves 4711` names. */
function environment({ root }: SystemdVm, served = ""): string[] {
  const all = readFileSync(`${root}/proc/${served.replace(/\D/g, "")}/environ`, "utf8").split("\0");
  return all.filter((each) => /^(?:DEBUGTAP_HOOK|PYTHONPATH)=/.test(each)).sort();
}

t.test("no sudo; a tab of screen, its shell and its history; an own command; what is not said", async (t) => {
  const [port, tabPort, dashPort, ownPort, stubbornPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const python = "/usr/bin/python3 -Xfrozen_modules=off";
  const s = await stage(t, (there) => ({ "api.service": unit(`${python} ${there}/serves.py ${port} 0`) }), false);
  const dap = async (listens?: number) => ({
    wire: "dap",
    listens: listens ?? (await freePort()),
    ide: await freePort(),
  });
  const own = `sh ${s.there}/again.sh`;
  writeFileSync(
    join(s.there, "again.sh"),
    `pkill -u debugtap-vm -f "serves.py ${ownPort}"\nsetsid ${python} ${s.there}/serves.py ${ownPort} 0 >${s.there}/own.log 2>&1 </dev/null &\n`,
  );
  s.configure({
    api: { ...(await dap(port)), run: { unit: "api.service" } },
    tab: { ...(await dap(tabPort)), run: { screen: "stack", tab: "api" } },
    dash: { ...(await dap(dashPort)), run: { screen: "stack", tab: "1" } },
    bare: { ...(await dap()), run: { screen: "stack", tab: "bare" } },
    stubborn: { ...(await dap(stubbornPort)), run: { screen: "stack", tab: "stubborn" } },
    nowhere: { ...(await dap()), run: { screen: "stack", tab: "nowhere" } },
    own: { ...(await dap(ownPort)), run: { restart: own, logs: `tail -n 5 -f ${s.there}/own.log` } },
    fails: { ...(await dap()), run: { restart: "echo no such thing; exit 7" } },
    unsaid: await dap(),
  });
  const refused = await s.debugtap("restart", "api", "nowhere", "bare", "fails", "--json");
  t.equal(refused.code, 4);
  t.match(
    (JSON.parse(refused.stdout) as Restarted).services.map(({ error }) => error),
    [
      { code: "DT_SUDO_NEEDED", fix: "ssh -t vm sudo systemctl restart api.service" },
      { code: "DT_RESTART_TAB", what: /no screen stack of this user/ },
      { code: "DT_RESTART_TAB" },
      { code: "DT_RESTART_FAILED", what: /ended with 7/, why: /no such thing/ },
    ],
  );
  t.match((await s.debugtap("restart", "unsaid")).stderr, /DT_RUN_MISSING: .*does not say how unsaid is run/);

  const screen = (...words: string[]) =>
    s.vm.run(["env", "HOME=/home/debugtap-vm", "TERM=xterm", "screen", ...words], s.vm.user);
  const history = join(s.vm.home, ".bash_history");
  writeFileSync(join(s.vm.home, ".bashrc"), "PS1='$ '\nPROMPT_COMMAND='history -a'\n");
  t.equal(screen("-dmS", "stack", "-t", "api", "bash").code, 0, "apt-get install screen");
  t.teardown(() => screen("-S", "stack", "-X", "quit"));
  screen("-S", "stack", "-X", "screen", "-t", "sh", "sh");
  screen(
    "-S",
    "stack",
    "-X",
    "screen",
    "-t",
    "bare",
    "sh",
    "-c",
    `exec ${python} ${s.there}/serves.py ${await freePort()} 0`,
  );
  // With a variable and a pipe, which the command line of its process does not show.
  const command = `WHO=me ${python} ${s.there}/serves.py ${tabPort} 1 | tee -a ${s.there}/tab.log`;
  screen("-S", "stack", "-p", "api", "-X", "stuff", `${command}\r`);
  const served = (): string[] =>
    (readdirSync(s.there).includes("tab.log") ? readFileSync(join(s.there, "tab.log"), "utf8") : "").match(
      /serves \d+/g,
    ) ?? [];
  await until(() => served().length === 1);

  const { code, stdout, stderr } = await s.debugtap("restart", "tab", "--json");
  t.equal(code, 0, stderr + stdout);
  const [restarted] = (JSON.parse(stdout) as Restarted).services;
  t.match(restarted, { service: "tab", ok: true, before: 2 });
  t.equal(served().length, 2);
  const pid = Number(/\d+/.exec(served()[1] ?? "")?.[0]);
  t.ok(
    restarted?.processes.some((each) => each.pid === pid),
    stdout,
  );
  t.match(readFileSync(`${s.vm.root}/proc/${pid}/environ`, "utf8"), "WHO=me", "it was run again as it was typed");
  t.same(
    new Set(readFileSync(history, "utf8").trim().split("\n")),
    new Set([command]),
    "nothing of ours is in its history",
  );

  // With the variables of inject, which end with it.
  const folder = join(s.vm.home, ".cache/debugtap", debugtapId(join(s.here, "debugtap.yml")));
  for (const each of ["env", "services", "state/tab"]) mkdirSync(join(folder, each), { recursive: true });
  writeFileSync(join(folder, "services/tab.json"), "{}");
  writeFileSync(
    join(folder, "env/tab.sh"),
    `export DEBUGTAP_HOOK='${folder}/services/tab.json' PYTHONPATH='${folder}/hook:/opt/own'\n`,
  );
  s.vm.run(["chown", "-R", s.vm.user, "/home/debugtap-vm"]);
  const plain = await s.debugtap("restart", "tab", "--no-wait");
  t.match([plain.code, plain.stdout], [0, "tab: restarted\n"], plain.stderr);
  await until(() => served().length === 3);
  t.match(environment(s.vm, served().at(-1)), [/^DEBUGTAP_HOOK=/, `PYTHONPATH=${folder}/hook:/opt/own`]);
  rmSync(join(s.vm.home, ".cache"), { recursive: true });
  await s.debugtap("restart", "tab", "--no-wait");
  await until(() => served().length === 4);
  t.same(environment(s.vm, served().at(-1)), ["PYTHONPATH=/opt/own"]);
  t.same(new Set(readFileSync(history, "utf8").trim().split("\n")), new Set([command]), "still nothing of ours");

  const bare = await s.debugtap("restart", "bare");
  t.match([bare.code, bare.stderr], [4, /DT_RESTART_TAB: tab bare .* has no shell that could run its program again/]);

  // dash has no history: its program is run again by its command line.
  screen("-S", "stack", "-p", "1", "-X", "stuff", `${python} ${s.there}/serves.py ${dashPort} 0\r`);
  await until(() => s.vm.run(["pgrep", "-f", `serves.py ${dashPort}`]).code === 0);
  const dash = await s.debugtap("restart", "dash");
  t.match([dash.code, dash.stdout], [0, /^dash: back in/], dash.stderr);

  screen("-S", "stack", "-X", "screen", "-t", "stubborn", "sh");
  screen("-S", "stack", "-p", "stubborn", "-X", "stuff", `${python} ${s.there}/stubborn.py ${stubbornPort} 0\r`);
  await until(() => listensOn(stubbornPort));
  const stuck = await s.debugtap("restart", "stubborn", "--timeout", "1s");
  t.match([stuck.code, stuck.stderr], [4, /DT_RESTART_STUCK: [^]*fix: debugtap restart stubborn --force/]);
  const forced = await s.debugtap("restart", "stubborn", "--force");
  t.match([forced.code, forced.stdout, forced.stderr], [0, /^stubborn: back in/, /killed, because/]);

  const owned = await s.debugtap("restart", "own");
  t.match([owned.code, owned.stdout], [0, /^own: back in/], owned.stderr);
  const ownLog = await s.debugtap("logs", "own", "--no-follow");
  t.match([ownLog.code, ownLog.stderr], [2, /DT_USAGE: the log of own is a command of its own/]);

  const left = (): string[] => readdirSync("/tmp").filter((name) => name.startsWith("debugtap-log."));
  const there = left();
  const nowhere = await s.debugtap("logs", "nowhere", "--no-follow");
  t.match([nowhere.code, nowhere.stderr], [4, /DT_LOGS_FAILED: [^]*screen stack has no tab nowhere/]);
  const follow = spawn(process.execPath, [program, "logs", "dash", "own"], {
    cwd: s.here,
    env: { ...process.env, ...s.env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.teardown(() => follow.kill("SIGKILL"));
  const over = once(follow, "close");
  let text = "";
  follow.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await until(() => /^dash \| serves \d+$/m.test(text) && /^own {2}\| serves \d+$/m.test(text));
  screen("-S", "stack", "-p", "1", "-X", "stuff", "\x03");
  await until(() => text.match(/^dash \| KeyboardInterrupt$/gm)?.length === 2); // what is typed before that is lost
  screen("-S", "stack", "-p", "1", "-X", "stuff", "echo a last $((40 + 2)) \r");
  await until(() => /^dash \| a last 42$/m.test(text));
  t.equal(text.match(/^dash \| serves \d+$/gm)?.length, 2, "each line once");
  // More than the tab keeps: what is there moves up.
  for (const first of [1001, 2001, 3001]) {
    screen("-S", "stack", "-p", "1", "-X", "stuff", `seq ${first} ${first + 60}\r`);
    await until(() => text.includes(`dash | ${first + 60}\n`));
  }
  const numbers = text.match(/^dash \| \d{4}$/gm) ?? [];
  t.same([numbers.length, new Set(numbers).size], [183, 183], "no line twice, none left out");
  follow.kill("SIGKILL");
  await over;
  await until(() => s.vm.run(["pgrep", "-f", "tail -n 5 -f"]).code === 1);
  await until(() => left().every((name) => there.includes(name)));
  t.pass("nothing is left there");
});

t.test(
  "after inject: no line runs before its breakpoint is set; workers of uWSGI; one that ignores its environment; one whose debugger fails",
  async (t) => {
    const [port, webPort, ide] = [await freePort(), await freePort(), await freePort()];
    const s = await stage(
      t,
      (there) => ({
        "api.service": unit(`/usr/bin/python3 -Xfrozen_modules=off ${there}/plain.py`),
        "web.service": unit(
          `/usr/bin/uwsgi --plugin python3 --socket ${there}/web.sock --master --processes 2 --wsgi-file ${there}/web.py`,
          "KillSignal=SIGQUIT\n",
        ),
        "deaf.service": unit(`/usr/bin/python3 -I ${there}/plain.py`),
        "dial.service": unit(`/usr/bin/python3 ${there}/plain.py`),
        "stuck.service": unit(`/usr/bin/python3 ${there}/plain.py`),
      }),
      true,
    );
    const taken = createServer().listen(0, "127.0.0.1");
    t.teardown(() => taken.close());
    await once(taken, "listening");
    s.configure({
      api: { wire: "dap", listens: port, ide, reattach: true, run: { unit: "api" } },
      web: { wire: "dap", listens: webPort, ide: await freePort(), run: { unit: "web" } },
      dial: { wire: "pydevd", dials: await freePort(), ide: await freePort(), run: { unit: "dial" } },
      deaf: { wire: "dap", listens: await freePort(), ide: await freePort(), run: { unit: "deaf" } },
      stuck: {
        wire: "dap",
        listens: (taken.address() as AddressInfo).port,
        ide: await freePort(),
        run: { unit: "stuck" },
      },
    });
    const injected = await s.debugtap("inject", "--yes");
    t.equal(injected.code, 0, injected.stderr + injected.stdout);
    const relay = startRelay(["up", "--config", join(s.here, "debugtap.yml"), "--no-board"], s.env);
    t.teardown(async () => {
      relay.kill("SIGKILL");
      await relay.exit;
    });
    await relay.listening(["api"]);
    const all = await s.debugtap("restart", "api", "web", "dial", "deaf", "stuck", "--json");
    t.equal(all.code, 4);
    const [api, web, dial, deaf, stuck] = (JSON.parse(all.stdout) as Restarted).services;
    t.match(api, { ok: true, before: 1, processes: [{ state: "started", forked: false }] }, all.stderr);
    t.match(web, { ok: true, before: 3 });
    t.equal(web?.processes.filter(({ state }) => state === "started").length, 3, all.stdout);
    t.match(dial, { ok: true, session: "dial#1" }, "it has dialled the relay");
    t.match(deaf?.error, { code: "DT_INJECT_IGNORED", why: /-I/ });
    t.match(stuck?.error, { code: "DT_RESTART_UNDEBUGGED", why: /in use/ });

    const { client, stopped } = await ideAt(t, ide, join(s.there, "plain.py"), 1);
    const [folder = ""] = s.vm
      .run([
        "sh",
        "-c",
        "ls /home/debugtap-vm/.cache/debugtap/*/services/api.json /var/lib/debugtap/*/services/api.json",
      ])
      .stdout.split("\n");
    const config = readFileSync(`${s.vm.root}${folder}`, "utf8");
    const again = await s.debugtap("restart", "api");
    t.equal(again.code, 0, again.stderr);
    t.match(again.stdout, /^api: back in .*, session api#1\n {2}pid \d+ .* debugpy \S+\n$/);
    await stopped;
    const { body } = await client.threadsRequest();
    const stack = await client.stackTraceRequest({ threadId: body.threads[0]?.id ?? 1 });
    t.match(stack.body.stackFrames[0], { line: 1, source: { path: join(s.there, "plain.py") } });
    t.equal(readFileSync(`${s.vm.root}${folder}`, "utf8"), config, "the hook's own wait is as it was");

    // Ctrl-C puts it back too.
    const broken = spawn(process.execPath, [program, "restart", "api"], {
      cwd: s.here,
      env: { ...process.env, ...s.env },
    });
    const over = once(broken, "close");
    await until(() => readFileSync(`${s.vm.root}${folder}`, "utf8") !== config);
    broken.kill("SIGINT");
    await over;
    t.equal(readFileSync(`${s.vm.root}${folder}`, "utf8"), config);
  },
);

t.test("a unit of the user's own systemd, without sudo", async (t) => {
  const port = await freePort();
  const s = await stage(t, () => ({}), false);
  const [uid = "", gid = ""] = ["-u", "-g"].map((flag) => s.vm.run(["id", flag, s.vm.user]).stdout.trim());
  const units = join(s.vm.home, ".config/systemd/user");
  mkdirSync(units, { recursive: true });
  writeFileSync(join(units, "own.target"), "[Unit]\nDefaultDependencies=no\nWants=api.service\n");
  writeFileSync(
    join(units, "api.service"),
    `[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/usr/bin/python3 ${s.there}/serves.py ${port} 0\n`,
  );
  writeFileSync(
    `${s.vm.root}/etc/systemd/system/manager.service`,
    `[Service]
User=${s.vm.user}
Type=notify
Delegate=yes
Environment=XDG_RUNTIME_DIR=/run/user/${uid} SYSTEMD_UNIT_PATH=/home/${s.vm.user}/.config/systemd/user
ExecStartPre=+/usr/bin/install -d -o ${uid} -g ${gid} -m 700 /run/user/${uid}
ExecStart=/lib/systemd/systemd --user --unit=own.target
`,
  );
  const started = s.vm.run(["systemctl", "start", "manager"]);
  t.equal(started.code, 0, started.stderr);
  s.configure({ api: { wire: "dap", listens: port, ide: await freePort(), run: { unit: "api", user: true } } });
  const { code, stdout, stderr } = await s.debugtap("restart", "api", "--json");
  t.equal(code, 0, stderr + stdout);
  t.match(JSON.parse(stdout), { services: [{ ok: true, before: 1, processes: [{ program: /serves\.py/ }] }] });
});

/** `docker`, as far as it is asked: one service, which is a process of this machine; what it was told is in `told`. */
const dockerStandIn = (dir: string, port: number) => `#!/bin/sh
echo "$*" >>${dir}/told
case "$*" in
*"ps -q "*) cat ${dir}/id;;
"inspect -f {{.State.Pid}} "*) cat ${dir}/pid;;
"inspect "*) p=$(cat ${dir}/pid); if [ -d /proc/$p ]; then s=running; else s=exited; p=0; fi; echo "$(cat ${dir}/id) $s 7 $(cat ${dir}/started) $p";;
*" up -d "*) [ -s ${dir}/pid ] && kill $(cat ${dir}/pid); [ -e ${dir}/broken ] && exit
  setsid /usr/bin/python3 ${dir}/serves.py ${port} 0 >${dir}/log 2>&1 </dev/null & echo $! >${dir}/pid; date +%s%N >${dir}/started; echo c0ffee >${dir}/id;;
*" logs "*) cat ${dir}/log;;
esac
`;

t.test(
  "a compose service, with inject's override; a container that does not stay (`docker` is a stand-in)",
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), "dt-"));
    t.teardown(() => {
      spawnSync("sh", ["-c", `kill $(cat ${dir}/pid)`]);
      rmSync(dir, { recursive: true, force: true });
    });
    const port = await freePort();
    mkdirSync(join(dir, "bin"));
    writeFileSync(join(dir, "bin/docker"), dockerStandIn(dir, port), { mode: 0o755 });
    writeFileSync(join(dir, "serves.py"), serves);
    for (const name of ["compose.yml", "compose.override.yml"]) writeFileSync(join(dir, name), "");
    const run = { compose: "api", dir };
    writeFileSync(
      join(dir, "debugtap.yml"),
      JSON.stringify({ services: { api: { wire: "dap", listens: port, ide: await freePort(), run } } }),
    );
    const env = { PATH: `${dir}/bin:${process.env["PATH"]}`, XDG_RUNTIME_DIR: dir, NO_COLOR: "1", NODE_OPTIONS: "" };
    const debugtap = debugtapIn(dir, env);
    const ups = (): string[] =>
      readFileSync(join(dir, "told"), "utf8")
        .split("\n")
        .filter((line) => line.includes(" up "));
    const first = await debugtap("restart", "api");
    t.match([first.code, first.stdout], [0, /^api: back in .*\n {2}pid \d+ .*serves\.py/], first.stderr);
    const pid = readFileSync(join(dir, "pid"), "utf8").trim();
    t.match(first.stdout, `pid ${pid} `);

    writeFileSync(join(dir, "compose.debugtap.yml"), "");
    const second = await debugtap("restart", "api", "--json");
    const [api] = (JSON.parse(second.stdout) as Restarted).services;
    t.match(
      api,
      { ok: true, before: 1, processes: [{ pid: Number(readFileSync(join(dir, "pid"), "utf8")) }] },
      second.stderr,
    );
    t.not(api?.processes[0]?.pid, Number(pid));
    t.same(ups(), [
      "compose up -d --force-recreate api",
      "compose -f compose.yml -f compose.override.yml -f compose.debugtap.yml up -d --force-recreate api",
    ]);
    const logs = await debugtap("logs", "api", "--no-follow");
    t.match([logs.code, logs.stdout], [0, /^serves \d+\n$/], logs.stderr);

    writeFileSync(join(dir, "broken"), "");
    const broken = await debugtap("restart", "api");
    t.match(
      [broken.code, broken.stderr],
      [4, /DT_RESTART_FAILED: api \(api\) did not come back\n {2}why: its container is exited, exit code 7/],
    );
  },
);
