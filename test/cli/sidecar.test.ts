// What a sidecar is told by its environment, that the examples tell it nothing else, and that the Dockerfile keeps its rules.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import t from "tap";
import { parse } from "yaml";
import { DebugtapError } from "../../protocol/errors.ts";
import { readEnvironment, sidecarVariables } from "../../src/cli/sidecar-environment.ts";
import { startCli } from "../helpers/cli.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const exposed = { DEBUGTAP_EXPOSE: "yes, beyond loopback" };
const api = { DEBUGTAP_SERVICES: "api=dap:5678" };

t.test("services, with the ports of their IDEs", (t) => {
  const { config, json, board, breakpoints } = readEnvironment({
    PATH: "/bin",
    DEBUGTAP_SERVICES: " api=dap:5678, worker=pydevd:5679 ,shell=raw:4444@10.0.0.7,",
    DEBUGTAP_IDE_PORTS: "worker=5800",
    DEBUGTAP_IDE_HOST: "host.docker.internal",
    DEBUGTAP_TRACE_DIR: "/traces",
    DEBUGTAP_TOKEN: "",
  });
  t.match(config.services, [
    { name: "api", host: "local", wire: "dap", listens: 5678, address: "127.0.0.1", ide: 5711, bind: "127.0.0.1" },
    { name: "worker", wire: "pydevd", dials: 5679, ide: 5800, bind: "host.docker.internal" },
    { name: "shell", wire: "raw", listens: 4444, address: "10.0.0.7", ide: 5713 },
  ]);
  t.same(config.hosts, [{ name: "local", source: [] }]);
  t.match(config.record, { enabled: true, dir: "/traces" });
  t.same([json, board, breakpoints], [false, undefined, undefined]);
  t.end();
});

t.test("addresses: loopback, all with the word, another one with the word", (t) => {
  const bindOf = (env: object): string | undefined => readEnvironment({ ...api, ...env }).config.services[0]?.bind;
  t.equal(bindOf({}), "127.0.0.1");
  t.equal(bindOf(exposed), "0.0.0.0");
  t.equal(bindOf({ ...exposed, DEBUGTAP_BIND: "10.1.2.3" }), "10.1.2.3");
  t.equal(bindOf({ DEBUGTAP_BIND: "127.0.0.9" }), "127.0.0.9");
  t.end();
});

t.test("the page, its token, the log, what is recorded", (t) => {
  const file = join(t.testdir(), "token");
  writeFileSync(file, "0123456789abcdef\n");
  const token = "0123456789abcdef";
  const of = (env: object) => readEnvironment({ ...api, ...env });
  t.same(of({ DEBUGTAP_TOKEN: token }).board, { port: 5700, bind: "127.0.0.1", token });
  t.same(of({ ...exposed, DEBUGTAP_TOKEN_FILE: file }).board, { port: 5700, bind: "0.0.0.0", token });
  t.same(of({ DEBUGTAP_BOARD_PORT: "5800" }).board, { port: 5800, bind: "127.0.0.1" });
  t.equal(of({ DEBUGTAP_LOG: "json" }).json, true);
  t.equal(of({ DEBUGTAP_RECORD: "no" }).config.record.enabled, false);
  t.equal(of({ DEBUGTAP_BREAKPOINTS: "/b.yml" }).breakpoints, "/b.yml");
  // Kubernetes tells of a Service called `debugtap`; `again` has variables of its own.
  t.ok(of({ DEBUGTAP_SERVICE_HOST: "10.0.0.1", DEBUGTAP_PORT: "tcp://10.0.0.1:80", DEBUGTAP_SECRET_X: "x" }));
  t.end();
});

