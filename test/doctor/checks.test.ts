// Each check of doctor as a function of facts: what is said for which, and that there is a case for every code.
import { readFileSync } from "node:fs";
import t from "tap";
import type { ServiceConfig } from "../../src/config.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import type { RelayView, SessionView } from "../../protocol/control.ts";
import { microseconds, parseDetails } from "../../src/doctor/details.ts";
import { examine } from "../../src/doctor/examine.ts";
import type { Details, FactsHere, FactsThere } from "../../src/doctor/facts.ts";
import { doctorTable, exitOf, type Finding } from "../../src/doctor/finding.ts";
import type { Survey, SurveyProcess } from "../../src/transport/survey.ts";

const service = {
  name: "api",
  host: "vm",
  address: "127.0.0.1",
  wire: "dap",
  listens: 5678,
  ide: 5711,
  bind: "127.0.0.1",
  hold: 0,
  correlate: [],
  evaluate: false,
  onLeave: "resume",
  reattach: false,
  inject: { guard: [] },
  source: [],
} as const satisfies ServiceConfig;
const unit = { ...service, run: { kind: "unit", unit: "api.service", user: false } } as const;
const dials = (more: Partial<ServiceConfig> = {}): ServiceConfig =>
  ({ ...service, wire: "pydevd", listens: undefined, dials: 5678, ...more }) as ServiceConfig;

const here: FactsHere = {
  node: "20.19.2",
  config: { file: "/me/debugtap.yml", hosts: [], services: [], triggers: [], record: { enabled: true } } as never,
  stateDir: "/me/state",
  traceDir: "/me/traces",
  free: 10e9,
  ports: [],
  relays: [],
  injected: [],
};

const python = (more: Partial<SurveyProcess> = {}): SurveyProcess => ({
  pid: 70,
  ppid: 1,
  uid: 1000,
  argv: ["/usr/bin/python3", "/srv/api.py"],
  cwd: "/srv",
  env: {},
  green: false,
  interpreter: { path: "/usr/bin/python3", version: "3.11.2", has: ["debugpy"], roots: [] },
  ...more,
});
const survey = (...processes: SurveyProcess[]): Survey => ({
  user: "me",
  processes,
  units: [],
  down: [],
  tabs: [],
  containers: [],
  stack: [],
  ports: [],
});
const env = (values: Record<string, string>) => new Map([[70, { env: values }]]);
const file = (path: string, section: string, ...pairs: readonly (readonly [string, string])[]) => ({
  path,
  readable: true,
  writable: false,
  settings: [
    { line: 1, section, key: "[", value: "" },
    ...pairs.map(([key, value], index) => ({ line: index + 2, section, key, value })),
  ],
});

const details: Details = {
  skew: 0.1,
  skewError: 0.01,
  uid: 1000,
  home: "/home/me",
  processes: env({}),
  sockets: [{ state: "listen", local: 5678, remote: 0, uid: 1000, pid: 70 }],
  names: new Map([[70, "/usr/bin/python3 /srv/api.py"]]),
  files: [],
  interpreters: new Map([
    ["/usr/bin/python3\t", { packages: { debugpy: { version: "1.8.16", origin: "/x" } }, lendable: [] }],
  ]),
  folders: [],
  units: [],
  leftSshd: [],
};
const there: FactsThere = {
  host: { name: "vm", ssh: "vm", source: [] },
  services: [service],
  ssh: "ssh vm",
  login: "login as me",
  trials: [],
  survey: survey(python()),
  details,
  sources: [],
  left: [],
};

