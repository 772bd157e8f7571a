// `debugtap doctor` over a real sshd, with real services: each fault is found under its own code, and its fix, run as printed, mends it. What
// is of a host and not of a service: doctor-host.test.ts.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import t, { type Test } from "tap";
import { freePorts } from "../../src/demo/ports.ts";
import { debugtapId } from "../../src/inject/folder.ts";
import { hookEnvironment } from "../../src/inject/layout.ts";
import { portOwner } from "../../src/transport/port-owner.ts";
import { HostRecords } from "../../src/transport/host-records.ts";
import { asVm, doctorStage, wrongs, type DoctorStage } from "../helpers/doctor-stage.ts";
import { startRelay } from "../helpers/relay-process.ts";

const hook = fileURLToPath(new URL("../../../src/inject/hook", import.meta.url));

/** Names of the services; other tests' run on the same machine. */
const id = `dr${process.pid}`;

const waits = "import sys, time\nsys.path.insert(0, '.')\nimport ready\ntime.sleep(600)\n";
const serves =
  "import sys\nsys.path.insert(0, '.')\nimport ready\ndef application(env, start):\n    start('200 OK', [])\n    return [b'']\n";

/** A folder of inject, where a user without a home has it. */
function folder({ uid }: DoctorStage, name: string): string {
  const base = `/var/tmp/debugtap-${uid}`;
  mkdirSync(base, { recursive: true, mode: 0o700 });
  chownSync(base, uid, uid);
  const path = join(base, name);
  mkdirSync(path, { mode: 0o700 });
  chownSync(path, uid, uid);
  return path;
}

/** Links are left alone: a virtual environment's Python is the system's. */
function give(path: string, uid: number): void {
  const found = lstatSync(path);
  if (found.isSymbolicLink()) return;
  chownSync(path, uid, uid);
  if (found.isDirectory()) for (const name of readdirSync(path)) give(join(path, name), uid);
}

