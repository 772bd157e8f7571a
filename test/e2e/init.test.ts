// `debugtap init` by the real program over a real sshd, with real Python services: a plain process, one with eventlet, one that forks,
// one in a GNU screen; units of a real systemd.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import { loadConfig } from "../../src/config.ts";
import { freePorts } from "../../src/demo/ports.ts";
import { ThrowawaySshd } from "../../src/demo/throwaway-sshd.ts";
import type { Proposal } from "../../src/init/proposal.ts";
import type { Survey } from "../../src/transport/survey.ts";
import { holdDefaultPorts } from "../helpers/default-ports.ts";
import { pythonOnVm } from "../helpers/processes.ts";
import { program, startRelay } from "../helpers/relay-process.ts";
import { startSystemdVm } from "../helpers/systemd-vm.ts";

/** Names of the services; other tests' run on the same machine. */
const id = `it${process.pid}`;

const sources: Readonly<Record<string, string>> = {
  plain: "import time\nprint('runs', flush=True)\ntime.sleep(600)\n",
  green: "import eventlet\neventlet.monkey_patch()\nprint('runs', flush=True)\neventlet.sleep(600)\n",
  forks:
    "import os, time\nfor _ in range(2):\n    if os.fork() == 0:\n        time.sleep(600)\nprint('runs', flush=True)\ntime.sleep(600)\n",
};

/** What listens by debugpy, whose adapter has its token in its command line. */
const listening = (port: number) => `import debugpy\ndebugpy.listen(("127.0.0.1", ${port}))\n${sources["plain"]}`;

/** The token of the adapter that has this port. */
function tokenOf(port: number): string {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const argv = commandLine(pid);
    if (argv.includes("--for-server") && argv[argv.indexOf("--port") + 1] === `${port}`)
      return argv[argv.indexOf("--server-access-token") + 1] ?? "";
  }
  throw new Error(`no adapter has port ${port}`);
}

function commandLine(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return []; // it has ended meanwhile
  }
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Stage {
  /** Has the services' sources, as the VM has them. */
  readonly there: string;
  /** Has a copy of them below src, and gets debugtap.yml. */
  readonly here: string;
  readonly sshd: ThrowawaySshd;
  readonly debugtap: (...words: string[]) => Promise<Ended>;
}