const packages = (version: string, of: Record<string, string>, origin = "/venv/x") => ({
  survey: survey(python({ interpreter: { path: "/usr/bin/python3", version, has: Object.keys(of), roots: [] } })),
  details: {
    ...details,
    interpreters: new Map([
      [
        "/usr/bin/python3\t",
        {
          packages: Object.fromEntries(Object.entries(of).map(([name, each]) => [name, { version: each, origin }])),
          lendable: [],
        },
      ],
    ]),
  },
});
const folder = { path: "/home/me/.cache/debugtap/0123456789", hasManifest: true, services: ["api"], states: [] };
const hooked = { DEBUGTAP_HOOK: `${folder.path}/services/api.json` };
const uwsgi = (ini: ReturnType<typeof file>, argv: string[] = []) => ({
  survey: survey(python({ argv: ["uwsgi", "--ini", "/etc/api.ini", ...argv] })),
  details: { ...details, files: [ini] },
});
const gunicorn = (...argv: string[]) => ({
  survey: survey(python({ argv: ["/usr/bin/python3", "/usr/bin/gunicorn", ...argv, "api:app"] })),
});
const oslo = (...pairs: readonly (readonly [string, string])[]) => ({
  survey: survey(python({ argv: ["/usr/bin/python3", "/usr/bin/api", "--config-file", "/etc/api.conf"] })),
  details: { ...details, files: [file("/etc/api.conf", "DEFAULT", ["transport_url", ""], ...pairs)] },
});
const session = (pid: number): SessionView =>
  ({ service: "api", state: "open", process: `pid ${pid} api` }) as SessionView;
const relay = (sessions: SessionView[]): RelayView =>
  ({ pid: 9, services: [{ name: "api", vm: "127.0.0.1:5678" }], sessions, hosts: [] }) as unknown as RelayView;

const denied = new DebugtapError("DT_FORWARD_DENIED", "no");

interface Case {
  readonly code: Finding["code"];
  readonly here?: Partial<FactsHere>;
  readonly there?: Partial<FactsThere>;
  readonly status?: Finding["status"];
  /** In what, why or fix. */
  readonly says: string | RegExp;
}

