// What a sidecar is told: the variables of its environment, and the configuration that they make.
//
//   DEBUGTAP_SERVICES=api=dap:5678,worker=pydevd:5679     NAME=WIRE:PORT[@ADDRESS],…
//
// Rules
// - The same checks and defaults hold as for a debugtap.yml: a configuration is written from the variables and read as a file is.
// - An error names its variable. An empty variable is none: compose passes those that are not set as empty ones.
// - A name that is near to one of ours is a mistake; what Kubernetes adds for a Service called `debugtap` is not.
import { readFileSync } from "node:fs";
import { DebugtapError } from "../../protocol/errors.ts";
import { boardPort, parseConfig } from "../config.ts";
import type { Config } from "../config.ts";
import { suggest } from "../suggest.ts";

/** Each with what it says, for the help. */
export const sidecarVariables = {
  DEBUGTAP_SERVICES: "what to debug: NAME=WIRE:PORT[@ADDRESS],… with WIRE dap, pydevd or raw",
  DEBUGTAP_IDE_PORTS: "where the IDE is: NAME=PORT,… ; default: 5711 for the first service, 5712 for the second, …",
  DEBUGTAP_IDE_HOST: "pydevd: the machine whose IDE is dialled; default 127.0.0.1",
  DEBUGTAP_BIND:
    "address of the ports that the IDE attaches to, and of the board; default 127.0.0.1, with the next 0.0.0.0",
  DEBUGTAP_EXPOSE: '"yes, beyond loopback": such an address may be one that other machines reach',
  DEBUGTAP_TRACE_DIR: "each run makes a trace in it; default ~/.local/state/debugtap/traces",
  DEBUGTAP_RECORD: "yes or no: whether sessions are recorded; default yes",
  DEBUGTAP_BREAKPOINTS: "a file of breakpoints: recorded without an IDE, as by `debugtap record`",
  DEBUGTAP_BOARD_PORT: "serve the page there; default: 5700 where there is a token, else no page",
  DEBUGTAP_TOKEN: "token of the page, 16 to 200 letters, digits, `-` and `_`; default: one that `debugtap open` prints",
  DEBUGTAP_TOKEN_FILE: "the file that has it, such as a mounted secret",
  DEBUGTAP_LOG: "text or json: one line an event; default text",
} as const;

type Variable = keyof typeof sidecarVariables;
type Environment = Readonly<Record<string, string | undefined>>;

export interface Sidecar {
  readonly config: Omit<Config, "file">;
  /** Absent: no page. */
  readonly board?: { readonly port: number; readonly bind: string; readonly token?: string };
  /** Path of the file; absent: IDEs attach. */
  readonly breakpoints?: string;
  readonly json: boolean;
}

const firstIdePort = 5711;
const loopback = "127.0.0.1";
const phrase = "yes, beyond loopback";
/** Made by Kubernetes for a Service called `debugtap`. */
const ofKubernetes = /^DEBUGTAP_(?:SERVICE_HOST|SERVICE_PORT(?:_.*)?|PORT(?:_.*)?)$/;
/** Those that `debugtap again` reads. */
const ofAgain = /^DEBUGTAP_SECRET_/;

/** Throws DT_ENVIRONMENT. */
export function readEnvironment(env: Environment): Sidecar {
  rejectMisspelled(env);
  const said = (name: Variable): string | undefined => {
    const text = env[name]?.trim();
    return text === "" ? undefined : text;
  };
  const services = servicesIn(said("DEBUGTAP_SERVICES"));
  const names = services.map(({ name }) => name);
  const idePorts = idePortsIn(said("DEBUGTAP_IDE_PORTS"), names);
  const exposed = isExposed(said("DEBUGTAP_EXPOSE"));
  const bind = bindOf(said("DEBUGTAP_BIND"), exposed);
  const ideHost = said("DEBUGTAP_IDE_HOST") ?? loopback;
  const dir = said("DEBUGTAP_TRACE_DIR");
  const breakpoints = said("DEBUGTAP_BREAKPOINTS");
  const entries = services.map(({ name, wire, port, address }, index) => {
    const ide = idePorts.get(name) ?? firstIdePort + index;
    const service = {
      wire,
      ...(wire === "pydevd" ? { dials: port, bind: ideHost } : { listens: port, bind }),
      ...(address === undefined ? {} : { address }),
      ide,
      ...(exposed ? { expose: phrase } : {}),
    };
    return [name, service] as const;
  });
  const board = boardIn(said, bind);
  if (board !== undefined && breakpoints !== undefined)
    throw wrong("DEBUGTAP_BREAKPOINTS", "is recorded without a page", {
      why: "DEBUGTAP_BOARD_PORT or a token asks for one",
      fix: "leave DEBUGTAP_BOARD_PORT, DEBUGTAP_TOKEN and DEBUGTAP_TOKEN_FILE out",
    });
  const record = { enabled: yesOrNo("DEBUGTAP_RECORD", said("DEBUGTAP_RECORD"), true), ...(dir && { dir }) };
  if (breakpoints !== undefined && !record.enabled)
    throw wrong("DEBUGTAP_BREAKPOINTS", "needs recording", { fix: "DEBUGTAP_RECORD=yes" });
  return {
    config: checked({ services: Object.fromEntries(entries), record }),
    ...(board === undefined ? {} : { board }),
    ...(breakpoints === undefined ? {} : { breakpoints }),
    json: logsJson(said("DEBUGTAP_LOG")),
  };
}