async function stage(t: Test): Promise<Stage> {
  await holdDefaultPorts(t);
  const sshd = await ThrowawaySshd.start();
  t.teardown(() => sshd.stop());
  const dir = mkdtempSync(join(tmpdir(), "dt-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const [there, here] = [join(dir, "vm/app"), join(dir, "me")];
  mkdirSync(there, { recursive: true });
  mkdirSync(join(here, "src/copy"), { recursive: true });
  for (const [name, text] of Object.entries(sources)) {
    for (const base of [there, join(here, "src/copy")]) writeFileSync(join(base, `${id}-${name}.py`), text);
  }
  for (const each of ["", "vm", "vm/app"]) chmodSync(join(dir, each), 0o755);
  return {
    there,
    here,
    sshd,
    debugtap: async (...words) => await init(here, words),
  };
}

async function init(here: string, words: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [program, "init", ...words], {
    cwd: here,
    env: { ...process.env, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
  child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
  const [code] = await once(child, "close");
  return { code: code as number | null, stdout, stderr };
}

async function serve(t: Test, file: string, ...args: string[]): Promise<void> {
  const running = pythonOnVm(file, ...args);
  t.teardown(() => {
    // The workers too, which would outlive it.
    const workers = readFileSync(`/proc/${running.child.pid}/task/${running.child.pid}/children`, "utf8");
    for (const pid of workers.match(/\d+/g) ?? []) process.kill(Number(pid), "SIGKILL");
    running.child.kill("SIGKILL");
  });
  await running.prints("runs");
}

/** A screen of the VM's user with one tab. */
async function screen(t: Test, file: string, title: string): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "dts-"));
  const ready = join(dir, "ready");
  const user =
    process.getuid?.() === 0 ? ["setpriv", "--reuid=debugtap-vm", "--regid=debugtap-vm", "--clear-groups"] : ["env"];
  chmodSync(dir, 0o777);
  const call = (...words: string[]) =>
    spawnSync(user[0] ?? "", [...user.slice(1), "screen", ...words], {
      encoding: "utf8",
      env: { ...process.env, TERM: "xterm" },
    });
  t.teardown(() => {
    call("-S", `${id}scr`, "-X", "quit");
    rmSync(dir, { recursive: true, force: true });
  });
  spawnSync("mkfifo", ["-m", "666", ready]);
  const told = spawn("cat", [ready], { stdio: ["ignore", "pipe", "inherit"] });
  const { status, stdout, stderr } = call(
    "-dmS",
    `${id}scr`,
    "-t",
    title,
    "sh",
    "-c",
    `/usr/bin/python3 ${file} >${ready}`,
  );
  t.equal(status, 0, `apt-get install screen\n${stdout}${stderr}`);
  await once(told.stdout, "data");
}

function launchNames(here: string): string[] {
  const launch = JSON.parse(readFileSync(join(here, ".vscode/launch.json"), "utf8")) as {
    configurations: { name: string; connect: { port: number } }[];
  };
  return launch.configurations.map(({ name }) => name);
}

t.test("from nothing to `up`; a second run changes nothing", async (t) => {
  const { there, here, sshd, debugtap } = await stage(t);
  await Promise.all([
    ...["plain", "green", "forks"].map((name) => serve(t, join(there, `${id}-${name}.py`))),
    screen(t, join(there, `${id}-plain.py`), `${id}-tab`),
  ]);
  const names = ["plain", "green", "forks", "tab"].map((name) => `${id}-${name}`);
  const words = [sshd.alias, "-F", sshd.sshConfig, "--only", ...names];

  const dry = await debugtap(...words, "--dry-run");
  t.equal(dry.code, 0, dry.stderr);
  t.match(dry.stdout, "nothing was written");
  t.match(dry.stdout, "+++ ", "the change is shown");
  const unasked = await debugtap(...words);
  t.match(unasked.stdout, /nothing was written; debugtap init vm --yes/, "without a terminal nobody says yes");
  t.same(readdirSync(here), ["src"]);

  const { code, stdout, stderr } = await debugtap(...words, "--yes");
  t.equal(code, 0, stderr);
  t.match(stdout, new RegExp(`${id}-forks .*2 workers`));
  t.match(stdout, new RegExp(`${id}-green .*eventlet`));
  t.match(stdout, new RegExp(`${id}-tab .*${id}scr tab 0`));
  t.match(
    stdout,
    `Without an edit there:\n  debugtap inject ${id}-tab\nthen:\n  debugtap up\n  debugtap restart ${id}-tab `,
  );
  const afterGreen = stdout.slice(stdout.indexOf(`  ${id}-green\n`));
  t.match(afterGreen.slice(0, afterGreen.indexOf(`  ${id}-plain\n`)), "export GEVENT_SUPPORT=True");
  const config = await loadConfig(join(here, "debugtap.yml"));
  t.same(
    config.services.map(({ name, wire }) => [name, wire]),
    [...names].sort().map((name) => [name, "dap"]),
  );
  t.same(
    config.services.flatMap(({ run }) => run ?? []),
    [{ kind: "screen", screen: `${id}scr`, tab: `${id}-tab` }],
  );
  t.same(config.hosts[0]?.source, [{ local: join(here, "src/copy"), remote: there }]);
  t.same(
    launchNames(here),
    [...names].sort().map((name) => `debugtap: ${name}`),
  );

  t.same(
    readdirSync(there).sort(),
    Object.keys(sources)
      .map((name) => `${id}-${name}.py`)
      .sort(),
    "nothing is left there",
  );

  const again = await debugtap("vm", "--only", ...names, "--yes");
  t.match(again.stdout, `${id}-green is in debugtap.yml already: left alone`);
  t.match(again.stdout, "nothing is to be changed here");
  const json = await debugtap("vm", "--only", ...names, "--yes", "--json");
  t.match(JSON.parse(json.stdout), { written: false, proposal: { services: [], kept: [...names].sort() } });

  rmSync(join(here, ".vscode"), { recursive: true });
  const restored = await debugtap("vm", "--only", ...names, "--yes");
  t.match(
    restored.stdout,
    "written: .vscode/launch.json",
    "the IDE's entries of services that are in the file already",
  );
  t.equal(launchNames(here).length, names.length);

  const relay = startRelay(["up", "--config", join(here, "debugtap.yml"), "--no-board"], {
    XDG_STATE_HOME: join(here, "state"),
  });
  t.teardown(async () => {
    relay.kill("SIGKILL");
    await relay.exit;
  });
  await relay.listening(names);
});

t.test("tokens and passwords of command lines are masked in all that it prints and writes", async (t) => {
  const { there, here, sshd, debugtap } = await stage(t);
  const [port = 0] = await freePorts(1);
  const file = join(there, `${id}-listens.py`);
  writeFileSync(file, listening(port));
  await serve(t, file, "--db-password", "hunter2hunter2", "--url=amqp://me:pw4711pw@mq/", "--workers", "3");
  const token = tokenOf(port);
  t.match(token, /^[0-9a-f]{32,}$/);
  const words = ["vm", "-F", sshd.sshConfig, "--only", `${id}-listens`];
  const json = await debugtap(...words, "--dry-run", "--json");
  const { survey, proposal } = JSON.parse(json.stdout) as { survey: Survey; proposal: Proposal };
  t.match(
    proposal.services,
    [{ name: `${id}-listens`, port, debugged: true }],
    "the debugger was found by its adapter",
  );
  const marker = /^«redacted:[0-9a-f]{8}»$/;
  const adapter = survey.processes.find(({ argv }) => argv.includes("--for-server") && argv.includes(`${port}`))?.argv;
  t.match(adapter?.[adapter.indexOf("--server-access-token") + 1], marker);
  t.match(adapter?.[adapter.indexOf("--for-server") + 1], /^\d+$/, "a port is no secret");
  const service = survey.processes.find(({ argv }) => argv.includes("--db-password"))?.argv ?? [];
  t.match(service.slice(service.indexOf(file)), [
    file,
    "--db-password",
    marker,
    /^--url=amqp:\/\/me:«redacted:[0-9a-f]{8}»@mq\/$/,
    "--workers",
    "3",
  ]);
  const plain = await debugtap(...words, "--yes");
  const written = readFileSync(join(here, "debugtap.yml"), "utf8");
  for (const secret of [token, "hunter2", "pw4711pw"])
    for (const text of [json.stdout, json.stderr, plain.stdout, plain.stderr, written]) t.notOk(text.includes(secret));
});

t.test("what is there is left alone; what cannot be had is told in a line", async (t) => {
  const { there, here, sshd, debugtap } = await stage(t);
  await serve(t, join(there, `${id}-plain.py`));
  const name = `${id}-plain`;
  const words = ["vm", "--only", name];
  const begun = `# mine\nhosts:\n  vm: { ssh: vm, ssh_config: ${sshd.sshConfig} } # a host and no service yet\n`;
  writeFileSync(join(here, "debugtap.yml"), begun);
  mkdirSync(join(here, ".vscode"));
  const launch = join(here, ".vscode/launch.json");
  writeFileSync(launch, `{\n  // mine\n  "configurations": [{ "name": "debugtap: ${name}" }],\n}\n`);
  const before = readFileSync(launch, "utf8");
  const { stdout } = await debugtap(...words, "--yes");
  t.match(stdout, `has \`debugtap: ${name}\` already: left alone`);
  t.equal(readFileSync(launch, "utf8"), before);
  t.ok(readFileSync(join(here, "debugtap.yml"), "utf8").startsWith(begun.trimEnd().slice(0, 20)));
  t.match(readFileSync(join(here, "debugtap.yml"), "utf8"), "# a host and no service yet");
  t.same(
    (await loadConfig(join(here, "debugtap.yml"))).services.map((each) => each.name),
    [name],
  );

  chmodSync(join(here, "debugtap.yml"), 0o444);
  await serve(t, join(there, `${id}-forks.py`));
  const readOnly = await debugtap("vm", "--only", `${id}-forks`, "--yes");
  t.match([readOnly.code, readOnly.stderr], [4, /DT_FILE_UNREADABLE: .*debugtap\.yml cannot be written\n.*read-only/]);

  const nothing = await debugtap("vm", "-F", sshd.sshConfig, "--only", "no-such-service");
  t.equal(nothing.code, 4);
  t.match(nothing.stderr, /DT_INIT_NONE: nothing that is called no-such-service runs on vm/);
  const badHost = await debugtap("no host", "--json");
  t.match([badHost.code, JSON.parse(badHost.stdout)], [2, { error: { code: "DT_USAGE" } }]);
  writeFileSync(join(here, "bad.yml"), "services: [\n");
  const badConfig = await debugtap("vm", "-c", "bad.yml");
  t.match([badConfig.code, badConfig.stderr], [2, /DT_CONFIG_SYNTAX/]);
});

t.test(
  "a virtual environment with pydevd alone dials, for PyCharm; one without a debugger is told the line",
  async (t) => {
    const { there, here, sshd, debugtap } = await stage(t);
    mkdirSync(join(here, ".idea"));
    for (const name of ["dials", "bare"]) {
      const venv = join(there, name);
      const { status } = spawnSync("/usr/bin/python3", ["-m", "venv", "--without-pip", venv]);
      t.equal(status, 0);
      const [lib = ""] = readdirSync(join(venv, "lib"));
      // Its name is what is looked for: nothing of it is run.
      if (name === "dials") writeFileSync(join(venv, "lib", lib, "site-packages/pydevd.py"), "raise SystemExit\n");
      writeFileSync(join(there, `${id}-${name}.py`), sources["plain"] ?? "");
      // As root: another user than the VM's, who sees its command line and no more.
      const child = spawn(join(venv, "bin/python3"), [join(there, `${id}-${name}.py`)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      t.teardown(() => child.kill("SIGKILL"));
      await once(child.stdout, "data");
    }
    const words = ["vm", "-F", sshd.sshConfig, "--only", `${id}-dials`, `${id}-bare`];
    const { stdout, stderr } = await debugtap(...words, "--yes", "--one-port");
    const config = await loadConfig(join(here, "debugtap.yml"));
    t.match(
      config.services,
      [
        { name: `${id}-bare`, wire: "dap" },
        { name: `${id}-dials`, wire: "pydevd", match: { argv: join(there, `${id}-dials.py`) } },
      ],
      stderr,
    );
    t.match(stdout, `${join(there, "bare/bin/python3")} -m pip install debugpy`);
    t.match(stdout, /pydevd\.settrace\("127\.0\.0\.1", port=\d+, suspend=False, patch_multiprocessing=True\)/);
    if (process.getuid?.() === 0) t.match(stdout, "it is another user's: what debugtap-vm cannot see");
    const file = join(here, `.idea/runConfigurations/debugtap_${id}_dials.xml`);
    t.match(readFileSync(file, "utf8"), `name="PORT" value="${config.services[1]?.ide}"`);
    t.same(readdirSync(join(here, ".idea/runConfigurations")).length, 1);
  },
);

t.test("units of systemd: one's own with workers, another user's, one that does not run", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "dt-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  chmodSync(dir, 0o755);
  const [port = 0] = await freePorts(1);
  const listens = `import debugpy\ndebugpy.listen(("127.0.0.1", ${port}))\n`;
  for (const [name, text] of Object.entries({ ...sources, listens: listens + (sources["forks"] ?? "") }))
    writeFileSync(join(dir, `${name}.py`), text);
  // A Python of which only the version is another.
  const old = `#!/bin/bash\n[ "$1" = -c ] && { echo '{"version": "3.6.9", "has": [], "roots": []}'; exit; }\n`;
  writeFileSync(join(dir, "python3.6"), `${old}exec -a "$0" /usr/bin/python3 "$@"\n`, { mode: 0o755 });
  const unit = (user: string, command: string) => `[Service]\nUser=${user}\nExecStart=${command}\n`;
  const vm = await startSystemdVm(t, {
    units: {
      "devstack@c-api.service": unit("debugtap-vm", `/usr/bin/python3 ${dir}/forks.py`),
      "devstack@c-sch.service": unit("debugtap-vm", "/bin/false"),
      "billing.service": unit("root", `/usr/bin/python3 ${dir}/plain.py`),
      "known.service": unit("debugtap-vm", `/usr/bin/python3 ${dir}/listens.py`),
      "old.service": unit("debugtap-vm", `${dir}/python3.6 ${dir}/plain.py`),
    },
  });
  const log = (name: string): string => vm.run(["journalctl", "-u", name, "-o", "cat"]).stdout;
  while (!["devstack@c-api", "billing", "known", "old"].every((name) => log(name).includes("runs")))
    await new Promise((resolve) => setTimeout(resolve, 50));
  const { code, stdout, stderr } = await init(dir, [vm.sshd.alias, "-F", vm.sshd.sshConfig, "--yes"]);
  t.equal(code, 0, stderr);
  t.match(stdout, /cinder-api .*devstack@c-api\.service; Python .*2 workers/);
  t.match(stdout, /billing .*billing\.service; .*another user's/);
  t.match(stdout, "passed over: devstack@c-sch.service does not run");
  t.match(stdout, /passed over: old: Python 3\.6\.9 is too old for the debugpy of today/);
  t.match(stdout, /known .*listens \d+, .*; debugpy listens in it already; 2 workers/);
  t.match(stdout, "debugtap inject billing cinder-api\n", "what has a debugger needs none");
  t.notMatch(stdout, "To be done on the host");
  const config = await loadConfig(join(dir, "debugtap.yml"));
  t.same(config.services.find(({ name }) => name === "known")?.listens, port, "the port that debugpy has");
  t.same(
    config.services.map(({ name, run }) => [name, run]),
    [
      ["billing", { kind: "unit", unit: "billing.service", user: false }],
      ["cinder-api", { kind: "unit", unit: "devstack@c-api.service", user: false }],
      ["known", { kind: "unit", unit: "known.service", user: false }],
    ],
  );

  const units = ["devstack@c-api", "billing", "known", "old"];
  t.equal(vm.run(["systemctl", "stop", ...units]).code, 0);
  const python = vm.run(["readlink", "-f", "/usr/bin/python3"]).stdout.trim();
  t.equal(vm.run(["mount", "--bind", "/bin/false", python]).code, 0);
  const none = await init(dir, [vm.sshd.alias, "-c", "none.yml", "-F", vm.sshd.sshConfig]);
  t.equal(none.code, 4);
  t.match(none.stderr, /DT_INIT_NONE: .*\n.*why: /, "a VM without Python");
});
