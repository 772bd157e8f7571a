// Each check of doctor as a function of facts: what is said for which, and that there is a case for every code.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import type { Config, ServiceConfig } from "../../src/config.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import type { RelayView, SessionView } from "../../protocol/control.ts";
import { lookCloser, microseconds, parseDetails } from "../../src/doctor/details.ts";
import { examine } from "../../src/doctor/examine.ts";
import type { Details, FactsHere, FactsThere } from "../../src/doctor/facts.ts";
import { doctorTable, exitOf, type Finding } from "../../src/doctor/finding.ts";
import { settingCommand } from "../../src/doctor/fix.ts";
import { settingsFilesOf } from "../../src/doctor/settings.ts";
import { runLocal } from "../../src/transport/local-exec.ts";
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
const tab = { ...service, run: { kind: "screen", screen: "stack", tab: "1" } } as const;
const tabEnv = { STY: "1.stack", WINDOW: "1" };
const dials = (more: Partial<ServiceConfig> = {}): ServiceConfig =>
  ({ ...service, wire: "pydevd", listens: undefined, dials: 5678, ...more }) as ServiceConfig;

const config = {
  file: "/me/debugtap.yml",
  hosts: [],
  services: [service],
  triggers: [],
  record: { enabled: true },
} as never as Config;
const here: FactsHere = {
  node: "20.19.2",
  config,
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
  seesAll: true,
  processes: env({}),
  sockets: [{ state: "listen", address: "127.0.0.1", local: 5678, remote: 0, uid: 1000, pid: 70 }],
  names: new Map([[70, "/usr/bin/python3 /srv/api.py"]]),
  files: [],
  interpreters: new Map([
    ["/usr/bin/python3\t", { packages: { debugpy: { version: "1.8.16", origin: "/x" } }, lendable: [] }],
  ]),
  folders: [],
  isOutermost: true,
  inner: [],
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
const folder = {
  path: "/home/me/.cache/debugtap/0123456789",
  hasManifest: true,
  services: ["api"],
  states: [],
  elsewhere: [],
  gone: 0,
};
/** A state that a process of a container has written: number 7 there. */
const contained = { ...folder, elsewhere: [{ pid: 7, namespace: "boot pid:[42]" }] };
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
  ({
    pid: 9,
    services: [{ name: "api", vm: "127.0.0.1:5678", ide: "127.0.0.1:5711" }],
    sessions,
    hosts: [],
  }) as unknown as RelayView;

const unreadable = { path: "/etc/api.ini", readable: false, writable: false, settings: [] };
const loopback = { state: "established", address: "127.0.0.1", uid: 1000 } as const;
const withEnv = (values: Record<string, string> | undefined, ...files: Details["files"]) => ({
  details: { ...details, files, processes: values === undefined ? new Map([[70, {}]]) : env(values) },
});
const inContainer = (more: Partial<Survey>) => ({
  services: [{ ...service, run: { kind: "compose", service: "api", dir: "/srv/shop" } } as const],
  survey: {
    ...survey(),
    containers: [
      {
        id: "aa",
        name: "shop-api-1",
        image: "shop",
        ports: "",
        project: "shop",
        service: "api",
        dir: "/srv/shop",
        interpreter: undefined,
      },
    ],
    ...more,
  },
});

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
    code: "DT_PORT_IN_USE",
    here: {
      relays: [{ ...relay([]), services: [] }],
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
    // Another debugtap's, which has no such service.
    says: "kill 9",
  },
  {
    code: "DT_DOCTOR_IDE",
    here: {
      ports: [{ port: 5711, bind: "127.0.0.1", of: "api", opens: "ide", hold: 0, listening: false, elsewhere: "::1" }],
    },
    says: /somebody does on ::1.*\nset `bind: "::1"`/,
  },
  { code: "DT_DOCTOR_CONFIG", status: "note", here: { config: { ...config, services: [] } }, says: "has no service" },
  {
    code: "DT_CONFIG_INVALID",
    here: { configError: new DebugtapError("DT_CONFIG_INVALID", "d.yml:1:1: `services` is missing: x\n  1 |\n") },
    says: /^d.yml:1:1: `services` is missing: x\n.*\ndebugtap init/,
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
    code: "DT_PROGRAM_MISSING",
    there: {
      lookError: new DebugtapError("DT_PROGRAM_MISSING", "no awk", { fix: "sudo apt-get install gawk   # there" }),
    },
    says: /^ssh -t vm 'sudo apt-get install gawk'$/m,
  },
  { code: "DT_DOCTOR_CLOCK", status: "unseen", there: { details: { ...details, skew: NaN } }, says: "said nothing" },
  {
    code: "DT_DOCTOR_SESSIONS",
    status: "unseen",
    there: { details: { ...details, files: [file("/etc/ssh/sshd_config", "Match User x", ["maxsessions", "1"])] } },
    says: "`Match User x` has another number",
  },
  {
    code: "DT_DOCTOR_ALIVE",
    status: "note",
    there: { services: [dials()], details: { ...details, files: [file("/etc/ssh/sshd_config", "")] } },
    says: /1i ClientAliveInterval 15/,
  },
  {
    code: "DT_FORWARD_DENIED",
    there: {
      trials: [{ port: 5678, of: "api", direction: "back", outcome: denied }],
      details: { ...details, files: [file("/etc/ssh/sshd_config", "Match User x", ["permitlisten", "none"])] },
    },
    says: /:2 has PermitListen none \(Match User x\)\n/,
  },
  {
    code: "DT_FORWARD_DENIED",
    there: {
      trials: [{ port: 5678, of: "api", direction: "back", outcome: denied }],
      details: {
        ...details,
        files: [
          file("/etc/ssh/sshd_config", ""),
          file("/home/me/.ssh/authorized_keys", "", ["options", 'restrict,permitlisten="9999"']),
        ],
      },
    },
    says: /authorized_keys:2 begins with restrict.*\n.*2s\/restrict\/restrict,port-forwarding/,
  },
  {
    code: "DT_FORWARD_DENIED",
    status: "note",
    there: {
      trials: [{ port: 0, direction: "back", outcome: denied }],
      details: { ...details, files: [file("/etc/ssh/sshd_config", "", ["permitlisten", "127.0.0.1:9999"])] },
    },
    says: /only some\n.*PermitListen 127.0.0.1:9999/,
  },
  {
    code: "DT_SERVICE_DOWN",
    there: {
      details: { ...details, sockets: [{ state: "listen", address: "10.0.0.5", local: 5678, remote: 0, uid: 1000 }] },
    },
    says: /nothing listens on 127.0.0.1:5678 there\nsomething does on 10.0.0.5/,
  },
  {
    code: "DT_SERVICE_DOWN",
    there: {
      services: [unit],
      survey: survey(),
      details: { ...details, sockets: [], units: [{ id: "api.service", activeState: "failed" }] },
    },
    says: "its unit is failed",
  },
  {
    code: "DT_SERVICE_DOWN",
    there: { survey: survey(), details: { ...details, sockets: [], seesAll: false } },
    says: "whether the service runs cannot be seen",
  },
  { code: "DT_DOCTOR_PROCESS", status: "unseen", there: inContainer({ containers: [] }), says: "no process" },
  {
    code: "DT_DOCTOR_PROCESS",
    status: "unseen",
    there: inContainer({ containers: [], dockerError: "permission denied\nmore" }),
    says: /docker did not answer: permission denied$/m,
  },
  {
    code: "DT_DOCTOR_PROCESS",
    status: "ok",
    there: { survey: survey(python({ container: "podman 4f4f" })) },
    says: "container podman 4f4f runs",
  },
  {
    code: "DT_DOCTOR_HEARTBEAT",
    there: {
      survey: survey(python({ argv: ["uwsgi", "--procname-prefix", "cinder-api", "--ini", "/etc/c.ini"] })),
      services: [{ ...service, match: { argv: "cinder-api" } }],
      details: {
        ...details,
        files: [file("/etc/cinder/cinder.conf", "DEFAULT", ["transport_url", ""]), file("/etc/c.ini", "uwsgi")],
      },
    },
    says: /sudo tee -a \/etc\/cinder\/cinder.conf/,
  },
  { code: "DT_DOCTOR_PROCESS", status: "ok", there: inContainer({}), says: "container shop-api-1 runs" },
  { code: "DT_DOCTOR_HIDDEN", status: "unseen", there: inContainer({}), says: "they are in a container" },
  { code: "DT_DOCTOR_THREADS", status: "unseen", there: { ...uwsgi(unreadable) }, says: "may not read /etc/api.ini" },
  { code: "DT_DOCTOR_HARAKIRI", status: "unseen", there: { ...uwsgi(unreadable) }, says: "may not read /etc/api.ini" },
  {
    code: "DT_DOCTOR_HARAKIRI",
    status: "unseen",
    there: uwsgi(file("/etc/api.ini", "uwsgi", ["ini", "base.ini"])),
    says: "/etc/api.ini:2 takes in another file (base.ini)",
  },
  {
    code: "DT_DOCTOR_HARAKIRI",
    status: "unseen",
    there: { ...uwsgi(file("/etc/api.ini", "uwsgi")), ...withEnv(undefined, file("/etc/api.ini", "uwsgi")) },
    says: "another user's",
  },
  {
    code: "DT_DOCTOR_HARAKIRI",
    status: "unseen",
    there: {
      survey: survey(python({ argv: ["uwsgi", "--json", "/etc/api.json"] })),
      details: { ...details, files: [{ ...unreadable, path: "/etc/api.json", readable: true }] },
    },
    says: "not written in lines",
  },
  {
    code: "DT_DOCTOR_GUNICORN",
    status: "unseen",
    there: { survey: survey(python({ argv: ["gunicorn: master [api:app]"] })) },
    says: "title over its command line",
  },
  {
    code: "DT_DOCTOR_GUNICORN",
    status: "unseen",
    there: { ...gunicorn(), ...withEnv({}, file("/srv/gunicorn.conf.py", "", ["timeout", "60 * 60"])) },
    says: "computed: 60 * 60 (/srv/gunicorn.conf.py:2)",
  },
  {
    code: "DT_DOCTOR_GUNICORN",
    status: "ok",
    there: { ...gunicorn(), ...withEnv({}, file("/srv/gunicorn.conf.py", "", ["timeout", "3600  # an hour"])) },
    says: "3600 s",
  },
  {
    code: "DT_DOCTOR_GUNICORN",
    there: { ...gunicorn(), services: [unit], ...withEnv({ GUNICORN_CMD_ARGS: "-w 4" }) },
    says: 'Environment="GUNICORN_CMD_ARGS=-w 4 --timeout=3600"',
  },
  { code: "DT_DOCTOR_WORKERS", there: { ...gunicorn("-w3") }, says: "0 of 3" },
  { code: "DT_DOCTOR_RPC_TIMEOUT", status: "unseen", there: oslo(["rpc_response_timeout", "$x"]), says: "it is $x" },
  {
    code: "DT_DOCTOR_RPC_TIMEOUT",
    there: {
      ...oslo(["rpc_response_timeout", "7200"]),
      services: [unit],
      details: {
        ...oslo(["rpc_response_timeout", "7200"]).details,
        processes: env({ OS_DEFAULT__RPC_RESPONSE_TIMEOUT: "20" }),
      },
    },
    says: /20 s \(OS_DEFAULT__RPC_RESPONSE_TIMEOUT\).*Environment=OS_DEFAULT__RPC_RESPONSE_TIMEOUT=3600/s,
  },
  {
    code: "DT_DOCTOR_LEFT_ADAPTER",
    status: "unseen",
    there: {
      survey: survey(python(), python({ pid: 80, argv: ["python3", "/x/debugpy/adapter", "--for-server", "1"] })),
    },
    says: "another user's",
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
        sockets: [{ state: "listen", address: "127.0.0.1", local: 5678, remote: 0, uid: 1001, pid: 8 }],
        names: new Map([[8, "nc -l 5678 --password x"]]),
      },
    },
    says: /held by nc -l \(pid 8\).*sudo kill 8/s,
  },
  {
    code: "DT_DOCTOR_PORT_FOREIGN",
    status: "unseen",
    there: {
      details: { ...details, sockets: [{ state: "listen", address: "127.0.0.1", local: 5678, remote: 0, uid: 0 }] },
    },
    says: "uid 0",
  },
  { code: "DT_SERVICE_DOWN", there: { details: { ...details, sockets: [] } }, says: "debugtap inject api" },
  {
    code: "DT_SERVICE_DOWN",
    there: { services: [unit], survey: survey(), details: { ...details, sockets: [] } },
    says: "ssh -t vm 'sudo systemctl restart api.service'",
  },
  { code: "DT_REMOTE_PORT", there: { services: [dials()] }, says: "ssh vm 'kill 70'" },
  {
    code: "DT_REMOTE_PORT",
    status: "ok",
    here: { relays: [relay([])] },
    there: {
      services: [dials()],
      details: { ...details, sockets: [{ state: "listen", address: "127.0.0.1", local: 5678, remote: 0, uid: 1000 }] },
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
    code: "DT_DOCTOR_PROCESS",
    status: "ok",
    there: { survey: survey(python({ argv: ["uwsgi", "--env", "DB_PASSWORD=x12", "--ini", "/srv/api.ini"] })) },
    says: /^pid 70 uwsgi --env DB_PASSWORD=«redacted:\w{8}» --ini \/srv\/api.ini$/m,
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
    says: "ssh -t vm 'sudo apt-get install -y python3-debugpy'",
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
    says: "give api GEVENT_SUPPORT=True in its environment",
  },
  {
    code: "DT_DOCTOR_GEVENT",
    there: {
      services: [tab],
      survey: survey(python({ argv: ["python3", "/srv/api.py", "-k", "gevent"], env: tabEnv })),
    },
    says: /^debugtap inject api && debugtap restart api$/m,
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
  ...(["wrong", "ok"] as const).map((status) => ({
    code: "DT_DOCTOR_UNDEBUGGED" as const,
    status,
    there: {
      survey: survey(
        python(),
        python({ pid: 71, ppid: 70 }),
        python({ pid: 80, argv: ["python3", "/x/debugpy/adapter", "--for-server", "1"] }),
      ),
      details: {
        ...details,
        processes: new Map([70, 71].map((pid) => [pid, { env: {} }])),
        sockets: [
          { ...loopback, local: 400, remote: 401, pid: 80 },
          { ...loopback, local: 401, remote: 400, pid: 70 },
          { ...loopback, local: 402, remote: status === "ok" ? 403 : 9, pid: 80 },
          { ...loopback, local: 403, remote: 402, pid: 71 },
        ],
      },
    },
    says: status === "ok" ? "in each of 1 workers" : "not in 1 of 1 workers (pid 71)",
  })),
  {
    code: "DT_DOCTOR_WORKERS",
    there: {
      survey: survey(python({ argv: ["/usr/bin/python3", "/usr/bin/cinder-api"] })),
      services: [{ ...service, match: { argv: "cinder-api" } }],
      details: { ...details, files: [file("/etc/cinder/cinder.conf", "DEFAULT", ["osapi_volume_workers", "4"])] },
    },
    says: "0 of 4",
  },
  {
    code: "DT_DOCTOR_THREADS",
    there: uwsgi(file("/etc/api.ini", "uwsgi", ["enable-threads", "false"])),
    says: /s\/.*enable-threads.*= true/,
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
    says: /may not read it\nssh -t vm 'sudo grep .* \/etc\/cinder\/cinder.conf'/,
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
    there: { details: { ...details, folders: [{ ...folder, gone: 2 }] } },
    says: "was left by",
  },
  {
    code: "DT_DOCTOR_LEFT_INJECT",
    status: "unseen",
    there: { details: { ...details, seesAll: false, folders: [{ ...folder, gone: 2 }] } },
    says: /0123456789.*2 may run still.*hidepid.*\nssh -t vm 'sudo grep -lE /s,
  },
  {
    code: "DT_DOCTOR_LEFT_INJECT",
    there: {
      details: {
        ...details,
        folders: [contained],
        inner: [
          { pid: 900, innerPid: 7, namespace: "boot pid:[43]" },
          { pid: 901, innerPid: 8 },
        ],
      },
    },
    says: "was left by",
  },
  {
    code: "DT_DOCTOR_LEFT_INJECT",
    status: "note",
    there: {
      details: { ...details, folders: [contained], inner: [{ pid: 900, innerPid: 7, namespace: "boot pid:[42]" }] },
    },
    says: "1 processes use it",
  },
  {
    code: "DT_DOCTOR_LEFT_INJECT",
    status: "unseen",
    there: { details: { ...details, folders: [contained], inner: [{ pid: 900, innerPid: 7 }] } },
    says: /1 ran in another pid namespace.*\nssh -t vm 'sudo grep -lE .*0123456789/s,
  },
  {
    code: "DT_DOCTOR_LEFT_INJECT",
    status: "unseen",
    there: { details: { ...details, folders: [contained], isOutermost: false } },
    says: /another pid namespace[^\n]*\n$/,
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
      details: {
        ...details,
        sockets: [{ state: "listen", address: "127.0.0.1", local: 5999, remote: 0, uid: 1000, pid: 80 }],
      },
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
          { state: "established", address: "127.0.0.1", local: 400, remote: 401, uid: 1000, pid: 80 },
          { state: "established", address: "127.0.0.1", local: 401, remote: 400, uid: 1000, pid: 70 },
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
    "state=x",
    "namespace=",
    "inner=x",
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

t.test("a state belongs to the boot and the pid namespace that its process has written into it", async (t) => {
  const parts = [
    "namespace=b1 pid:[4026531836]\n",
    "inner=900 7 pid:[42]\n901 8 \n",
    "folder=m /a\nservices api",
    'state=api 70 + b1 pid:[4026531836]\n{"pid": 70}',
    "state=api 71 - b1 pid:[4026531836]\n",
    "state=api 72 + \nold",
    "state=api 7 + b1 pid:[42]\nof a container, where another process has its number here",
    "state=api 73 - b0 pid:[4026531836]\n",
  ];
  const output = parts.map((text) => `\nm ${text}`).join("");
  const parsed = parseDetails(output, "m", { skew: 0, skewError: 0 });
  t.match(parsed, {
    isOutermost: true,
    inner: [
      { pid: 900, innerPid: 7, namespace: "b1 pid:[42]" },
      { pid: 901, innerPid: 8 },
    ],
    folders: [
      {
        states: [{ pid: 70, text: '{"pid": 70}' }, { pid: 72 }],
        elsewhere: [{ pid: 7, namespace: "b1 pid:[42]" }],
        gone: 1,
      },
    ],
  });
  t.equal(parsed.folders[0]?.states.length, 2);
  const blind = parseDetails(output.replace("namespace=b1 ", "namespace="), "m", { skew: 0, skewError: 0 });
  t.match(blind, { isOutermost: false, folders: [{ gone: 0, states: [{ pid: 72 }] }] });
  t.equal(blind.folders[0]?.elsewhere.length, 4, "of those that say where they ran nothing is known");
});

t.test("settings as files have them: every form, directories, Match blocks, what stands before keys", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "dt-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const texts = {
    "a.yml": "uwsgi:\n  harakiri: 30\n  enable-threads: true\n",
    "a.xml": "<uwsgi>\n  <master/>\n  <harakiri>40</harakiri>\n</uwsgi>\n",
    "a.json": '{"uwsgi": {\n  "harakiri": 50,\n  "threads": 2\n}}\n',
    "a.ini": "[ uwsgi ]\r\nharakiri=60\r\n; harakiri = 1\nini = other.ini\n",
    "gunicorn.conf.py": "timeout = 45  # seconds\n",
    "conf.d/10.conf": '[DEFAULT]\nrpc_response_timeout : "70"\ntransport_url = rabbit://u:secret@h\n',
    sshd_config: "MaxSessions 9\nMatch User x\n  MaxSessions 1\n",
  };
  mkdirSync(join(dir, "conf.d"));
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(dir, name), text);
  const files = Object.keys(texts).map((name) => join(dir, name.replace(/\/.*/, "")));
  const looked = await lookCloser(runLocal, { pids: [], files, interpreters: [], units: [], left: [] });
  const own = looked.files.filter(({ path }) => path.startsWith(dir));
  t.same(
    own.map(({ path, settings }) => [
      path.slice(dir.length + 1),
      settings.map(({ section, key, value }) => [section, key, value].join(" ").trim()),
    ]),
    [
      ["a.yml", ["uwsgi [", "uwsgi harakiri 30", "uwsgi enable-threads true"]],
      ["a.xml", ["uwsgi [", "uwsgi master", "uwsgi harakiri 40"]],
      ["a.json", ["uwsgi [", "uwsgi harakiri 50", "uwsgi threads 2"]],
      ["a.ini", ["uwsgi [", "uwsgi harakiri 60", "uwsgi ini other.ini"]],
      ["gunicorn.conf.py", ["timeout 45  # seconds"]],
      ["conf.d/10.conf", ["DEFAULT [", "DEFAULT rpc_response_timeout 70", "DEFAULT transport_url"]],
      ["sshd_config", ["maxsessions 9", "Match User x maxsessions 1"]],
    ],
  );
  t.equal(looked.seesAll, true);
  t.ok(looked.skew < 2, "its clock is this one's");
});