const cases: readonly Case[] = [
  { code: "DT_DOCTOR_NODE", here: { node: "18.1.0" }, says: "needs 20.19" },
  { code: "DT_DOCTOR_CONFIG", status: "ok", says: "/me/debugtap.yml" },
  {
    code: "DT_CONFIG_SYNTAX",
    here: { configError: new DebugtapError("DT_CONFIG_SYNTAX", "no YAML") },
    says: "no YAML",
  },
  {
    code: "DT_CONFIG_MISSING",
    status: "note",
    here: { configError: new DebugtapError("DT_CONFIG_MISSING", "none") },
    says: "debugtap init",
  },
  {
    code: "DT_DOCTOR_STATE",
    here: { stateError: "EACCES: permission denied" },
    says: /sudo mkdir -p \/me\/state && sudo chown/,
  },
  { code: "DT_DOCTOR_STATE", here: { stateError: "EROFS: read-only file system" }, says: "XDG_STATE_HOME" },
  { code: "DT_DOCTOR_DISK", here: { free: 1e6 }, says: "1 MB are free" },
  { code: "DT_DOCTOR_DISK", status: "unseen", here: { free: undefined as never }, says: "does not tell" },
  {
    code: "DT_PORT_IN_USE",
    here: {
      ports: [
        {
          port: 5711,
          bind: "127.0.0.1",
          of: "api",
          opens: "debugtap",
          hold: 0,
          listening: true,
          owner: { pid: 5, name: "nc" },
        },
      ],
    },
    says: "kill 5",
  },
  {
    code: "DT_PORT_IN_USE",
    status: "ok",
    here: {
      relays: [relay([])],
      ports: [
        {
          port: 5711,
          bind: "127.0.0.1",
          of: "api",
          opens: "debugtap",
          hold: 0,
          listening: true,
          owner: { pid: 9, name: "node" },
        },
      ],
    },
    says: "debugtap 9",
  },
  {
    code: "DT_PORT_IN_USE",
    here: { ports: [{ port: 5711, bind: "127.0.0.1", of: "api", opens: "debugtap", hold: 0, listening: true }] },
    says: "sudo ss -tlnp",
  },
  {
    code: "DT_DOCTOR_IDE",
    here: { ports: [{ port: 5711, bind: "127.0.0.1", of: "api", opens: "ide", hold: 0, listening: false }] },
    says: "hold: never",
  },
  {
    code: "DT_DOCTOR_IDE",
    status: "note",
    here: { ports: [{ port: 5711, bind: "127.0.0.1", of: "api", opens: "ide", hold: 5, listening: false }] },
    says: "waits",
  },
  { code: "DT_DOCTOR_LOGIN", status: "ok", says: "me" },
  { code: "DT_SSH_AUTH", there: { linkError: new DebugtapError("DT_SSH_AUTH", "no") }, says: "ssh-copy-id vm" },
  {
    code: "DT_DOCTOR_SURVEY",
    status: "unseen",
    there: { linkError: new DebugtapError("DT_SSH_AUTH", "no") },
    says: "no connection",
  },
  {
    code: "DT_PROGRAM_MISSING",
    there: { lookError: new DebugtapError("DT_PROGRAM_MISSING", "no awk") },
    says: "no awk",
  },
  {
    code: "DT_DOCTOR_SESSIONS",
    there: { details: { ...details, files: [file("/etc/ssh/sshd_config", "", ["maxsessions", "1"])] } },
    says: /sudo sed -i .*MaxSessions 10.* && sudo systemctl reload ssh/,
  },
  { code: "DT_DOCTOR_CLOCK", status: "note", there: { details: { ...details, skew: -90 } }, says: "90.0 s behind" },
  {
    code: "DT_FORWARD_DENIED",
    status: "unseen",
    there: { trials: [{ port: 5678, of: "api", direction: "out", outcome: denied }] },
    says: /may not read its settings.*sudo sshd -T/s,
  },
  {
    code: "DT_FORWARD_DENIED",
    status: "ok",
    there: {
      trials: [{ port: 5678, of: "api", direction: "out", outcome: denied }],
      details: { ...details, files: [file("/etc/ssh/sshd_config", "", ["permitopen", "localhost:80 127.0.0.1:5678"])] },
    },
    says: "by PermitOpen",
  },
  {
    code: "DT_FORWARD_DENIED",
    there: {
      trials: [{ port: 5678, of: "api", direction: "out", outcome: denied }],
      details: { ...details, files: [file("/etc/ssh/sshd_config", "", ["permitopen", "127.0.0.1:15678"])] },
    },
    says: /sshd_config:2 has PermitOpen 127.0.0.1:15678.*PermitOpen any/s,
  },
  {
    code: "DT_DOCTOR_PORT_FOREIGN",
    there: {
      details: {
        ...details,
        sockets: [{ state: "listen", local: 5678, remote: 0, uid: 1001, pid: 8 }],
        names: new Map([[8, "nc -l 5678 --password x"]]),
      },
    },
    says: /held by nc -l \(pid 8\).*sudo kill 8/s,
  },
  {
    code: "DT_DOCTOR_PORT_FOREIGN",
    status: "unseen",
    there: { details: { ...details, sockets: [{ state: "listen", local: 5678, remote: 0, uid: 0 }] } },
    says: "uid 0",
  },
  { code: "DT_SERVICE_DOWN", there: { details: { ...details, sockets: [] } }, says: "debugtap inject api" },
  {
    code: "DT_SERVICE_DOWN",
    there: { services: [unit], survey: survey(), details: { ...details, sockets: [] } },
    says: "ssh vm 'sudo systemctl restart api.service'",
  },
  { code: "DT_REMOTE_PORT", there: { services: [dials()] }, says: "ssh vm 'kill 70'" },
  {
    code: "DT_REMOTE_PORT",
    status: "ok",
    here: { relays: [relay([])] },
    there: {
      services: [dials()],
      details: { ...details, sockets: [{ state: "listen", local: 5678, remote: 0, uid: 1000 }] },
    },
    says: "pid 9 here",
  },
  { code: "DT_DOCTOR_PROCESS", status: "unseen", there: { survey: survey() }, says: "no process" },
  {
    code: "DT_DOCTOR_PROCESS",
    status: "ok",
    there: { survey: survey(python({ argv: ["python3", "-u", "/srv/api.py", "--password", "x"] })) },
    says: /^pid 70 python3 -u \/srv\/api.py$/m,
  },
  {
    code: "DT_DOCTOR_HIDDEN",
    status: "unseen",
    there: { details: { ...details, processes: new Map([[70, {}]]) } },
    says: "another user's",
  },
  { code: "DT_INJECT_PYTHON", there: packages("3.6.9", {}), says: "debugpy<1.6" },
  { code: "DT_INJECT_PYTHON", there: packages("3.7.3", {}), says: "debugpy<1.8" },
  {
    code: "DT_INJECT_DEBUGGER",
    there: packages("3.11.2", {}),
    says: "ssh vm 'sudo apt-get install -y python3-debugpy'",
  },
  {
    code: "DT_INJECT_DEBUGGER",
    status: "ok",
    there: {
      ...packages("3.11.2", {}),
      details: {
        ...details,
        interpreters: new Map(),
        folders: [{ ...folder, states: [{ service: "api", pid: 70, text: `{"debugger": "debugpy 1.8.9 (lent)"}` }] }],
      },
    },
    says: "debugpy 1.8.9 (lent)",
  },
  {
    code: "DT_DOCTOR_PAIR",
    there: packages("3.12.3", { debugpy: "1.6.7" }),
    says: /1.8.0 or newer.*pip install.*debugpy>=1.8.0/s,
  },
  { code: "DT_DOCTOR_PAIR", there: packages("3.13.0", { debugpy: "1.8.5" }), says: "1.8.7" },
  { code: "DT_DOCTOR_PAIR", there: packages("3.14.0", { debugpy: "1.8.15" }), says: "1.8.16" },
  { code: "DT_DOCTOR_PAIR", status: "ok", there: packages("3.14.0", { debugpy: "1.8.20" }), says: "goes with" },
  {
    code: "DT_DOCTOR_PAIR",
    status: "note",
    there: { ...packages("3.12.0", { pydevd: "2.9.5" }), services: [dials()] },
    says: "sys.monitoring",
  },
  {
    code: "DT_DOCTOR_PAIR",
    there: packages("3.12.0", { debugpy: "1.8.9", eventlet: "0.33.3" }),
    says: "ssl.wrap_socket",
  },
  { code: "DT_DOCTOR_PAIR", there: packages("3.10.0", { debugpy: "1.8.9", eventlet: "0.33.1" }), says: "TimeoutError" },
  { code: "DT_DOCTOR_FROZEN", status: "note", says: "-Xfrozen_modules=off" },
  {
    code: "DT_DOCTOR_GEVENT",
    there: { services: [unit], survey: survey(python({ green: true, unit: "api.service" })) },
    says: /printf .*Environment=GEVENT_SUPPORT=True.*sudo tee .*daemon-reload && sudo systemctl restart api.service/s,
  },
  {
    code: "DT_DOCTOR_GEVENT",
    there: { survey: survey(python({ argv: ["python3", "/srv/api.py", "-k", "gevent"] })) },
    says: "debugtap inject api && debugtap restart api",
  },
  {
    code: "DT_DOCTOR_GEVENT",
    status: "ok",
    there: {
      survey: survey(python({ green: true })),
      details: { ...details, processes: env({ GEVENT_SUPPORT: "True" }) },
    },
    says: "is set",
  },
  { code: "DT_DOCTOR_WORKERS", there: { ...gunicorn("-w", "3") }, says: "0 of 3" },
  {
    code: "DT_DOCTOR_WORKERS",
    status: "ok",
    there: {
      survey: survey(
        python({ argv: ["uwsgi", "--ini", "/api.ini", "-p", "2"] }),
        python({ pid: 71, ppid: 70, argv: ["uwsgi", "--ini", "/api.ini", "-p", "2"] }),
      ),
    },
    says: "2 workers of 2",
  },
  {
    code: "DT_DOCTOR_UNDEBUGGED",
    here: { relays: [relay([session(70), session(71)])] },
    there: {
      services: [dials()],
      survey: survey(python(), python({ pid: 71, ppid: 70 }), python({ pid: 72, ppid: 70 })),
    },
    says: "(pid 72)",
  },
  {
    code: "DT_DOCTOR_THREADS",
    there: uwsgi(file("/etc/api.ini", "uwsgi", ["enable-threads", "false"])),
    says: /s\|.*enable-threads.*= true/,
  },
  {
    code: "DT_DOCTOR_THREADS",
    there: { survey: survey(python({ argv: ["uwsgi", "--wsgi-file", "api.py"] })), services: [unit] },
    says: "UWSGI_ENABLE_THREADS=1",
  },
  {
    code: "DT_DOCTOR_THREADS",
    status: "ok",
    there: uwsgi(file("/etc/api.ini", "uwsgi", ["enable-threads", ""])),
    says: "runs threads",
  },
  {
    code: "DT_DOCTOR_HOOK_FAILED",
    there: {
      details: {
        ...details,
        processes: env(hooked),
        folders: [
          { ...folder, states: [{ service: "api", pid: 70, text: `{"state":"failed","error":"x\\nport taken"}` }] },
        ],
      },
    },
    says: "port taken",
  },
  {
    code: "DT_DOCTOR_HOOK_FAILED",
    there: {
      details: {
        ...details,
        processes: env(hooked),
        folders: [{ ...folder, states: [{ service: "api", pid: 70, text: "no JSON" }] }],
      },
    },
    status: "unseen",
    says: "cannot be read",
  },
  {
    code: "DT_DOCTOR_NOT_RESTARTED",
    there: { details: { ...details, folders: [folder] } },
    says: /has not the environment.*started before/s,
  },
  {
    code: "DT_INJECT_IGNORED",
    there: {
      survey: survey(python({ argv: ["python3", "-I", "/srv/api.py"] })),
      details: { ...details, processes: env(hooked), folders: [folder] },
    },
    says: "python -I",
  },
  {
    code: "DT_DOCTOR_SOURCE_HERE",
    there: {
      sources: [{ local: "/me/src", remote: "/srv", hereExists: false, thereExists: true, both: 0, differ: [] }],
    },
    says: /mkdir -p \/me\/src && ssh vm 'tar -C \/srv/,
  },
  {
    code: "DT_DOCTOR_SOURCE_THERE",
    there: {
      sources: [{ local: "/me/src", remote: "/srv", hereExists: true, thereExists: false, both: 0, differ: [] }],
    },
    says: "debugtap paths api --write",
  },
  {
    code: "DT_DOCTOR_SOURCE_DIFFERS",
    there: {
      sources: [
        {
          local: "/me/src",
          remote: "/srv",
          hereExists: true,
          thereExists: true,
          both: 9,
          differ: [{ file: "it's.py", lines: 2 }],
        },
      ],
    },
    says: "1 of 9 files",
  },
  {
    code: "DT_DOCTOR_RPC_TIMEOUT",
    there: oslo(["rpc_response_timeout", "30"]),
    says: /sudo sed -i .*rpc_response_timeout = 3600/,
  },
  {
    code: "DT_DOCTOR_SETTINGS",
    status: "unseen",
    there: {
      survey: survey(python({ argv: ["python3", "/usr/bin/cinder-api"] })),
      services: [{ ...service, match: { argv: "cinder-api" } }],
      details: {
        ...details,
        files: [{ path: "/etc/cinder/cinder.conf", readable: false, writable: false, settings: [] }],
      },
    },
    says: /may not read it\nssh vm 'sudo grep .* \/etc\/cinder\/cinder.conf'/,
  },
  { code: "DT_DOCTOR_SESSIONS", status: "unseen", says: "may not read its settings" },
  { code: "DT_DOCTOR_SERVICE_DOWN", there: oslo(), says: "60 s (the default)" },
  { code: "DT_DOCTOR_HEARTBEAT", there: oslo(), says: /printf .*oslo_messaging_rabbit.*sudo tee -a/ },
  { code: "DT_DOCTOR_HARAKIRI", there: uwsgi(file("/etc/api.ini", "uwsgi"), ["--harakiri", "30"]), says: "30 s" },
  {
    code: "DT_DOCTOR_HARAKIRI",
    status: "ok",
    there: uwsgi(file("/etc/api.ini", "uwsgi", ["harakiri", "7200"])),
    says: "7200 s",
  },
  { code: "DT_DOCTOR_GUNICORN", there: gunicorn("--timeout=45"), says: "FILE-THAT-STARTS-IT" },
  {
    code: "DT_DOCTOR_GUNICORN",
    there: {
      ...gunicorn(),
      services: [unit],
      survey: survey(python({ unit: "api.service", argv: ["python3", "/usr/bin/gunicorn", "api:app"] })),
    },
    says: "GUNICORN_CMD_ARGS=--timeout=3600",
  },
  { code: "DT_DOCTOR_GUNICORN", status: "ok", there: gunicorn("-t", "0"), says: "off" },
  {
    code: "DT_DOCTOR_WATCHDOG",
    there: {
      services: [unit],
      survey: survey(python({ unit: "api.service" })),
      details: { ...details, units: [{ id: "api.service", activeState: "active", watchdog: 30e6 }] },
    },
    says: /30 s.*WatchdogSec=0/s,
  },
  {
    code: "DT_DOCTOR_LEFT_INJECT",
    there: { details: { ...details, folders: [folder] } },
    says: `sh ${folder.path}/eject.sh`,
  },
  {
    code: "DT_DOCTOR_LEFT_INJECT",
    status: "ok",
    here: { injected: [{ id: "0123456789", host: { name: "vm", ssh: "vm" } }] },
    there: { details: { ...details, folders: [folder] } },
    says: "this debugtap's",
  },
  {
    code: "DT_DOCTOR_LEFT_INJECT",
    status: "note",
    here: { injected: [{ id: "aaaaaaaaaa", host: { name: "vm", ssh: "vm" } }] },
    says: "debugtap eject --host vm",
  },
  {
    code: "DT_DOCTOR_LEFT_ADAPTER",
    there: {
      survey: survey(
        python(),
        python({ pid: 80, argv: ["python3", "/x/debugpy/adapter", "--for-server", "1", "--port", "5999"] }),
      ),
      details: { ...details, sockets: [{ state: "listen", local: 5999, remote: 0, uid: 1000, pid: 80 }] },
    },
    says: "port 5999",
  },
  {
    code: "DT_DOCTOR_LEFT_ADAPTER",
    status: "ok",
    there: {
      survey: survey(
        python(),
        python({ pid: 80, argv: ["python3", "/x/debugpy/adapter", "--for-server", "1", "--port", "5999"] }),
      ),
      details: {
        ...details,
        sockets: [
          { state: "established", local: 400, remote: 401, uid: 1000, pid: 80 },
          { state: "established", local: 401, remote: 400, uid: 1000, pid: 70 },
        ],
      },
    },
    says: "each with a program",
  },
  {
    code: "DT_DOCTOR_LEFT_SSHD",
    there: {
      left: [
        {
          file: "/me/a b.json",
          sshdPid: 90,
          relayPid: 91,
          sshdStart: "1",
          bootId: "b",
          relayStart: "1",
          relayHost: "me",
        },
      ],
      details: { ...details, leftSshd: [90] },
    },
    says: "ssh vm 'kill 90' && rm '/me/a b.json'",
  },
  {
    code: "DT_DOCTOR_LEFT_STATE",
    there: {
      left: [
        {
          file: "/me/a.json",
          sshdPid: 90,
          relayPid: 91,
          sshdStart: "1",
          bootId: "b",
          relayStart: "1",
          relayHost: "me",
        },
      ],
    },
    says: "rm /me/a.json",
  },
];

