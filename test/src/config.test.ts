import { readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { defaultSecretRules } from "../../protocol/redact.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import { captureLimits } from "../../protocol/hit.ts";
import { loadConfig, parseConfig, parseHold } from "../../src/config.ts";
import { configJsonSchema } from "../../src/config-schema.ts";
import { suggest } from "../../src/suggest.ts";

const root = new URL("../../../", import.meta.url);

const design = `hosts:
  devstack: { ssh: stack@192.168.56.101, source: { local: ~/src/openstack, remote: /opt/stack } }
services:
  cinder-api:       { host: devstack, wire: pydevd, dials: 5678, ide: 5711, match: { unit: devstack@c-api } }
  cinder-scheduler: { host: devstack, wire: pydevd, dials: 5678, ide: 5712, match: { argv: cinder-scheduler } }
  cinder-volume:    { host: devstack, wire: dap, listens: 5679, ide: 5713 }
record: { depth: 3, items: 50, string: 1024, frames: 20 }
`;

/** The error that `text` gives; fails where it gives none. */
function refusal(text: string): DebugtapError {
  try {
    parseConfig(text, "/etc/debugtap.yml");
  } catch (error) {
    if (error instanceof DebugtapError) return error;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

/** The problems of `text` as `line:column: text`, without the quoted lines. */
function problems(text: string): string[] {
  const lines = refusal(text).message.split("\n");
  return lines
    .filter((line) => line.startsWith("/etc/debugtap.yml:"))
    .map((line) => line.slice("/etc/debugtap.yml:".length));
}

const services = (...lines: string[]) => `services:\n${lines.map((line) => `  ${line}\n`).join("")}`;
const one = (service: string) => `services:\n  api: { ${service} }\n`;

t.test("how much is kept: sizes and ages with their units", async (t) => {
  const record = (text: string) => parseConfig(`services: {}\nrecord: { ${text} }`, "/p/debugtap.yml").record;
  for (const [text, bytes] of [
    ["10MB", 10e6],
    ["10000KB", 10e6],
    ["2GB", 2e9],
    ["none", Infinity],
  ] as const)
    t.equal(record(`max_size: ${text}`).maxSize, bytes, text);
  for (const [text, ms] of [
    ["60s", 60_000],
    ["90m", 5_400_000],
    ["12h", 43_200_000],
    ["7d", 604_800_000],
    ["none", Infinity],
  ] as const)
    t.equal(record(`max_age: ${text}`).maxAge, ms, text);
});

t.test("the file of the design becomes plain data with nothing left to resolve", async (t) => {
  const config = parseConfig(design, "/home/me/debugtap.yml");
  t.equal(config.file, "/home/me/debugtap.yml");
  t.strictSame(config.hosts, [
    {
      name: "devstack",
      ssh: "stack@192.168.56.101",
      source: [{ local: join(homedir(), "src/openstack"), remote: "/opt/stack" }],
    },
  ]);
  const source = [{ local: join(homedir(), "src/openstack"), remote: "/opt/stack" }];
  const vm = {
    host: "devstack",
    address: "127.0.0.1",
    bind: "127.0.0.1",
    hold: 0,
    correlate: [],
    evaluate: false,
    onLeave: "resume",
    reattach: false,
    inject: { guard: [] },
    source,
  };
  t.strictSame(config.services, [
    { name: "cinder-api", ...vm, ide: 5711, match: { unit: "devstack@c-api" }, wire: "pydevd", dials: 5678 },
    { name: "cinder-scheduler", ...vm, ide: 5712, match: { argv: "cinder-scheduler" }, wire: "pydevd", dials: 5678 },
    { name: "cinder-volume", ...vm, ide: 5713, wire: "dap", listens: 5679 },
  ]);
  const keep = { maxSize: 10e9, maxAge: Infinity };
  t.strictSame(config.record, { enabled: true, capture: true, ...keep, ...captureLimits, secrets: defaultSecretRules });
  t.strictSame(config.clients, { drive: "first" });
  t.strictSame(config.board, { port: 5700 });
});

t.test(
  "paths are relative to the file, times become milliseconds, the local host appears when it is used",
  async (t) => {
    const text = `
hosts: { vm: { ssh: "me@[::1]:2222", ssh_config: ssh/config, source: [{ local: src, remote: /opt }] } }
services:
  a: { wire: raw, dials: 4444, ide: 5001, hold: 2m }
  b: { wire: pydevd, dials: 4445, ide: 5002, hold: 500ms, address: 0.0.0.0, expose: "yes, beyond loopback" }
  c: { wire: dap, listens: 5678, ide: 5678, address: 172.17.0.2 }
record: { enabled: false, dir: traces }`;
    const { hosts, services, record } = parseConfig(text, "/p/debugtap.yml");
    t.strictSame(hosts, [
      { name: "vm", ssh: "me@[::1]:2222", sshConfig: "/p/ssh/config", source: [{ local: "/p/src", remote: "/opt" }] },
      { name: "local", source: [] },
    ]);
    t.strictSame(
      services.map(({ host, hold, address }) => [host, hold, address]),
      [
        ["local", 120_000, "127.0.0.1"],
        ["local", 500, "0.0.0.0"],
        ["local", 0, "172.17.0.2"],
      ],
    );
    t.match(record, { enabled: false, dir: "/p/traces", depth: 3 });
    t.equal(parseHold("never"), 0);
    t.equal(parseHold("1h"), 3_600_000);
    t.throws(() => parseHold("30"), { code: "DT_USAGE", fix: "--hold 30s" });
  },
);

t.test("what is taken at a hit: limits, and what a service says before what the file says for all", async (t) => {
  const text = `
services:
  a: { wire: dap, listens: 1, ide: 2 }
  b: { wire: pydevd, dials: 3, ide: 4, correlate: ["req.environ['id']"], evaluate: false, on_leave: end }
record: { capture: false, frames: 1000, locals: 2, depth: 1, items: 7, string: 10, bytes: 4096, time: 2s }
correlate: [context.request_id, kwargs]
evaluate: true
on_leave: keep
clients: { drive: ask }
board: { port: 0 }`;
  const { services, record, clients, board } = parseConfig(text, "/p/debugtap.yml");
  t.strictSame(
    services.map(({ correlate, evaluate, onLeave }) => [correlate, evaluate, onLeave]),
    [
      [["context.request_id", "kwargs"], true, "keep"],
      [["req.environ['id']"], false, "end"],
    ],
  );
  const limits = { frames: 1000, locals: 2, depth: 1, items: 7, string: 10, bytes: 4096, time: 2000 };
  t.strictSame(record, {
    enabled: true,
    capture: false,
    maxSize: 10e9,
    maxAge: Infinity,
    ...limits,
    secrets: defaultSecretRules,
  });
  t.strictSame(clients, { drive: "ask" });
  t.strictSame(board, { port: 0 });
  t.equal(parseConfig("services: {}\nrecord: { time: 250ms }", "/p/debugtap.yml").record.time, 250);
});

t.test("secrets: what is masked beside what is known, what is kept, and nothing at all", async (t) => {
  const secretsOf = (text: string) =>
    parseConfig(`services: {}\nrecord: { secrets: { ${text} } }`, "/p/debugtap.yml").record.secrets;
  const { mask } = defaultSecretRules.types;
  t.strictSame(secretsOf(""), defaultSecretRules);
  t.strictSame(secretsOf('names: [tenant_pin], keep: [token], types: { mask: ["*Vault"], keep: [LexToken] }'), {
    names: ["tenant_pin"],
    keep: ["token"],
    types: { mask: [...mask, "*Vault"], keep: ["LexToken"] },
  });
  t.equal(secretsOf("mask: false, names: [x]"), "keep");
});

t.test("triggers: defaults, what one says before what the file says for all, and a host of its own", async (t) => {
  const { triggers, hosts } = parseConfig(
    `hosts: { vm: { ssh: stack@vm } }
services: {}
request_id_headers: [X-Trace-Id]
triggers:
  cinder: { host: vm, to: "127.0.0.1:8776", listen: 5780 }
  horizon: { host: vm, to: "[::1]:80", listen: 5781, timeout: 90s, body: 8KB, request_id_headers: [] }
  here: { to: 8080, listen: 5782, body: none, timeout: none }
`,
    "/p/debugtap.yml",
  );
  t.strictSame(triggers, [
    {
      name: "cinder",
      host: "vm",
      to: { host: "127.0.0.1", port: 8776 },
      listen: 5780,
      requestIdHeaders: ["X-Trace-Id"],
      timeout: Infinity,
      body: 64_000,
    },
    {
      name: "horizon",
      host: "vm",
      to: { host: "::1", port: 80 },
      listen: 5781,
      requestIdHeaders: [],
      timeout: 90_000,
      body: 8000,
    },
    {
      name: "here",
      host: "local",
      to: { host: "127.0.0.1", port: 8080 },
      listen: 5782,
      requestIdHeaders: ["X-Trace-Id"],
      timeout: Infinity,
      body: 0,
    },
  ]);
  t.strictSame(
    hosts.map(({ name }) => name),
    ["vm", "local"],
  );
  const plain = parseConfig("services: {}\ntriggers: { a: { to: 80, listen: 5780 } }\n", "/p/debugtap.yml");
  t.strictSame(plain.triggers[0]?.requestIdHeaders, ["X-OpenStack-Request-Id", "X-Request-Id", "traceparent"]);
});

t.test("triggers: what is wrong with them, both sides named", async (t) => {
  const trigger = (text: string, ...more: string[]) =>
    problems(`${more.join("\n")}${more.length > 0 ? "\n" : ""}triggers: { api: { ${text} } }\n`);
  const none = "services: {}";
  for (const [found, wanted] of [
    [trigger("listen: 5780", none), /`to` is missing: to is the service's port on the host/],
    [trigger("to: 80", none), /`listen` is missing: a port is/],
    [trigger("to: http://x:80/, listen: 5780", none), /^2:\d+: to is the service's port on the host/],
    [trigger("to: x:99999, listen: 5780", none), /99999 is no port/],
    [trigger("to: 80, listen: 5780, host: vm", none), /there is no host `vm`/],
    [trigger("to: 80, listen: 5780, bind: 0.0.0.0", none), /unknown key `bind`/],
    [trigger("to: 80, listen: 5780, timeout: 30", none), /timeout is `none` or a time with its unit/],
    [trigger("to: 80, listen: 5780, body: 2MB", none), /body is `none` or a size in KB/],
    [trigger("to: 80, listen: 5780, request_id_headers: [a b]", none), /is the name of a header/],
    [
      trigger("to: 5780, listen: 5780", none),
      /`api` has 5780 as `to` and as `listen` on this machine; debugtap would dial itself/,
    ],
    [
      trigger("to: 80, listen: 5711", "services:", "  svc: { wire: dap, listens: 5678, ide: 5711 }"),
      /`svc` \(ide, line 2\) both need port 5711 on this machine/,
    ],
    [
      trigger("to: 80, listen: 5780", "services:", "  api: { wire: dap, listens: 5678, ide: 5711 }"),
      /`api` is a service too \(line 2\)/,
    ],
  ] as const)
    t.match(found, [wanted], found.join());
  t.match(problems("services: {}\ntriggers: { a: { to: 80, listen: 5 }, b: { to: 80, listen: 5 } }\n"), [
    /`b` \(listen\) and `a` \(listen, line 2\) both need port 5/,
  ]);
});

t.test("a service has its own sources before those of its host", async (t) => {
  const text = (service: string) => `
hosts: { vm: { source: [{ local: src, remote: /opt }, { local: 'C:\\src', remote: 'D:\\srv\\' }] } }
services:
  a: { host: vm, wire: dap, listens: 1, ide: 2, source: ${service} }
  b: { wire: dap, listens: 3, ide: 4 }`;
  const [a, b] = parseConfig(text("{ local: ~/fork, remote: /opt/cinder }"), "/p/debugtap.yml").services;
  t.strictSame(a?.source, [
    { local: join(homedir(), "fork"), remote: "/opt/cinder" },
    { local: "/p/src", remote: "/opt" },
    { local: "C:\\src", remote: "D:\\srv\\" },
  ]);
  t.strictSame(b?.source, []);
  t.match(problems(text("{ local: a, remote: opt }")), [/remote is an absolute path/]);
  t.match(problems(text("{ local: a, remoet: /opt }")), [/`remote` is missing/, /did you mean `remote`/]);
  t.match(problems(text("[{ local: a, remote: /opt/ }, { local: b, remote: /opt }]")), [
    /`\/opt` stands twice \(line 4\): a file there would have two names here/,
  ]);
  t.match(problems(text("{ local: ~you/a, remote: /opt }")), [/`~you` is another user's home/]);
  t.match(problems(text('{ local: a, remote: "/opt\\tx" }')), [/`remote` has a control character in it/]);
  t.match(problems(one("wire: raw, listens: 1, ide: 2, source: { local: a, remote: /b }")), [/`api` is raw/]);
});

t.test("an unknown key or value is quoted with a caret and what was meant", async (t) => {
  const error = refusal(one("wire: dap, listen: 5678, ide: 5711"));
  t.equal(error.code, "DT_CONFIG_INVALID");
  t.equal(error.exit, 2);
  t.equal(
    error.format(),
    [
      "DT_CONFIG_INVALID: /etc/debugtap.yml:2:21: unknown key `listen`, did you mean `listens`?",
      "    2 |   api: { wire: dap, listen: 5678, ide: 5711 }",
      "      |                     ^",
      "  fix: rename `listen` to `listens`",
    ].join("\n"),
  );
  t.match(problems(one("wire: pydev, dials: 1, ide: 2")), [
    "2:16: wire is `pydevd`, `dap` or `raw`; did you mean `pydevd`?",
  ]);
  t.match(problems(one("wire: pydevd, dials: 1, ide: 2, hold: forevr")), [/did you mean `forever`/]);
  t.match(problems(one("wire: dap, listens: 1, ide: 2, match: { arg: x }")), [
    /unknown key `arg`, did you mean `argv`/,
  ]);
  t.match(problems("services: {}\nhost: {}\n"), ["2:1: unknown key `host`, did you mean `hosts`?"]);
  t.match(problems(one("wire: dap, listens: 1, ide: 2, zzz: 3")), [/unknown key `zzz`; known are host, wire, dials/]);
  t.match(problems("hosts: { a: { source: { local: x, remot: /y } } }\nservices: {}\n"), [
    /`remote` is missing/,
    /did you mean `remote`/,
  ]);
});

t.test("what a single value must be", async (t) => {
  const cases: [string, RegExp][] = [
    [one("wire: dap, listens: 70000, ide: 2"), /^2:30: a port is a whole number from 1 to 65535/],
    [one("wire: dap, listens: 5.5, ide: 2"), /a port is/],
    [one("wire: dap, listens: 1"), /^2:3: `ide` is missing: a port is/],
    [one("listens: 1, ide: 2"), /`wire` is missing/],
    [one("wire: dap, listens: 1, ide:"), /^2:\d+: a port is/],
    [one("wire: pydevd, dials: 1, ide: 2, hold: 30"), /hold is `forever`, `never` or a time with its unit/],
    [one("wire: dap, listens: 1, ide: 2, expose: yes"), /expose is the sentence/],
    ["services:\n  a b: { wire: dap, listens: 1, ide: 2 }\n", /^2:3: `a b` is no name/],
    ["services:\n  c#1: { wire: dap, listens: 1, ide: 2 }\n", /^2:3: `c#1` is no name/],
    ["services:\n  -c: { wire: dap, listens: 1, ide: 2 }\n", /`-c` is no name/],
    ["hosts: { a: { ssh: -oProxyCommand=x } }\nservices: {}\n", /^1:20: ssh is `user@host`/],
    ["hosts: { a: { ssh: me@-x } }\nservices: {}\n", /ssh is `user@host`/],
    ["hosts: { a: { ssh: a:70000 } }\nservices: {}\n", /70000 is no port/],
    ["hosts: { a: { source: { local: x, remote: y } } }\nservices: {}\n", /remote is an absolute path/],
    ["hosts: { a: }\nservices: {}\n", /^1:10: a host is a map/],
    ["services: {}\nrecord: { secrets: { names: pin } }\n", /names is a list of names such as `\[tenant_pin\]`/],
    ["services: {}\nrecord: { secrets: { mask: no thanks } }\n", /mask is true or false/],
    ["services: {}\nrecord: { depth: 0 }\n", /depth is a whole number from 1 to 20/],
    ["services: {}\nrecord: { bytes: 300000 }\n", /bytes is a whole number from 1 to 262144/],
    ["services: {}\nrecord: { time: 500 }\n", /time is a time with its unit/],
    ["services: {}\nrecord: { time: 0ms }\n", /time is a time with its unit/],
    ["services: {}\nrecord: { max_size: 2000000000 }\n", /max_size is `none` or a size with its unit, at least 10 MB/],
    ["services: {}\nrecord: { max_size: 9MB }\n", /max_size is `none` or a size/],
    ["services: {}\nrecord: { max_size: 2GiB }\n", /max_size is `none` or a size/],
    ["services: {}\nrecord: { max_age: 7 }\n", /max_age is `none` or a time with its unit, at least a minute/],
    ["services: {}\nrecord: { max_age: 59s }\n", /max_age is `none` or a time/],
    ["services: {}\nclients: { driv: any }\n", /unknown key `driv`, did you mean `drive`/],
    ["services: {}\nclients: { drive: al }\n", /drive is `first`, `any` or `ask`/],
    ["services: {}\nboard: { port: 70000 }\n", /the port of the board is a whole number from 0 to 65535/],
    ["services: {}\nboard: 5700\n", /board is a map such as/],
    ["services: {}\non_leave: resum\n", /did you mean `resume`/],
    ["services: {}\ncorrelate: context.request_id\n", /correlate is a list of names/],
    [one("wire: pydevd, dials: 1, ide: 2, reattach: true"), /only a service that is `dap` .* `api` is pydevd/],
    [one("wire: raw, listens: 1, ide: 2, on_leave: end"), /`api` is raw, .* takes no `on_leave`/],
    ["services: []\n", /services is a map/],
    ["- a\n", /^1:1: the file is a map/],
    ["", /^1:1: `services` is missing/],
  ];
  for (const [text, expected] of cases) t.match(problems(text)[0], expected, text);
});

t.test("what must hold between values: both sides are named", async (t) => {
  const cases: [string, string | RegExp][] = [
    [one("wire: pydevd, listens: 5678, ide: 2"), "2:33: `api` is pydevd, which dials: it takes `dials`, not `listens`"],
    [one("wire: pydevd, ide: 2"), /^2:3: `api` is pydevd and needs `dials`/],
    [one("wire: dap, dials: 5678, ide: 2"), /`api` is dap, which listens: it takes `listens`/],
    [one("wire: dap, ide: 2"), /`api` is dap and needs `listens`/],
    [one("wire: raw, ide: 2"), /`api` is raw and needs either/],
    [one("wire: raw, dials: 1, listens: 3, ide: 2"), /`api` is raw and needs either/],
    [one("wire: dap, listens: 1, ide: 2, hold: never"), /only a service that dials can be held/],
    [one("wire: pydevd, dials: 1, ide: 2, match: {}"), /^2:49: match names at least one of/],
    [one("wire: dap, listens: 1, ide: 2, host: x"), /there is no host `x`/],
    [
      `hosts: { devstack: { ssh: a } }\n${one("wire: dap, listens: 1, ide: 2, host: devstak")}`,
      /did you mean `devstack`/,
    ],
    ["hosts: { local: { ssh: a } }\nservices: {}\n", /`local` is this machine/],
    ["hosts: { a: { ssh_config: x } }\nservices: {}\n", /`ssh_config` needs `ssh`/],
    [one("wire: dap, listens: 1, ide: 2, bind: 0.0.0.0"), /whoever reaches `0.0.0.0` could run code in `api`/],
    [one("wire: pydevd, dials: 1, ide: 2, address: 10.0.0.1"), /whoever reaches `10.0.0.1`/],
    [one("wire: pydevd, dials: 5678, ide: 5678"), /`api` has 5678 as `ide` and as `dials`.*dial itself/],
    [
      services("a: { wire: dap, listens: 1, ide: 7 }", "b: { wire: pydevd, dials: 3, ide: 7 }"),
      "3:37: `b` (ide) and `a` (ide, line 2) both need port 7 on this machine",
    ],
    [
      services("a: { wire: pydevd, dials: 9, ide: 7, match: { argv: a } }", "b: { wire: pydevd, dials: 9, ide: 8 }"),
      "3:29: `b` and `a` (line 2) both dial 9 on `local`; `b` must say by `match` which processes are meant",
    ],
    [
      services("a: { wire: dap, listens: 9, ide: 7 }", "b: { wire: pydevd, dials: 9, ide: 8 }"),
      /`b` \(dials\) and `a` \(listens, line 2\) both need port 9/,
    ],
  ];
  for (const [text, expected] of cases) {
    const found = problems(text);
    t.equal(found.length, 1, text);
    t.match(found[0], expected, text);
  }
});

t.test("all problems at once, in the order of the file, ten of them shown", async (t) => {
  const lines = Array.from({ length: 15 }, (_, index) => `  s${index}: { wire: dap, listens: 0, ide: ${index + 1} }\n`);
  const { message } = refusal(`services:\n${lines.join("")}`);
  t.match(message, /^\/etc\/debugtap.yml has 15 problems\n/);
  t.match(message, /\nand 5 more$/);
  t.strictSame(
    problems(`services:\n${lines.join("")}`).map((line) => Number.parseInt(line, 10)),
    [2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
  );
});

t.test("a long line is cut around the caret, control characters do not reach the terminal", async (t) => {
  const shown = refusal(one(`host: ${"x".repeat(500)}, wire: dap, listens: 1, ide: 0, bind: "\u001b[31m"`)).message;
  const [, quoted = "", caret = ""] = shown.split("\n");
  t.ok(quoted.length < 110 && caret.length < 110);
  t.equal(quoted[caret.indexOf("^")], "0");
  t.notOk(shown.includes("\u001b"));
});

t.test("what is not YAML, or would take too much, is refused", async (t) => {
  const syntax = refusal("services:\n  a: [1,\n  b: 2\n");
  t.equal(syntax.code, "DT_CONFIG_SYNTAX");
  t.match(syntax.message, /\/etc\/debugtap.yml:\d+:\d+: /);
  const cases: [string, RegExp][] = [
    ["services: {}\nservices: {}\n", /:2:1: `services` stands twice/],
    ["__proto__: { a: 1 }\nservices: {}\n", /`__proto__` is no key/],
    ["services: { a: *b }\n", /:1:16: no `&b` stands before `\*b`/],
    [
      `a: &a [${"1,".repeat(20)}]\nb: &b [${"*a,".repeat(20)}]\nservices: [${"*b,".repeat(20)}]\n`,
      /aliases stand for too much/,
    ],
    ["[".repeat(10_000), /Maximum call stack|:1:\d+:/],
    ["services: { a: &a { b: *a } }", /./],
  ];
  for (const [text, expected] of cases) t.match(refusal(text).message, expected, text.slice(0, 40));
  t.match(refusal(`#${" ".repeat(1024 * 1024)}`).format(), /larger than 1 MiB/);
  const shared =
    "services:\n  a: { wire: pydevd, dials: 9, ide: 7, match: &m { user: stack } }\n  b: { wire: pydevd, dials: 9, ide: 8, match: *m }\n";
  t.equal(parseConfig(shared, "x").services[1]?.match?.user, "stack", "an alias that is no bomb is read");
});

t.test("the nearest debugtap.yml upwards is found; a missing or unreadable one is told", async (t) => {
  const dir = t.testdir({
    "debugtap.yml": design,
    "other.yml": one("wire: dap, listens: 1, ide: 0"),
    deep: { er: {} },
  });
  const before = process.cwd();
  t.teardown(() => process.chdir(before));
  process.chdir(join(dir, "deep/er"));
  t.equal((await loadConfig()).file, join(dir, "debugtap.yml"));
  process.chdir(dir);
  await t.rejects(loadConfig("other.yml"), { code: "DT_CONFIG_INVALID", message: /^other\.yml:2:\d+: / });
  await t.rejects(loadConfig("none.yml"), { code: "DT_CONFIG_MISSING", why: /ENOENT/ });
  await t.rejects(loadConfig("deep"), { code: "DT_CONFIG_MISSING", why: /EISDIR/ });
  writeFileSync("big.yml", Buffer.alloc(2 * 1024 * 1024, "#"));
  await t.rejects(loadConfig("big.yml"), { code: "DT_CONFIG_INVALID", message: "big.yml is larger than 1 MiB" });
  process.chdir("/");
  await t.rejects(loadConfig(), { code: "DT_CONFIG_MISSING", fix: /printf .* > debugtap.yml/ });
});

t.test("what is suggested is near", async (t) => {
  t.equal(suggest("listen", ["dials", "listens"]), "listens");
  t.equal(suggest("dails", ["dials", "listens"]), "dials");
  t.equal(suggest("ied", ["ide", "host"]), "ide");
  t.equal(suggest("zzz", ["ide", "host"]), undefined);
});

t.test("debugtap.schema.json is the schema of the code", async (t) => {
  const published: unknown = JSON.parse(readFileSync(new URL("debugtap.schema.json", root), "utf8"));
  t.strictSame(
    published,
    JSON.parse(JSON.stringify(configJsonSchema())),
    "stale: run `npm run build && node script/schema.mjs`",
  );
});

t.test("run: how a service is run on its host", async (t) => {
  const text = (run: string) => `services:\n  api: { wire: dap, listens: 1, ide: 2, run: ${run} }\n`;
  const run = (written: string) => parseConfig(text(written), "debugtap.yml").services[0]?.run;
  t.strictSame(run("{ unit: devstack@c-api }"), { kind: "unit", unit: "devstack@c-api.service", user: false });
  t.strictSame(run("{ unit: a.target, user: true }"), { kind: "unit", unit: "a.target", user: true });
  t.match(run("{ unit: gunicorn@example.com }"), { unit: "gunicorn@example.com.service" }, "not a suffix of systemd's");
  t.strictSame(run("{ screen: stack, tab: c-api }"), { kind: "screen", screen: "stack", tab: "c-api" });
  t.strictSame(run("{ compose: api, dir: /srv }"), { kind: "compose", service: "api", dir: "/srv" });
  t.strictSame(run("{ restart: r, logs: l, env_file: /e }"), {
    kind: "command",
    restart: "r",
    logs: "l",
    envFile: "/e",
  });
  const wrong: readonly (readonly [string, string])[] = [
    ["{}", "`run` needs one of `unit`, `screen`, `compose` and `restart`"],
    ["{ unit: a, screen: b, tab: c }", "`unit` and `screen` are two ways to run it"],
    ["{ unit: a, tab: c }", "`tab` does not go with `unit`"],
    ["{ screen: a }", "`screen` needs `tab`"],
    ["{ compose: a }", "`compose` needs `dir`"],
    ["{ unit: -x }", "unit is one word that does not begin with `-`"],
    ['{ restart: "a\\nb" }', "restart has a control character in it"],
  ];
  for (const [written, what] of wrong) {
    t.throws(() => run(written), { code: "DT_CONFIG_INVALID", message: what }, written);
  }
});