function rejectMisspelled(env: Environment): void {
  const known = Object.keys(sidecarVariables);
  for (const name of Object.keys(env)) {
    if (!name.startsWith("DEBUGTAP_") || known.includes(name) || ofKubernetes.test(name) || ofAgain.test(name))
      continue;
    const meant = suggest(name, known);
    if (meant !== undefined)
      throw new DebugtapError("DT_ENVIRONMENT", `there is no variable ${name}`, {
        why: `did you mean ${meant}?`,
        fix: `${meant}=…`,
      });
  }
}

interface Entry {
  readonly name: string;
  readonly wire: "dap" | "pydevd" | "raw";
  readonly port: number;
  readonly address?: string;
}

const usual = { fix: "DEBUGTAP_SERVICES=api=dap:5678" };

function servicesIn(text: string | undefined): Entry[] {
  if (text === undefined)
    throw new DebugtapError("DT_ENVIRONMENT", "DEBUGTAP_SERVICES is not set", {
      why: "it says what to debug: NAME=WIRE:PORT, several with commas between",
      ...usual,
    });
  return pairsOf("DEBUGTAP_SERVICES", text, "NAME=WIRE:PORT[@ADDRESS]", usual.fix).map(([name, value]) => {
    const [, word = "", digits = "", address] = /^([^:@]*):([^@]*)(?:@(.+))?$/.exec(value) ?? [];
    if (digits === "")
      throw wrong("DEBUGTAP_SERVICES", `has \`${name}=${value}\``, {
        why: "a service is NAME=WIRE:PORT or NAME=WIRE:PORT@ADDRESS",
        fix: `DEBUGTAP_SERVICES=${name}=dap:5678`,
      });
    const port = portIn("DEBUGTAP_SERVICES", `${name}=${word}:`, digits, "5678");
    if (word !== "dap" && word !== "pydevd" && word !== "raw") {
      const meant = suggest(word, ["dap", "pydevd", "raw"]) ?? "dap";
      throw wrong("DEBUGTAP_SERVICES", `has the wire \`${word}\` for ${name}`, {
        why: "wires are dap (debugpy.listen), pydevd (settrace) and raw",
        fix: `DEBUGTAP_SERVICES=${name}=${meant}:${digits}`,
      });
    }
    return { name, wire: word, port, ...(address === undefined ? {} : { address }) };
  });
}

function idePortsIn(text: string | undefined, services: readonly string[]): Map<string, number> {
  if (text === undefined) return new Map();
  const pairs = pairsOf("DEBUGTAP_IDE_PORTS", text, "NAME=PORT", `DEBUGTAP_IDE_PORTS=${services[0]}=${firstIdePort}`);
  return new Map(
    pairs.map(([name, digits]) => {
      if (services.includes(name))
        return [name, portIn("DEBUGTAP_IDE_PORTS", `${name}=`, digits, `${firstIdePort}`)] as const;
      throw wrong("DEBUGTAP_IDE_PORTS", `names \`${name}\`, which DEBUGTAP_SERVICES does not have`, {
        why: `its services are ${services.join(", ")}`,
        fix: `DEBUGTAP_IDE_PORTS=${suggest(name, services) ?? services[0]}=${digits}`,
      });
    }),
  );
}

/** `NAME=VALUE,…`; blanks around them and a comma at the end do not count. */
function pairsOf(variable: Variable, text: string, shape: string, fix: string): (readonly [string, string])[] {
  const seen = new Set<string>();
  const parts = text.split(",").map((part) => part.trim());
  if (parts.at(-1) === "") parts.pop();
  return parts.map((part) => {
    const [, name, value] = /^([A-Za-z0-9][A-Za-z0-9._-]{0,99})\s*=\s*(\S+)$/.exec(part) ?? [];
    if (name === undefined || value === undefined)
      throw wrong(variable, `has \`${part}\``, { why: `an entry is ${shape}`, fix });
    if (seen.has(name)) throw wrong(variable, `names \`${name}\` twice`, { fix: `${variable}=…,${name}-2=…` });
    seen.add(name);
    return [name, value];
  });
}

function portIn(variable: Variable, before: string, digits: string, example: string): number {
  const port = Number(digits);
  if (/^\d{1,5}$/.test(digits) && port >= 1 && port <= 65_535) return port;
  throw wrong(variable, `has \`${digits}\`, which is not a port`, {
    why: digits.startsWith("tcp://")
      ? "Kubernetes sets variables of this form for each Service: `enableServiceLinks: false` keeps them out"
      : "a port is a whole number from 1 to 65535",
    fix: `${variable}=${before}${example}`,
  });
}