t.test("what is said of which facts", async (t) => {
  for (const { code, says, status = "wrong", ...facts } of cases) {
    const findings = examine({ ...here, ...facts.here }, [{ ...there, ...facts.there }]);
    const found = findings.filter((each) => each.code === code && each.status === status);
    const text = found.map(({ what, why = "", fix = "" }) => [what, why, fix].join("\n")).join("\n");
    t.match(text, says, `${code} ${status}`);
    for (const each of findings.filter((one) => one.status === "wrong")) {
      t.ok(
        each.fix !== undefined || code === "DT_CONFIG_SYNTAX" || code === "DT_PROGRAM_MISSING",
        `${each.code} has a fix`,
      );
      t.notMatch(each.fix, "\n", `${each.code}: its fix is one line`);
    }
  }
  const missing = Object.keys(doctorTable).filter((code) => !cases.some((each) => each.code === code));
  t.same(missing, [], "a case for every code");
});

t.test("what is in order is told as ok, and no more", async (t) => {
  const findings = examine(here, [there]);
  t.same(
    findings.filter(({ status }) => status === "wrong" || status === "unseen").map(({ code }) => code),
    ["DT_DOCTOR_SESSIONS"],
    "only sshd's settings are not shown",
  );
  t.equal(exitOf(findings), 0);
  // Debian mends its eventlet, and what is loaded works.
  for (const facts of [
    packages("3.11.2", { debugpy: "1.6.3", eventlet: "0.33.1" }, "/usr/lib/python3/dist-packages/x"),
  ])
    t.same(
      examine(here, [{ ...there, ...facts }]).filter(({ code }) => code === "DT_DOCTOR_PAIR"),
      [],
    );
});