t.test("every error names its variable and has a fix", (t) => {
  const cases: readonly (readonly [env: Record<string, string>, variable: string, what: RegExp])[] = [
    [{}, "DEBUGTAP_SERVICES", /is not set/],
    [{ DEBUGTAP_SERVICES: "  " }, "DEBUGTAP_SERVICES", /is not set/],
    [{ DEBUGTAP_SERVICES: "," }, "DEBUGTAP_SERVICES", /an entry is/],
    [{ DEBUGTAP_SERVICES: "api" }, "DEBUGTAP_SERVICES", /`api`/],
    [{ DEBUGTAP_SERVICES: "api=5678" }, "DEBUGTAP_SERVICES", /NAME=WIRE:PORT/],
    [{ DEBUGTAP_SERVICES: "api=dap:0" }, "DEBUGTAP_SERVICES", /`0`/],
    [{ DEBUGTAP_SERVICES: "api=dap:5678@" }, "DEBUGTAP_SERVICES", /api=dap:5678@/],
    [{ DEBUGTAP_SERVICES: "-x=dap:1" }, "DEBUGTAP_SERVICES", /-x=dap:1/],
    [{ DEBUGTAP_SERVICES: "api=pydev:5678" }, "DEBUGTAP_SERVICES", /fix: DEBUGTAP_SERVICES=api=pydevd:5678/],
    [{ DEBUGTAP_SERVICES: "api=dap:1,api=dap:2" }, "DEBUGTAP_SERVICES", /twice/],
    [{ DEBUGTAP_SERVICES: "a=dap:5678,b=dap:5678" }, "DEBUGTAP_SERVICES", /both need port 5678/],
    [{ DEBUGTAP_SERVICES: "a=dap:5678,b=dap:5711" }, "DEBUGTAP_IDE_PORTS", /both need port 5711/],
    [{ DEBUGTAP_SERVICES: "a=pydevd:5678@0.0.0.0" }, "DEBUGTAP_SERVICES", /beyond loopback/],
    [{ ...api, DEBUGTAP_IDE_PORTS: "apo=5711" }, "DEBUGTAP_IDE_PORTS", /fix: DEBUGTAP_IDE_PORTS=api=5711/],
    [{ ...api, DEBUGTAP_IDE_PORTS: "api=x" }, "DEBUGTAP_IDE_PORTS", /`x`/],
    [{ ...api, DEBUGTAP_BIND: "0.0.0.0" }, "DEBUGTAP_BIND", /fix: DEBUGTAP_EXPOSE="yes, beyond loopback"/],
    [{ ...api, DEBUGTAP_EXPOSE: "yes" }, "DEBUGTAP_EXPOSE", /in these words/],
    [{ ...api, DEBUGTAP_BOARD_PORT: "tcp://10.0.0.1:5700" }, "DEBUGTAP_BOARD_PORT", /enableServiceLinks/],
    [{ ...api, DEBUGTAP_TOKEN: "short" }, "DEBUGTAP_TOKEN", /16 to 200/],
    [{ ...api, DEBUGTAP_TOKEN: "0123456789abcdef", DEBUGTAP_TOKEN_FILE: "/x" }, "DEBUGTAP_TOKEN", /too/],
    [{ ...api, DEBUGTAP_TOKEN_FILE: "/no/such/file" }, "DEBUGTAP_TOKEN_FILE", /ENOENT/],
    [{ ...api, DEBUGTAP_RECORD: "perhaps" }, "DEBUGTAP_RECORD", /yes or no/],
    [{ ...api, DEBUGTAP_LOG: "xml" }, "DEBUGTAP_LOG", /text or json/],
    [{ ...api, DEBUGTAP_BREAKPOINTS: "/b", DEBUGTAP_BOARD_PORT: "1" }, "DEBUGTAP_BREAKPOINTS", /without a page/],
    [{ ...api, DEBUGTAP_BREAKPOINTS: "/b", DEBUGTAP_RECORD: "no" }, "DEBUGTAP_BREAKPOINTS", /needs recording/],
    [{ ...api, DEBUGTAP_TOKENS: "x" }, "DEBUGTAP_TOKENS", /did you mean DEBUGTAP_TOKEN\?/],
  ];
  for (const [env, variable, what] of cases) {
    const error = thrownBy(() => readEnvironment(env));
    const name = JSON.stringify(env);
    t.equal(error?.code, "DT_ENVIRONMENT", name);
    t.match(error?.message, variable, name);
    t.match(error?.format(), what, name);
    t.ok(error?.fix, name);
    t.notMatch(error?.format(), "short", "a token is not told");
  }
  t.end();
});