t.test("where settings are, and which fix changes them", async (t) => {
  const of = (argv: string[], cwd = "/srv"): string[] => settingsFilesOf(python({ argv, cwd }));
  t.same(of(["uwsgi", "--yaml", "a.yml"]), ["/srv/a.yml"]);
  t.same(of(["python3", "/usr/bin/gunicorn", "api:app"]), ["/srv/gunicorn.conf.py"]);
  t.same(of(["python3", "/usr/bin/gunicorn", "-c", "g.py", "api:app"]), ["/srv/g.py"]);
  t.same(of(["/opt/my-venv/bin/python", "/usr/bin/cinder-api", "--config-dir=/etc/x.d"]), [
    "/etc/cinder/cinder.conf",
    "/etc/x.d",
  ]);
  t.same(of(["uwsgi", "--procname-prefix", "cinder-api", "--ini", "/etc/cinder/cinder-api-uwsgi.ini"]), [
    "/etc/cinder/cinder.conf",
    "/etc/cinder/cinder-api-uwsgi.ini",
    "/etc/cinder/cinder.conf.d",
    "/etc/cinder/cinder-api.conf.d",
  ]);
  const dir = mkdtempSync(join(tmpdir(), "dt-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  for (const [name, before, after] of [
    ["a.yml", "uwsgi:\n  harakiri: 30\n", "uwsgi:\n  harakiri: 0\n"],
    ["a.xml", "<uwsgi>\n<harakiri>40</harakiri>\n", "<uwsgi>\n<harakiri>0</harakiri>\n"],
    ["a.json", '{"uwsgi": {"harakiri": 50, "x": 1}}\n', '{"uwsgi": {"harakiri": 0, "x": 1}}\n'],
    ["a.ini", "[x]\nharakiri=1\n[uwsgi]\nharakiri : 60\n", "[x]\nharakiri=1\n[uwsgi]\nharakiri = 0\n"],
  ] as const) {
    const path = join(dir, name);
    writeFileSync(path, before);
    const change = { section: "uwsgi", key: "harakiri", value: "0", isSet: true };
    await runLocal(settingCommand({ path, readable: true, writable: true, settings: [] }, change));
    t.equal(readFileSync(path, "utf8"), after);
  }
});

t.test("docs/doctor.md has every code, with the words of the table", async (t) => {
  const text = readFileSync(new URL("../../../docs/doctor.md", import.meta.url), "utf8");
  const rows = Object.entries(doctorTable).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`);
  t.same(
    [...text.matchAll(/^\| `DT_DOCTOR_\w+` \| .* \|$/gm)].map(([row]) => row),
    rows,
  );
});
