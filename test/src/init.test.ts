// What `init` makes of a host, from outputs as systemctl, screen and docker print them; and the texts that it edits.
import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import t from "tap";
import { parse } from "yaml";
import { parseConfig } from "../../src/config.ts";
import { withProposal } from "../../src/init/config-text.ts";
import { proposeServices, type ProposalOptions, type ProposedService } from "../../src/init/proposal.ts";
import { runConfiguration, runConfigurationFile } from "../../src/init/pycharm.ts";
import { findServices } from "../../src/init/services.ts";
import { matchSources, rootsOf } from "../../src/init/sources.ts";
import { maskedSurvey } from "../../src/init/masked-command-lines.ts";
import { defaultSecretRules } from "../../protocol/redact.ts";
import { withLaunches } from "../../src/init/vscode.ts";
import { surveyCommand } from "../../src/transport/survey-script.ts";
import { parseSurvey, surveyHost } from "../../src/transport/survey.ts";

const mark = "dt.mark";
const venv = "/opt/stack/data/venv/bin/python3.10";

interface Row {
  readonly pid: number;
  readonly ppid?: number;
  readonly argv: readonly string[];
  readonly cgroup?: string;
  readonly cwd?: string;
  readonly env?: string;
  readonly green?: "0" | "1" | "";
  readonly python?: string;
}

function output(rows: readonly Row[], more: readonly (readonly [string, string])[] = []): string {
  const told = rows.flatMap(
    ({ pid, ppid = 1, argv, cgroup = "0::/user.slice", cwd = "", env = "", green = "", python = venv }) => [
      `pid=${pid}\n`,
      `stat=${pid} (a) b) c) S ${ppid} 1 1 0 -1`,
      "uid=1000\n",
      `argv=${argv.map((word) => `${word}\0`).join("")}`,
      `cgroup=${cgroup}\n`,
      `cwd=${cwd}`,
      "exe=",
      `env=${env}\n`,
      `green=${green}`,
      `python=${python}\t`,
    ],
  );
  return [...told, ...more.map(([key, value]) => `${key}=${value}`), "end=ok\n"]
    .map((text) => `\n${mark} ${text}`)
    .join("");
}

const ask = (path: string, version: string, has: readonly string[], roots: readonly string[] = []) =>
  ["ask", `${path}\t\n${JSON.stringify({ version, has, roots })}\n`] as const;

const unit = (name: string) => `0::/system.slice/system-devstack.slice/${name}.service`;
const api = [venv, "/opt/stack/data/venv/bin/cinder-api"];
const uwsgi = ["/opt/stack/data/venv/bin/uwsgi", "--ini", "/etc/nova/nova-api-uwsgi.ini"];

const devstack: readonly Row[] = [
  { pid: 100, argv: api, cgroup: unit("devstack@c-api"), cwd: "/opt/stack/cinder", green: "1" },
  { pid: 101, ppid: 100, argv: api, cgroup: unit("devstack@c-api"), cwd: "/opt/stack/cinder", green: "1" },
  { pid: 102, ppid: 100, argv: [venv, "-c", "from multiprocessing.resource_tracker import main;main(5)"] },
  { pid: 110, argv: uwsgi, cgroup: unit("devstack@n-api") },
  { pid: 111, ppid: 110, argv: uwsgi, cgroup: unit("devstack@n-api") },
  { pid: 112, ppid: 110, argv: uwsgi, cgroup: unit("devstack@n-api") },
  { pid: 120, argv: ["/usr/bin/python3", "/usr/bin/unattended-upgrade-shutdown"], python: "/usr/bin/python3" },
  {
    pid: 130,
    argv: ["python", "main.py"],
    env: "STY=19225.stack\nWINDOW=1",
    cwd: "/srv/billing",
    python: "/usr/bin/python3",
  },
  {
    pid: 140,
    argv: ["/usr/bin/python2.7", "-X", "dev", "/srv/old/legacy.py", "--password=hunter2"],
    python: "/usr/bin/python2.7",
    cwd: "/srv/old",
  },
  { pid: 150, argv: ["/opt/slow/python", "/srv/slow.py"], python: "/opt/slow/python" },
  { pid: 160, argv: ["/usr/bin/python3"], python: "/usr/bin/python3" },
];