async function listen(t: Test, port: number): Promise<Server> {
  const server = createServer();
  t.teardown(() => server.close());
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** Holds a port until it is killed. */
const holder = (port: number): string =>
  `import socket, time\ns = socket.socket()\ns.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\ns.bind(("127.0.0.1", ${port}))\ns.listen()\nprint("holds", flush=True)\ntime.sleep(600)`;

t.test("faults of services: each found under its code, and gone after its fix", async (t) => {
  const stage = await doctorStage(t);
  const { there, here, sshd, uid, write, start, run, paste } = stage;
  const ports = await freePorts(12);
  const port = (index: number): number => ports[index] ?? 0;
  const n = (name: string): string => `${id}_${name}`;
  const python = "/usr/bin/python3";

  // Services, each with a fault.
  const plain = ["green", "hooked", "early", "deaf", "oslo", "bare"] as const;
  for (const name of plain)
    write(`${n(name)}.py`, name === "green" ? `import eventlet\neventlet.monkey_patch()\n${waits}` : waits);
  write("wsgi.py", serves);
  write(`${n("gun")}.py`, serves.replace("application", "app"));
  write(`${n("oslo")}.conf`, "[DEFAULT]\ntransport_url = rabbit://u:secret-of-the-bus@h/\nrpc_response_timeout = 30\n");
  write(
    `${n("web")}.ini`,
    `[uwsgi]\nplugin = python3\nsocket = ${there}/web.sock\nmaster = true\ndie-on-term = true\nprocesses = 1\nlazy-apps = true\nwsgi-file = wsgi.py\nharakiri = 20\n`,
  );
  const venv = spawnSync(python, ["-m", "venv", "--without-pip", join(there, "venv")], { encoding: "utf8" });
  t.equal(venv.status, 0, `apt-get install python3-venv\n${venv.stderr}`);
  give(join(there, "venv"), uid);
  for (const program of ["/usr/bin/uwsgi", "/usr/bin/gunicorn"])
    t.ok(existsSync(program), "apt-get install uwsgi-core uwsgi-plugin-python3 gunicorn");

  const foreign = asVm(t, python, "-c", holder(port(0)));
  const dialled = asVm(t, python, "-c", holder(port(1)));
  const localHolder = spawn(python, ["-c", holder(port(2))], { stdio: ["ignore", "pipe", "inherit"] });
  t.teardown(() => localHolder.kill("SIGKILL"));
  await Promise.all([foreign, dialled, localHolder].map((child) => once(child.stdout ?? child, "data")));

  await Promise.all([
    start(n("green"), `${python} ${n("green")}.py`),
    start(n("oslo"), `${python} ${n("oslo")}.py --config-file ${n("oslo")}.conf`),
    start(n("bare"), `venv/bin/python3 ${n("bare")}.py`),
    start(n("web"), `uwsgi --ini ${n("web")}.ini`),
    start(n("gun"), `gunicorn -w 1 -b unix:${there}/gun.sock ${n("gun")}:app`),
    ...["hooked", "early", "deaf"].map(
      async (name) => await start(n(name), `${python}${name === "deaf" ? " -I" : ""} ${n(name)}.py`),
    ),
  ]);
  // `python -I` does not even look beside its program.
  writeFileSync(join(there, `${n("web")}.count`), "2\n");
  writeFileSync(
    join(there, `${n("web")}.ini`),
    readFileSync(join(there, `${n("web")}.ini`), "utf8").replace("processes = 1", "processes = 2"),
  );
  const service = (name: string, index: number, more: object = {}) => [
    n(name),
    { host: "vm", wire: "dap", listens: port(index), ide: port(index), run: run(n(name)), ...more },
  ];
  writeFileSync(
    join(here, "debugtap.yml"),
    JSON.stringify({
      hosts: {
        vm: {
          ssh: "vm",
          ssh_config: sshd.sshConfig,
          source: ["srcs", "lost"].map((dir) => ({ local: `./${dir}`, remote: `${there}/${dir}` })),
        },
      },
      services: Object.fromEntries([
        service("hooked", 0, { ide: port(7) }),
        [n("dials"), { host: "vm", wire: "pydevd", dials: port(1), ide: port(8) }],
        service("green", 9, { ide: port(2) }),
        service("early", 3),
        service("deaf", 4),
        service("oslo", 9, { listens: port(9) + 10_000, ide: port(9) }),
        service("bare", 10),
        service("web", 11),
        service("gun", 11, { listens: port(11) + 10_000, ide: port(11) + 10_001 }),
      ]),
    }),
  );

  // Started before inject: `early`. Started again since: `hooked`, whose port another has, and `deaf`.
  await stage.debugtap("inject", n("hooked"), n("early"), n("deaf"), "--yes");
  const root = `/var/tmp/debugtap-${uid}/${debugtapId(join(here, "debugtap.yml"))}`;
  t.teardown(async () => {
    rmSync(root, { recursive: true, force: true });
    // debugpy's adapters, which may outlive what they debug.
    for (const index of [0, 3, 4]) {
      const owner = await portOwner(port(index));
      if (owner !== undefined) process.kill(owner.pid, "SIGKILL");
    }
  });
  for (const name of ["hooked", "deaf"]) await paste(`ssh -F ${sshd.sshConfig} vm sh ${there}/ctl ${n(name)}`);

  // Leftovers.
  const left = folder(stage, `b${String(process.pid).padStart(9, "0")}`);
  t.teardown(() => {
    rmSync(left, { recursive: true, force: true });
    try {
      rmdirSync(`/var/tmp/debugtap-${uid}`);
    } catch {
      // another test's is in it
    }
  });
  writeFileSync(join(left, "manifest.json"), "{}");
  writeFileSync(join(left, "eject.sh"), `rm -rf ${left}\n`);
  give(left, uid);
  const awaited = await listen(t, port(5));
  const asked = once(awaited, "connection");
  asVm(t, python, "-m", "debugpy.adapter", "--for-server", `${port(5)}`, "--host", "127.0.0.1", "--port", `${port(6)}`);
  await asked;
  const session = spawn("ssh", ["-F", sshd.sshConfig, sshd.alias, "echo $PPID; cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.teardown(() => session.kill("SIGKILL"));
  const [said] = (await once(session.stdout, "data")) as [Buffer];
  const sshdPid = Number(said.toString());
  await leave(join(here, "state/debugtap/hosts"), { name: "vm", destination: "vm", configFile: sshd.sshConfig }, [
    sshdPid,
    process.pid,
  ]);

  // Sources.
  for (const [dir, text] of [
    ["srcs", "a = 1\nb = 2\n"],
    ["lost", "c = 3\n"],
  ] as const) {
    mkdirSync(join(there, dir));
    writeFileSync(join(there, dir, "mod.py"), text);
  }
  mkdirSync(join(here, "srcs"));
  writeFileSync(join(here, "srcs/mod.py"), "a = 1\nb = 3\n");

  // Name, code, subject, and words of it.
  const faults: readonly (readonly [code: string, subject: string, text?: string])[] = [
    ["DT_PORT_IN_USE", "this machine", n("green")],
    ["DT_DOCTOR_PORT_FOREIGN", n("hooked")],
    ["DT_REMOTE_PORT", n("dials")],
    ["DT_DOCTOR_HOOK_FAILED", n("hooked"), "Address already in use"],
    ["DT_DOCTOR_NOT_RESTARTED", n("early")],
    ["DT_INJECT_IGNORED", n("deaf"), "python -I"],
    ["DT_DOCTOR_GEVENT", n("green")],
    ["DT_INJECT_DEBUGGER", n("bare")],
    ["DT_DOCTOR_WORKERS", n("web"), "1 of 2"],
    ["DT_DOCTOR_THREADS", n("web")],
    ["DT_DOCTOR_HARAKIRI", n("web"), "20 s"],
    ["DT_DOCTOR_GUNICORN", n("gun"), "30 s"],
    ["DT_DOCTOR_RPC_TIMEOUT", n("oslo"), "30 s"],
    ["DT_DOCTOR_SERVICE_DOWN", n("oslo"), "60 s (the default)"],
    ["DT_DOCTOR_HEARTBEAT", n("oslo"), "60 s (the default)"],
    ["DT_DOCTOR_SOURCE_HERE", "vm", "/lost"],
    ["DT_DOCTOR_SOURCE_DIFFERS", "vm", "mod.py: 1 lines"],
    ["DT_DOCTOR_LEFT_INJECT", "vm", left],
    ["DT_DOCTOR_LEFT_ADAPTER", "vm", `port ${port(6)}`],
    ["DT_DOCTOR_LEFT_SSHD", "vm", `${sshdPid}`],
    ["DT_DOCTOR_LEFT_STATE", "vm"],
  ];
  const before = await stage.doctor();
  t.equal(before.code, 4, before.stderr);
  t.notMatch(before.stdout, "secret-of-the-bus");
  for (const [code, subject, text] of faults) {
    const [finding, ...more] = wrongs(before.findings, code, subject, text);
    t.ok(finding, `${code} of ${subject}`, { found: before.findings.filter((each) => each.subject === subject) });
    t.same(more, []);
    // A person names the file; all else is as printed.
    const fix = finding?.fix?.replace("FILE-THAT-STARTS-IT", join(there, `${n("deaf")}.cmd`));
    if (finding !== undefined) await paste(fix);
  }
  t.ok(wrongs(before.findings, "DT_DOCTOR_IDE", "this machine", n("dials"))[0], "no IDE listens for what dials");
  await listen(t, port(8));

  const after = await stage.doctor();
  for (const [code, subject, text] of [...faults, ["DT_DOCTOR_IDE", "this machine", n("dials")] as const])
    t.same(
      wrongs(
        after.findings,
        code,
        subject,
        code === "DT_DOCTOR_LEFT_INJECT" || code.includes("LEFT_ADAPTER") || code === "DT_PORT_IN_USE" ? text : "",
      ),
      [],
      `${code} is mended`,
    );
  t.equal(readFileSync(join(here, "srcs/mod.py.~1~"), "utf8"), "a = 1\nb = 3\n", "what was here is kept");
  t.match(
    after.findings.find(({ code, status }) => code === "DT_DOCTOR_LOGIN" && status === "ok")?.what,
    join(sshd.dir, "user_key"),
  );

  const relay = startRelay(["up", "--config", join(here, "debugtap.yml"), "--no-board"], {
    XDG_STATE_HOME: join(here, "state"),
  });
  t.teardown(async () => {
    relay.kill("SIGKILL");
    await relay.exit;
  });
  await relay.listening([n("hooked"), n("dials")]);
  const beside = (await stage.doctor(n("hooked"), n("dials"))).findings.filter(({ status }) => status === "ok");
  const told = (code: string, text: string): boolean =>
    beside.some((each) => each.code === code && each.what.includes(text));
  t.ok(
    told("DT_PORT_IN_USE", `of ${n("hooked")} is held by debugtap ${relay.pid}`),
    "its own relay holds what it needs, here",
    { beside },
  );
  t.ok(told("DT_REMOTE_PORT", `is debugtap's (pid ${relay.pid} here)`), "and there");
  t.ok(told("DT_DOCTOR_HOOK_FAILED", "is started (debugpy"));
  t.ok(told("DT_DOCTOR_PORT_FOREIGN", "listens"), "the adapter has the port");
  relay.kill("SIGTERM");
  await relay.exit;
  await stage.debugtap("eject");
});

t.test("folders of inject that processes in another pid namespace use are not told as left behind", async (t) => {
  const stage = await doctorStage(t);
  const { uid, sshd } = stage;
  // Root's, whose environment the VM's user may not see; and one's own.
  const users = { hidden: [], shown: ["setpriv", `--reuid=${sshd.user}`, `--regid=${sshd.user}`, "--clear-groups"] };
  const paths = new Map<string, string>();
  for (const [index, [name, as]] of Object.entries(users).entries()) {
    const path = folder(stage, `${index}c${String(process.pid).padStart(8, "0")}`);
    t.teardown(() => rmSync(path, { recursive: true, force: true }));
    paths.set(name, path);
    for (const dir of ["services", "state/api"]) mkdirSync(join(path, dir), { recursive: true });
    cpSync(hook, join(path, "hook"), { recursive: true });
    const config = { version: 1, service: "api", wire: "pydevd", host: "127.0.0.1", port: 1, module: "never" };
    writeFileSync(join(path, "services/api.json"), JSON.stringify({ ...config, argv: null, wait: 0, guard: [] }));
    give(path, uid);
    // A number that no process has here.
    let number = 2;
    while (existsSync(`/proc/${number}`)) number++;
    const environment = hookEnvironment(path, "api", { pythonPath: undefined, green: false });
    const variables = Object.entries(environment).map(([key, value]) => `${key}=${value}`);
    const runs = [
      "env",
      ...variables,
      "/usr/bin/python3",
      "-c",
      "import time\nprint('runs', flush=True)\ntime.sleep(600)",
    ];
    const until = `import os, sys
pid = 0
while pid != ${number}:
    pid = os.fork()
    if pid == 0:
        os.getpid() == ${number} and os.execvp(sys.argv[1], sys.argv[1:])
        os._exit(0)
    os.waitpid(pid, 0)
`;
    const inside = spawn(
      "unshare",
      ["--fork", "--pid", "--mount-proc", "--kill-child", "/usr/bin/python3", "-c", until, ...as, ...runs],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    t.teardown(() => inside.kill("SIGKILL"));
    await once(inside.stdout, "data");
    t.same(readdirSync(join(path, "state/api")), [`${number}.json`]);
  }
  const { findings } = await stage.doctor(sshd.alias, "-F", sshd.sshConfig);
  const told = (name: string) => {
    const path = paths.get(name) ?? "";
    return findings.filter(({ code, what }) => code === "DT_DOCTOR_LEFT_INJECT" && what.includes(path));
  };
  t.match(told("shown"), [{ status: "note", why: "1 processes use it" }]);
  t.match(told("hidden"), [{ status: "unseen", why: /another pid namespace/ }]);
});

/** Records of a relay that is gone, for sshd processes of which one may live. */
async function leave(
  dir: string,
  host: { name: string; destination: string; configFile: string },
  pids: readonly number[],
): Promise<void> {
  const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  for (const sshdPid of pids) {
    const stat = readFileSync(`/proc/${sshdPid}/stat`, "utf8");
    const sshdStart = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
    const dead = spawnSync("true").pid;
    await new HostRecords(dir, host).write({ bootId, sshdPid, sshdStart }, "debug");
    const name = readdirSync(dir).find((each) => each.includes(`.${process.pid}.`)) ?? "";
    const record = JSON.parse(readFileSync(join(dir, name), "utf8")) as object;
    writeFileSync(join(dir, name), JSON.stringify({ ...record, relayPid: dead }));
    renameSync(join(dir, name), join(dir, name.replace(`.${process.pid}.`, `.${dead}.`)));
  }
}