function thrownBy(action: () => unknown): DebugtapError | undefined {
  try {
    action();
    return undefined;
  } catch (thrown) {
    if (thrown instanceof DebugtapError) return thrown;
    throw thrown;
  }
}

t.test("the verb: exit codes, the form of its errors, its health where nothing runs", async (t) => {
  const run = startCli(t, { XDG_RUNTIME_DIR: t.testdir(), DEBUGTAP_LOG: "json", DEBUGTAP_SERVICES: "api" });
  const wrong = await run("sidecar");
  t.equal(wrong.status, 2);
  t.match(JSON.parse(wrong.stdout), { error: { code: "DT_ENVIRONMENT", fix: "DEBUGTAP_SERVICES=api=dap:5678" } });
  const unwell = await run("sidecar", "--check");
  t.equal(unwell.status, 1);
  t.match(unwell.stderr, "DT_NOT_READY");
  const help = await run("sidecar", "--help");
  for (const name of Object.keys(sidecarVariables)) t.match(help.stdout, name);
});

interface Container {
  readonly name?: string;
  readonly image?: string;
  readonly environment?: Record<string, string>;
  readonly env?: readonly { readonly name: string; readonly value: string }[];
}

t.test("the examples set only variables that there are, with values that are understood", (t) => {
  const read = (name: string): unknown => {
    const text = readFileSync(join(root, "examples", name), "utf8");
    return parse(text.replaceAll(/\$\{\w+:-([^}]*)\}/g, "$1"));
  };
  type Compose = { services: Record<string, Container> };
  const services = ["compose.sidecar.yml", "compose.recorder.yml"].flatMap((name) =>
    Object.values((read(name) as Compose).services),
  );
  const pod = read("kubernetes-sidecar.yml") as { spec: { containers: readonly Container[] } };
  const all = [...services, ...pod.spec.containers].filter(({ image }) => image === "debugtap");
  t.equal(all.length, 3);
  const file = join(t.testdir(), "token");
  writeFileSync(file, "0123456789abcdef");
  for (const { environment = {}, env = [] } of all) {
    const set = { ...environment, ...Object.fromEntries(env.map(({ name, value }) => [name, value])) };
    t.same(
      Object.keys(set).filter((name) => !Object.hasOwn(sidecarVariables, name)),
      [],
    );
    const given = {
      ...set,
      ...("DEBUGTAP_TOKEN_FILE" in set ? { DEBUGTAP_TOKEN_FILE: file } : {}),
    };
    t.match(readEnvironment(given).config.services, [{ wire: "dap", listens: 5678 }]);
  }
  const documented = readFileSync(join(root, "docs/sidecar.md"), "utf8");
  for (const name of Object.keys(sidecarVariables)) t.match(documented, `\`${name}\``);
  t.end();
});