const around = [
  ["me", "stack\n"],
  [
    "ports",
    "   0: 0100007F:162E 00000000:0000 0A 00000000:00000000 00:00000000\n   1: 0100007F:162F 00000000:0000 01 0\n",
  ],
  ask(venv, "3.10.12", ["debugpy", "eventlet"], ["/opt/stack/cinder"]),
  ask("/usr/bin/python3", "3.11.2", ["pydevd"]),
  ask("/usr/bin/python2.7", "2.7.18", []),
  ["ask", "/opt/slow/python\t\n"],
  [
    "units",
    "Id=devstack@c-api.service\nDescription=Devstack devstack@c-api.service\nMainPID=100\n\nId=devstack@n-api.service\nDescription=Nova\n",
  ],
  [
    "down",
    "devstack@c-vol.service loaded failed failed Devstack devstack@c-vol.service\ndevstack@c-api.service loaded active running x\n",
  ],
  ["tabs", "19225.stack\n0 bash|1 charge|"],
  ["opt", "/opt/stack/cinder/\n/opt/stack/nova/\n"],
] as const;

const container = "4f".repeat(32);
const compose = [
  [
    "docker",
    `${container}\tshop-web-1\tshop-web:latest\t0.0.0.0:8000->8000/tcp\tshop\tweb\t/srv/shop\n${"aa".repeat(32)}\tshop-db-1\tpostgres:16\t\tshop\tdb\t/srv/shop\n`,
  ],
  ["contents", `${container}\n${JSON.stringify({ version: "3.12.1", has: ["debugpy", "gevent"], roots: [] })}\n`],
  ["contents", `${"aa".repeat(32)}\n`],
] as const;

const options: ProposalOptions = {
  host: "devstack",
  isLocal: false,
  config: undefined,
  portsThere: [5678],
  portsHere: [5712],
  onePort: false,
  pycharm: false,
  user: "stack",
};

t.test("a secret of a command line is in no place, match or name, and says nothing of the program", (t) => {
  const rows: Row[] = [
    { pid: 10, argv: ["uwsgi", "--env", "DB_PASSWORD=hunter2", "--ini", "/srv/shop.ini"] },
    { pid: 20, argv: ["gunicorn", "--access-token", "hunter3", "bill:app"] },
    { pid: 30, argv: ["python", "-X", "dev", "/srv/pay.py", "--tenant-pin", "hunter4"] },
  ];
  const survey = parseSurvey(output(rows, [ask(venv, "3.10.12", ["pydevd"])]), mark);
  const masked = maskedSurvey(survey, { ...defaultSecretRules, names: ["tenant_pin"] });
  const { services } = findServices(masked);
  const proposal = proposeServices(services, { ...options, onePort: true });
  t.match(proposal.services, [
    { name: "bill", match: { argv: "bill:app" }, about: /^gunicorn --access-token «redacted:\w{8}» bill:app; / },
    { name: "pay", match: { argv: "/srv/pay.py" }, about: /^python -X dev \/srv\/pay\.py; / },
    {
      name: "shop",
      match: { argv: "/srv/shop.ini" },
      about: /^uwsgi --env DB_PASSWORD=«redacted:\w{8}» --ini \/srv\/shop\.ini; /,
    },
  ]);
  t.notMatch(JSON.stringify([masked, proposal]), "hunter");
  t.same(maskedSurvey(survey, "keep").processes[1]?.argv[2]?.startsWith("«"), true, "only a trace keeps them");
  t.equal(masked.ports, survey.ports);
  t.end();
});