t.test("exit code: 3 when only the way to a host is wrong, 4 else", async (t) => {
  const link = { ...there, linkError: new DebugtapError("DT_SSH_TIMEOUT", "no answer") };
  t.equal(exitOf(examine(here, [link])), 3);
  t.equal(exitOf(examine({ ...here, free: 0 }, [link])), 4);
});

t.test("what a host sends cannot make it throw", async (t) => {
  const clock = { skew: 0, skewError: 0 };
  t.same(parseDetails("", "m", clock).processes.size, 0);
  const part = (text: string): string => `\nm ${text}`;
  const hostile = [
    "now=x",
    "me=",
    "pid=",
    "env=A",
    "net=0A 1 2",
    "fds=1",
    "file=",
    "file=w /a\n\t\t",
    "ask=",
    "folder=",
    "folder=m /a\nservices x y",
    "state=",
    "unit=Id=",
    "unit=Id=a\nWatchdogUSec=x",
    "sshd=1",
    "left=",
    "=",
    "name=",
  ];
  const parsed = parseDetails(hostile.map(part).join(""), "m", clock);
  t.equal(parsed.folders.at(-1)?.path, "/a");
  t.doesNotThrow(() => examine(here, [{ ...there, details: parsed }]));
  t.same(["30s", "1min 30s", "500ms", "0", "infinity", "90000000", ""].map(microseconds), [
    30e6,
    90e6,
    5e5,
    0,
    undefined,
    90e6,
    undefined,
  ]);
});

t.test("docs/doctor.md has every code, with the words of the table", async (t) => {
  const text = readFileSync(new URL("../../../docs/doctor.md", import.meta.url), "utf8");
  const rows = Object.entries(doctorTable).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`);
  t.same(
    [...text.matchAll(/^\| `DT_DOCTOR_\w+` \| .* \|$/gm)].map(([row]) => row),
    rows,
  );
});