/** Its instructions: continued lines are one, comments are none. */
function instructionsOf(text: string): (readonly [string, string])[] {
  const lines = text
    .replaceAll(/^\s*#.*\n/gm, "")
    .replaceAll(/\\\n\s*/g, " ")
    .split("\n");
  return lines.flatMap((line) => {
    const [, word = "", rest = ""] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    return word === "" ? [] : [[word.toUpperCase(), rest.trim()] as const];
  });
}

/** What is wrong with a Dockerfile. */
function lint(text: string): string[] {
  const all = instructionsOf(text);
  const of = (word: string): string[] => all.filter(([name]) => name === word).map(([, rest]) => rest);
  const last = all.slice(all.findLastIndex(([word]) => word === "FROM"));
  const user = last.findLast(([word]) => word === "USER")?.[1] ?? "root";
  const base =
    of("ARG")
      .find((rest) => rest.startsWith("NODE_IMAGE="))
      ?.slice("NODE_IMAGE=".length) ?? "";
  const runs = (word: string): boolean =>
    last.some(([name, rest]) => name === word && /^(?:CMD )?\[/.test(rest.replace(/^(?:--\S+\s+)+/, "")));
  const rules: readonly (readonly [boolean, string])[] = [
    [/^[\w./-]+:\d+\.\d+\.\d+(?:-[\w.-]+)?(?:@sha256:[0-9a-f]{64})?$/.test(base), "the base has no full version"],
    [of("FROM").every((rest) => rest.startsWith("${NODE_IMAGE}")), "a stage has another base"],
    [of("FROM").length > 1, "there is one stage only"],
    [/^[1-9]\d*:[1-9]\d*$/.test(user), "it runs as root, or as a name that an orchestrator cannot check"],
    [runs("HEALTHCHECK"), "HEALTHCHECK is missing, or needs a shell"],
    [runs("ENTRYPOINT"), "ENTRYPOINT is missing, or its shell would be process 1"],
    [!all.some(([word]) => word === "ADD"), "ADD unpacks and downloads: COPY"],
    [!of("COPY").some((rest) => /^\.\/? /.test(rest)), "the whole context is copied"],
    [!of("RUN").some((rest) => /\bnpm (?:install|i)\b/.test(rest)), "npm ci keeps to the lock"],
    [!of("RUN").some((rest) => /\bsudo\b|curl[^|]*\|/.test(rest)), "sudo, or a download into a shell"],
    [
      ![...of("ENV"), ...of("ARG")].some((rest) => /(?:TOKEN|PASSWORD|SECRET|KEY)=/.test(rest)),
      "a secret is in the image",
    ],
  ];
  return rules.filter(([holds]) => !holds).map(([, what]) => what);
}

t.test("the Dockerfile keeps its rules, and the rules find what breaks them", (t) => {
  const text = readFileSync(join(root, "Dockerfile"), "utf8");
  t.same(lint(text), []);
  const broken: readonly (readonly [from: RegExp, to: string, what: string])[] = [
    [/NODE_IMAGE=\S+slim\n/, "NODE_IMAGE=node:latest\n", "the base has no full version"],
    [/FROM \$\{NODE_IMAGE\}\n/, "FROM alpine\n", "a stage has another base"],
    [/USER .*\n/, "", "it runs as root, or as a name that an orchestrator cannot check"],
    [/USER .*\n/, "USER node\n", "it runs as root, or as a name that an orchestrator cannot check"],
    [/HEALTHCHECK.*\\\n.*\n/, "", "HEALTHCHECK is missing, or needs a shell"],
    [/ENTRYPOINT .*\n/, "ENTRYPOINT node x\n", "ENTRYPOINT is missing, or its shell would be process 1"],
    [/COPY bin \.\/bin/, "ADD bin ./bin", "ADD unpacks and downloads: COPY"],
    [/COPY bin \.\/bin/, "COPY . .", "the whole context is copied"],
    [/RUN npm ci/, "RUN npm install", "npm ci keeps to the lock"],
    [/ENV NODE_ENV/, "ENV DEBUGTAP_TOKEN=x NODE_ENV", "a secret is in the image"],
  ];
  for (const [from, to, what] of broken) {
    t.match(text, from);
    t.same(lint(text.replace(from, to)), [what]);
  }
  const ignored = readFileSync(join(root, ".dockerignore"), "utf8")
    .split("\n")
    .filter((line) => !/^(?:#.*)?$/.test(line));
  t.equal(ignored[0], "*", "what is not named is not sent");
  for (const source of instructionsOf(text).flatMap(([word, rest]) =>
    word === "COPY" && !rest.startsWith("--") ? rest.split(" ").slice(0, -1) : [],
  ))
    t.ok(
      ignored.some((line) => line === `!${source}` || line.startsWith(`!${source}/`)),
      source,
    );
  t.end();
});