t.test("units, screens, containers and processes become services; workers, helpers and the system's do not", (t) => {
  const survey = parseSurvey(output(devstack, [...around, ...compose]), mark);
  t.same(survey.ports, [5678]);
  t.same(survey.down, ["devstack@c-vol.service"]);
  t.same(survey.units[1], { id: "devstack@n-api.service", description: "Nova" });
  const { services, passedOver } = findServices(survey);
  t.match(services, [
    { name: "charge", where: "screen", place: "19225.stack tab 1" },
    { name: "cinder-api", where: "unit", workers: 2, forking: "forks", green: { name: "eventlet", sure: true } },
    { name: "legacy", where: "process" },
    { name: "nova-api", where: "unit", workers: 2, forking: "uwsgi", hidden: true },
    { name: "slow" },
    { name: "web", where: "compose", green: { name: "gevent", sure: false } },
  ]);
  t.equal(services.length, 6);
  t.notMatch(JSON.stringify(services.map(({ place }) => place)), "hunter2", "what goes into the file has no arguments");
  for (const text of [
    "unattended-upgrade",
    "pid 160 is a Python with no program",
    "shop-db-1",
    "devstack@c-vol.service does not run",
  ]) {
    t.ok(
      passedOver.some((line) => line.includes(text)),
      text,
    );
  }
  t.same(rootsOf(services, survey.stack), ["/srv/billing", "/opt/stack/cinder", "/srv/old", "/opt/stack/nova"]);
  t.end();
});

t.test("a proposal takes no port that is in use, and says what is left to do", (t) => {
  const { services } = findServices(parseSurvey(output(devstack, [...around, ...compose]), mark));
  const { services: proposed, passedOver } = proposeServices(services, options);
  t.match(proposed, [
    { name: "charge", wire: "pydevd", port: 5679, ide: 5711 },
    { name: "cinder-api", wire: "dap", port: 5680, ide: 5713 },
    { name: "nova-api", wire: "dap", port: 5681, ide: 5714 },
    { name: "web", wire: "dap", port: 5682, ide: 5715 },
  ]);
  t.match(passedOver.join("\n"), /legacy: Python 2\.7\.18 is too old/);
  t.match(passedOver.join("\n"), /slow: .*\/opt\/slow\/python/);
  t.same(
    proposed.map(({ run, byHand }) => [run, byHand]),
    [
      [{ screen: "stack", tab: "charge" }, []],
      [{ unit: "devstack@c-api" }, []],
      [{ unit: "devstack@n-api" }, []],
      [{ compose: "web", dir: "/srv/shop" }, []],
    ],
    "what can be restarted is injected",
  );
  t.match(proposed[2]?.about, "another user's");
  const config = parseConfig(
    withProposal("", { name: "devstack", ssh: "stack@vm", source: [] }, proposeServices(services, options)),
    "debugtap.yml",
  );
  t.same(
    config.services.map(({ run }) => run),
    [
      { kind: "screen", screen: "stack", tab: "charge" },
      { kind: "unit", unit: "devstack@c-api.service", user: false },
      { kind: "unit", unit: "devstack@n-api.service", user: false },
      { kind: "compose", service: "web", dir: "/srv/shop" },
    ],
  );
  const others = structuredClone(services);
  for (const each of others) Reflect.deleteProperty(each, "run");
  const { services: unrun } = proposeServices(others, options);
  const text = (name: string): string => unrun.find((service) => service.name === name)?.byHand.join("\n") ?? "";
  t.match(text("charge"), 'pydevd.settrace("127.0.0.1", port=5679, suspend=False, patch_multiprocessing=True)');
  t.match(text("cinder-api"), /before eventlet patches.*debugpy\.listen\(\("127\.0\.0\.1", 5680\)\)/);
  t.match(text("cinder-api"), /systemctl edit devstack@c-api\.service .*GEVENT_SUPPORT=True/);
  t.match(text("cinder-api"), /it forks/);
  t.match(text("nova-api"), /what stack cannot see/);
  t.match(text("web"), /0\.0\.0\.0", 5682/);
  t.match(text("web"), "127.0.0.1:5682:5682");
  t.end();
});

t.test(
  "for PyCharm a service dials where there is a pydevd, also the one in debugpy, but not out of a container",
  (t) => {
    const { services } = findServices(parseSurvey(output(devstack, [...around, ...compose]), mark));
    const { services: proposed } = proposeServices(services, { ...options, pycharm: true });
    t.same(
      proposed.map(({ name, wire }) => [name, wire]),
      [
        ["charge", "pydevd"],
        ["cinder-api", "pydevd"],
        ["nova-api", "pydevd"],
        ["web", "dap"],
      ],
    );
    const plain = services.map((service) => {
      const { run: _, ...rest } = service;
      return rest;
    });
    const byHand = proposeServices(plain, { ...options, pycharm: true }).services[1]?.byHand.join("\n");
    t.match(byHand, /debugpy\.__path__\[0\] \+ "\/_vendored\/pydevd"\); import pydevd/);
    t.end();
  },
);