function isExposed(text: string | undefined): boolean {
  if (text === undefined) return false;
  if (text === phrase) return true;
  throw wrong("DEBUGTAP_EXPOSE", `is \`${text}\``, {
    why: "whoever reaches a debug port can run code in the service: it must be wanted in these words",
    fix: `DEBUGTAP_EXPOSE="${phrase}"`,
  });
}

function bindOf(text: string | undefined, exposed: boolean): string {
  if (text === undefined) return exposed ? "0.0.0.0" : loopback;
  if (exposed || text === "localhost" || text === "::1" || /^127(?:\.\d{1,3}){3}$/.test(text)) return text;
  throw wrong("DEBUGTAP_BIND", `is \`${text}\`, which other machines may reach`, {
    why: "whoever reaches a debug port can run code in the service",
    fix: `DEBUGTAP_EXPOSE="${phrase}"`,
  });
}

function boardIn(said: (name: Variable) => string | undefined, bind: string): Sidecar["board"] {
  const text = said("DEBUGTAP_BOARD_PORT");
  const token = tokenIn(said("DEBUGTAP_TOKEN"), said("DEBUGTAP_TOKEN_FILE"));
  if (text === undefined && token === undefined) return undefined;
  const port = text === undefined ? boardPort : portIn("DEBUGTAP_BOARD_PORT", "", text, `${boardPort}`);
  return { port, bind, ...(token === undefined ? {} : { token }) };
}

function tokenIn(text: string | undefined, file: string | undefined): string | undefined {
  if (text !== undefined && file !== undefined)
    throw wrong("DEBUGTAP_TOKEN", "is set, and DEBUGTAP_TOKEN_FILE too", { fix: "leave one of them out" });
  const variable = file === undefined ? "DEBUGTAP_TOKEN" : "DEBUGTAP_TOKEN_FILE";
  const token = file === undefined ? text : readToken(file);
  if (token === undefined || /^[\w-]{16,200}$/.test(token)) return token;
  // Never the token itself.
  throw wrong(variable, "has no token that can be used", {
    why: "it has 16 to 200 letters, digits, `-` and `_`",
    fix: file === undefined ? "DEBUGTAP_TOKEN=$(openssl rand -hex 32)" : `openssl rand -hex 32 > ${file}`,
  });
}

function readToken(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw wrong("DEBUGTAP_TOKEN_FILE", `is ${file}, which cannot be read`, {
      why: cause instanceof Error ? cause.message : String(cause),
      fix: `openssl rand -hex 32 > ${file}`,
    });
  }
}

function logsJson(text: string | undefined): boolean {
  if (text === undefined || text === "text") return false;
  if (text === "json") return true;
  throw wrong("DEBUGTAP_LOG", `is \`${text}\``, { why: "it is text or json", fix: "DEBUGTAP_LOG=json" });
}

function yesOrNo(variable: Variable, text: string | undefined, otherwise: boolean): boolean {
  if (text === undefined) return otherwise;
  if (/^(?:yes|true|on|1)$/i.test(text)) return true;
  if (/^(?:no|false|off|0)$/i.test(text)) return false;
  throw wrong(variable, `is \`${text}\``, { why: "it is yes or no", fix: `${variable}=yes` });
}

/** What the variables do not say alone: ports that two need, addresses beyond loopback. */
function checked(made: object): Omit<Config, "file"> {
  try {
    const { file: _, ...config } = parseConfig(JSON.stringify(made), "the environment");
    return config;
  } catch (thrown) {
    if (!(thrown instanceof DebugtapError) || thrown.code !== "DT_CONFIG_INVALID") throw thrown;
    const problem = thrown.message
      .replace(/\n[^]*/, "")
      .replace(/^.*?the environment:\d+:\d+:? ?/, "")
      .replaceAll(/ ?\(line \d+\)|, line \d+/g, "");
    if (problem.includes("beyond loopback"))
      throw wrong("DEBUGTAP_SERVICES", "has an address beyond loopback", {
        why: problem,
        fix: `DEBUGTAP_EXPOSE="${phrase}"`,
        cause: thrown,
      });
    const variable = problem.includes("(ide") ? "DEBUGTAP_IDE_PORTS" : "DEBUGTAP_SERVICES";
    throw wrong(variable, "has a port that is needed twice", {
      why: problem,
      fix:
        variable === "DEBUGTAP_IDE_PORTS"
          ? "DEBUGTAP_IDE_PORTS=NAME=PORT, with a port that is free"
          : "DEBUGTAP_SERVICES=…, each with a port of its own",
      cause: thrown,
    });
  }
}

function wrong(
  variable: Variable,
  what: string,
  more: { readonly why?: string; readonly fix: string; readonly cause?: unknown },
): DebugtapError {
  return new DebugtapError("DT_ENVIRONMENT", `${variable} ${what}`, more);
}
