import t from "tap";
import { parseCgroup } from "../../src/cgroup.ts";
import type { ProcessMatch } from "../../src/config.ts";
import { describeProcess, matchedVariables, matches } from "../../src/process.ts";
import type { ProcessFacts } from "../../src/process.ts";

const id = "1a2b3c4d5e6f".repeat(6).slice(0, 64);

const scheduler: ProcessFacts = {
  pid: 4711,
  ppid: 1,
  argv: ["/usr/bin/python3", "/opt/stack/data/venv/bin/cinder-scheduler", "--config-file", "/etc/cinder/cinder.conf"],
  cwd: "/opt/stack/cinder",
  unit: "devstack@c-sch.service",
  user: "stack",
  uid: 1001,
  env: { REGION: "one=1", EMPTY: "", LINES: "a\nb" },
};

t.test("match: each key, and all of them together", async (t) => {
  const cases: [ProcessMatch, boolean][] = [
    [{}, true],
    [{ unit: "devstack@c-sch" }, true],
    [{ unit: "devstack@c-sch.service" }, true],
    [{ unit: "devstack@c-s" }, false],
    [{ unit: "devstack" }, false],
    [{ argv: "cinder-scheduler" }, true],
    [{ argv: "cinder-scheduler --config-file" }, true],
    [{ argv: "cinder-api" }, false],
    [{ cwd: "/opt/stack/cinder" }, true],
    [{ cwd: "/opt/stack/cinder/" }, true],
    [{ cwd: "/opt/stack" }, true],
    [{ cwd: "/" }, true],
    [{ cwd: "/opt/stack/cind" }, false],
    [{ cwd: "/opt/stack/cinder/below" }, false],
    [{ env: "REGION=one=1" }, true],
    [{ env: "REGION=one" }, false],
    [{ env: "EMPTY=" }, true],
    [{ env: "LINES=a\nb" }, true],
    [{ env: "REGION" }, false],
    [{ env: "=one" }, false],
    [{ env: "toString=x" }, false],
    [{ user: "stack" }, true],
    [{ user: "1001" }, true],
    [{ user: "root" }, false],
    [{ user: "0" }, false],
    [{ unit: "devstack@c-sch", argv: "scheduler", cwd: "/opt", env: "EMPTY=", user: "stack" }, true],
    [{ unit: "devstack@c-sch", argv: "scheduler", user: "cinder" }, false],
  ];
  for (const [match, expected] of cases) t.equal(matches(match, scheduler), expected, JSON.stringify(match));

  const unknown: ProcessFacts = { argv: [] };
  for (const key of ["unit", "argv", "cwd", "env", "user"]) t.notOk(matches({ [key]: "x" }, unknown), `no ${key}`);
  t.notOk(matches({ user: "" }, unknown), "no user is not an empty one");
  t.same(matchedVariables([{ env: "A=1" }, { env: "B=x\n=y" }, undefined, { argv: "C=1" }, { env: "A=2" }]), [
    "A",
    "B",
  ]);
});

t.test("one line that names a process", async (t) => {
  t.equal(describeProcess(scheduler), "pid 4711 cinder-scheduler (devstack@c-sch)");
  t.equal(
    describeProcess({ ...scheduler, container: `docker ${id}` }),
    "pid 4711 cinder-scheduler (docker 1a2b3c4d5e6f)",
  );
  t.equal(describeProcess({ argv: [], uid: 110 }), "a process of uid 110");
  t.equal(describeProcess({ argv: ["python3", "x.py"], user: "cinder" }), "a process of cinder x.py");
  t.equal(describeProcess({ pid: 7, argv: [], exe: "/usr/bin/app" }), "pid 7 app");
  const names: [string[], string][] = [
    [["python3"], "python3"],
    [
      ["/usr/bin/python3.11", "-Xfrozen_modules=off", "-X", "dev", "-W", "ignore", "-u", "/srv/app.py", "x.py"],
      "app.py",
    ],
    [["python3", "-m", "cinder.cmd.api", "-x"], "cinder.cmd.api"],
    [["python3", "-c", "import x"], "python3"],
    [["python3", "-m"], "python3"],
    [["python3", "/d/pydevd.py", "--port", "5678", "--client", "127.0.0.1", "--file", "/srv/work.py", "1"], "work.py"],
    [["python3", "-m", "pydevd", "--port", "5678"], "pydevd"],
    [["python3", "-m", "debugpy", "--listen", "5678", "--wait-for-client", "/srv/app.py"], "app.py"],
    [["python3", "-m", "debugpy", "--listen", "h:1", "--configure-subProcess", "False", "-m", "a.b"], "a.b"],
    [["python3", "-m", "debugpy", "--listen"], "debugpy"],
    [["/usr/bin/uwsgi", "--ini", "x"], "uwsgi"],
    [["/a b/prog\u0000\n\u001B[2J"], "prog [2J"],
    [["/"], "/"],
    [[""], ""],
  ];
  for (const [argv, name] of names) t.equal(describeProcess({ pid: 7, argv }), `pid 7 ${name}`.trim(), argv.join(" "));
  t.equal(describeProcess({ pid: 7, argv: ["x".repeat(500)] }).length, 120);
});

t.test("unit and container from the cgroup", async (t) => {
  const cases: [string, { unit?: string; container?: string; cgroup?: string }][] = [
    ["0::/system.slice/system-devstack.slice/devstack@c-api.service\n", { unit: "devstack@c-api.service" }],
    ["0::/system.slice/uwsgi.service/workers\n", { unit: "uwsgi.service" }],
    ["0::/user.slice/user-1.slice/user@1.service/app.slice/my.service\n", { unit: "my.service" }],
    ["0::/user.slice/user-1.slice/session-3.scope\n", {}],
    [`0::/system.slice/docker-${id}.scope\n`, { container: `docker ${id}` }],
    [`4:memory:/docker/${id}\n1:name=systemd:/docker/${id}\n0::/\n`, { container: `docker ${id}` }],
    [
      `0::/user.slice/user-1.slice/user@1.service/user.slice/libpod-${id}.scope/container\n`,
      { container: `podman ${id}` },
    ],
    [`0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-${id}.scope\n`, { container: `containerd ${id}` }],
    [`0::/kubepods/besteffort/pod1/${id}\n`, { container: id }],
    ["0::/lxc.payload.web/system.slice/nginx.service\n", { unit: "nginx.service", container: "lxc web" }],
    ["4:memory:/lxc/web\n", { container: "lxc web" }],
    ["3:cpu:/\n1:name=systemd:/system.slice/a.service\n0::/system.slice/b.service\n", { unit: "a.service" }],
    ["4:memory:/pool/x\n0::/\n", { cgroup: "/pool/x" }],
    ["0::/\n", { cgroup: "/" }],
  ];
  for (const [text, expected] of cases) {
    const { cgroup, ...facts } = parseCgroup(text);
    t.ok(cgroup?.startsWith("/"), `a path in ${text}`);
    if (expected.cgroup !== undefined) t.equal(cgroup, expected.cgroup);
    if (expected.cgroup === undefined) t.same(facts, expected, text);
  }
  for (const text of ["", "\n", "garbage", "::/x"]) t.same(parseCgroup(text), {}, "no cgroup, no facts");
});