t.test(
  "a debug port is one service's; what dials one port is told apart; the hook's own program is no service",
  (t) => {
    const standIn = { pid: 170, argv: ["/usr/bin/python3", "/home/s/.cache/debugtap/0/hook/debugtap_stand_in.py"] };
    const { services } = findServices(parseSurvey(output([...devstack, standIn], around), mark));
    t.notOk(services.find(({ pid }) => pid === standIn.pid));
    const propose = (wire: "dap" | "pydevd") => {
      const running = services.map((each) => ({ ...each, debugger: { wire, port: 5690, address: "127.0.0.1" } }));
      const proposal = proposeServices(running, options);
      const text = withProposal("", { name: "devstack", ssh: "stack@vm", source: [] }, proposal);
      return { names: parseConfig(text, "debugtap.yml").services.map(({ name }) => name), proposal };
    };
    const { names, proposal } = propose("dap");
    t.same(names, ["charge"]);
    t.match(proposal.passedOver.join("\n"), "cinder-api: its debugger, at port 5690, is that of charge");
    t.same(propose("pydevd").names, ["charge", "cinder-api", "nova-api"]);
    t.end();
  },
);

t.test("how a service is run: a user's unit, doubled and untitled tabs; not what a supervisor runs", (t) => {
  const python = "/usr/bin/python3";
  const user = "0::/user.slice/user-1000.slice/user@1000.service/app.slice";
  const rows: readonly Row[] = [
    { pid: 1, argv: [python, "/srv/a.py"], cgroup: `${user}/mine.service`, cwd: "/srv" },
    { pid: 2, argv: [python, "/srv/b.py"], cgroup: `${user}/hidden.service` },
    { pid: 3, argv: [python, "/srv/c.py"], cgroup: unit("supervisor"), cwd: "/srv" },
    { pid: 4, argv: [python, "/srv/d.py"], env: "STY=20.one\nWINDOW=0", cwd: "/srv" },
    { pid: 5, argv: [python, "/srv/e.py"], env: "STY=20.one\nWINDOW=1", cwd: "/srv" },
    { pid: 6, argv: [python, "/srv/f.py"], env: "STY=30.two\nWINDOW=0", cwd: "/srv" },
    { pid: 7, argv: [python, "/srv/g.py"], env: "STY=31.two\nWINDOW=0", cwd: "/srv" },
  ].map((row) => ({ ...row, python, ppid: 0 }));
  const tabs = ["20.one\n0 bash|1 twin|2 twin|", "30.two\n0 x|", "31.two\n0 y|"].map((text) => ["tabs", text] as const);
  const { services } = findServices(parseSurvey(output(rows, tabs), mark));
  t.same(
    services.map(({ pid, run }) => [pid, run]).sort(([a], [b]) => Number(a) - Number(b)),
    [
      [1, { unit: "mine", user: true }],
      [2, undefined],
      [3, undefined],
      [4, { screen: "one", tab: "0" }],
      [5, { screen: "one", tab: "1" }],
      [6, { screen: "30.two", tab: "x" }],
      [7, { screen: "31.two", tab: "y" }],
    ],
  );
  t.end();
});

t.test("with one port, services are told apart by match, and the file loads", (t) => {
  const rows = devstack.map((row) => ({ ...row, python: "/usr/bin/python3" }));
  const { services } = findServices(parseSurvey(output(rows, around), mark));
  const proposal = proposeServices(services, { ...options, onePort: true });
  const text = withProposal("", { name: "devstack", ssh: "stack@vm", source: [] }, proposal);
  const config = parseConfig(text, "debugtap.yml");
  t.equal(new Set(config.services.map(({ dials }) => dials)).size, 1);
  t.same(config.services.find(({ name }) => name === "cinder-api")?.match, { unit: "devstack@c-api" });
  t.same(config.services.find(({ name }) => name === "legacy")?.match, { argv: "/srv/old/legacy.py" });
  t.end();
});

const service = (name: string, wire: "dap" | "pydevd", port: number, ide: number): ProposedService => ({
  name,
  wire,
  port,
  ide,
  about: `${name}.service; Python 3.11.2`,
  byHand: [],
});
const proposalOf = (...services: ProposedService[]) => ({ host: "vm", services, kept: [], passedOver: [] });

t.test("debugtap.yml keeps what it has, comments too; a second proposal of the same changes nothing", (t) => {
  const before = `# mine
hosts:
  vm: { ssh: me@vm } # the old one
services:
  # it is slow
  api: { host: vm, wire: dap, listens: 5678, ide: 5711 } # keep

record: { depth: 2 } # less
`;
  const source = [{ local: "~/src/app", remote: "/srv/app" }];
  const host = { name: "vm", ssh: "me@vm", source };
  const after = withProposal(before, host, proposalOf(service("db", "pydevd", 5679, 5712)));
  for (const kept of [
    "# mine",
    "# the old one",
    "# it is slow",
    "# keep",
    "record: { depth: 2 } # less",
    "# db.service; Python 3.11.2",
  ]) {
    t.ok(after.includes(kept), kept);
  }
  const config = parseConfig(after, "debugtap.yml");
  t.same(
    config.services.map(({ name, dials, listens }) => [name, dials ?? listens]),
    [
      ["api", 5678],
      ["db", 5679],
    ],
  );
  t.match(config.hosts[0]?.source, [{ remote: "/srv/app" }]);

  const again = proposeServices(
    config.services.map(({ name }) => ({
      name,
      where: "process" as const,
      place: name,
      argv: [name],
      hidden: false,
      interpreter: { path: "/usr/bin/python3", version: "3.11.2", has: ["debugpy"], roots: [] },
      gevent: false,
      workers: 0,
    })),
    { ...options, host: "vm", config },
  );
  t.same([again.services, again.kept], [[], ["api", "db"]]);
  t.equal(withProposal(after, { ...host, source: [] }, again), after);
  for (const odd of ["", "# only a comment\n", "services: {}\n", '{ "services": {} }\n', "services:\n"]) {
    const text = withProposal(odd, { name: "vm", ssh: "me@vm", source }, proposalOf(service("db", "dap", 5679, 5712)));
    t.equal(parseConfig(text, "debugtap.yml").services[0]?.name, "db", JSON.stringify(odd));
  }
  t.throws(() => withProposal("- a list\n", host, proposalOf(service("db", "dap", 1, 2))), {
    code: "DT_CONFIG_INVALID",
  });
  t.end();
});

t.test("launch.json: nothing but the new entry is touched", (t) => {
  const entry = service("api", "dap", 5678, 5711);
  const names = (text: string): unknown =>
    (
      parse(text.replace(/^\s*\/\/.*$/gm, "").replace(/\/\*.*?\*\//g, "")) as { configurations: { name: string }[] }
    ).configurations.map(({ name }) => name);
  const texts: readonly (readonly [text: string, rest: readonly string[]])[] = [
    ["", []],
    ["{}", []],
    ['{ "version": "0.2.0" }\n', []],
    ['{\n  "configurations": []\n}\n', []],
    [
      '{\n  // "configurations": [ not this\n  "configurations": [\n    // first\n    { "name": "mine", "url": "http://x", }, /* last */\n  ],\n}\n',
      ["mine"],
    ],
  ];
  for (const [text, rest] of texts) {
    const first = withLaunches(text, [entry, service("db", "pydevd", 5679, 5712)]);
    t.same(names(first?.text ?? ""), ["debugtap: api", ...rest], JSON.stringify(text));
    const second = withLaunches(first?.text ?? "", [entry]);
    t.same(second, { text: first?.text, kept: ["api"] });
    const left = first?.text ?? "";
    for (const line of text.split("\n")) if (line.includes("//")) t.ok(left.includes(line), line);
  }
  const crlf = withLaunches('{\r\n  "configurations": []\r\n}\r\n', [entry])?.text ?? "";
  t.notMatch(crlf, /[^\r]\n/);
  for (const text of ["[]", "no json: [", '{ "configurations": {} }'])
    t.equal(withLaunches(text, [entry]), undefined, text);
  t.end();
});

t.test("PyCharm: a run configuration has the IDE's port", (t) => {
  t.equal(runConfigurationFile("cinder-api.1"), ".idea/runConfigurations/debugtap_cinder_api_1.xml");
  t.match(
    runConfiguration(service("db", "pydevd", 5679, 5712)),
    /PyRemoteDebugConfigurationType[^]*name="PORT" value="5712"/,
  );
  t.end();
});

t.test("a host without Python, without timeout, with a docker that lists and one that refuses", async (t) => {
  const dir = t.testdir({ bin: {}, refusing: {} });
  const tools = [
    "sh",
    "base64",
    "grep",
    "sed",
    "sort",
    "head",
    "tail",
    "tr",
    "wc",
    "ls",
    "readlink",
    "id",
    "cat",
    "cut",
    "sleep",
    "kill",
  ];
  for (const bin of ["bin", "refusing"])
    for (const tool of tools) {
      symlinkSync(`/usr/bin/${tool}`, `${dir}/${bin}/${tool}`);
    }
  const docker = (bin: string, body: string): void => {
    mkdirSync(`${dir}/${bin}`, { recursive: true });
    writeFileSync(`${dir}/${bin}/docker`, `#!/usr/bin/sh\n${body}\n`);
    chmodSync(`${dir}/${bin}/docker`, 0o755);
  };
  docker(
    "bin",
    `if [ $1 = exec ]; then echo '{"version": "3.12.1", "has": ["debugpy"], "roots": []}'; else printf '%s\\tshop-web-1\\tshop\\t\\tshop\\tweb\\t/srv/shop\\n' ${container}; fi`,
  );
  docker("refusing", "echo permission denied while trying to connect to the Docker daemon socket >&2; exit 1");
  const run = (bin: string) => async (command: string) => {
    const { stdout, stderr } = await promisify(execFile)("/usr/bin/sh", ["-c", command], {
      env: { PATH: `${dir}/${bin}` },
    });
    return { code: 0, stdout, stderr };
  };
  const survey = await surveyHost(run("bin"));
  t.match(
    findServices(survey).services.find(({ name }) => name === "web"),
    { where: "compose", place: "shop-web-1", run: { compose: "web", dir: "/srv/shop" } },
  );
  t.match((await surveyHost(run("refusing"))).dockerError, /permission denied/);
  // As `no shell for this login` answers.
  const rejects = surveyHost(
    async () => await Promise.resolve({ code: 1, stdout: "This account is restricted.\n", stderr: "" }),
  );
  await t.rejects(rejects, { code: "DT_SSH_PROTOCOL", why: /ForceCommand, internal-sftp, nologin/ });
  const noPython = async () => await Promise.resolve({ code: 127, stdout: "", stderr: "" });
  await t.rejects(matchSources(noPython, "vm", ["/opt/stack/x"], [], []), {
    code: "DT_PROGRAM_MISSING",
    why: /no python3/,
  });
});

t.test("any output is read, and the command is one that each shell reads alike", (t) => {
  t.notMatch(surveyCommand("dt.1").replace(/'echo dt.1; eval .*'$/, ""), /['!\\]/);
  for (const text of [
    "",
    "x",
    output([{ pid: 1, argv: [""] }]),
    output(devstack, around).slice(0, 500),
    output(devstack).replaceAll("=", ""),
  ]) {
    t.ok(findServices(parseSurvey(text, mark)));
  }
  t.end();
});
