// A service with debugtap's hook in its environment, as `inject` leaves it, without a host: the folder is a temporary one.
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Test } from "tap";
import { hookEnvironment, type HookConfig, type HookState } from "../../src/inject/layout.ts";
import { breakpointOf, ide, type Running, watch } from "./processes.ts";
import { freePort } from "./sockets.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const fixtures = join(root, "test/fixtures/hook");

export interface Hit {
  readonly function: string;
  readonly file: string;
  readonly locals: Readonly<Record<string, string>>;
}

/** A client that continues at each hit. */
export interface Client extends Running {
  readonly hits: () => Hit[];
  /** How many connections have been made, each a process. */
  readonly sessions: () => number;
}

export interface Hooked {
  /** Of debugtap: hook/, services/, state/, lent/. */
  readonly dir: string;
  readonly config: HookConfig;
  readonly env: Record<string, string>;
  readonly states: () => HookState[];
  /** Ended with the test by SIGINT, and what it forked. */
  start(program: string, args: readonly string[], env?: Record<string, string>): Running;
  client(...files: string[]): Promise<Client>;
}

export const fixture = (name: string): string => join(fixtures, name);

export async function hooked(
  t: Test,
  wire: "dap" | "pydevd",
  how: Partial<HookConfig> & { readonly green?: boolean } = {},
): Promise<Hooked> {
  const { green = false, ...some } = how;
  const dir = mkdtempSync(join(tmpdir(), "dth-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  for (const each of ["services", "state/api", "lent"]) mkdirSync(join(dir, each), { recursive: true });
  cpSync(join(root, "src/inject/hook"), join(dir, "hook"), { recursive: true });
  const basic = {
    version: 1,
    service: "api",
    host: "127.0.0.1",
    module: null,
    argv: null,
    wait: 0,
    guard: [],
  } as const;
  const config: HookConfig = { ...basic, wire, port: await freePort(), ...some };
  writeFileSync(join(dir, "services/api.json"), JSON.stringify(config));
  const env = hookEnvironment(dir, "api", { pythonPath: fixtures, green });
  return {
    dir,
    config,
    env,
    states: () =>
      readdirSync(join(dir, "state/api"))
        .filter((name) => name.endsWith(".json"))
        .map((name) => JSON.parse(readFileSync(join(dir, "state/api", name), "utf8")) as HookState),
    start: (program, args, more = {}) => service(t, program, args, { ...env, ...more }),
    client: (...files) => client(t, config, files),
  };
}

/** In a group of its own. */
function service(t: Test, program: string, args: readonly string[], env: Record<string, string>): Running {
  const child = spawn(program, args, {
    cwd: fixtures,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1", ...env },
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  }) as ChildProcessByStdio<Writable, Readable, Readable>;
  const running = watch(child, `${program} ${args.join(" ")}`);
  t.teardown(async () => {
    for (const signal of ["SIGINT", "SIGKILL"] as const) {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, signal);
      } catch {
        // all have ended
      }
    }
    await running.exit;
  });
  return running;
}

/** Resolves when it listens (pydevd), or is attached (dap). */
async function client(t: Test, { wire, port }: HookConfig, files: readonly string[]): Promise<Client> {
  const breaks = files.flatMap((name) => ["--break", breakpointOf(fixture(name))]);
  const running =
    wire === "dap"
      ? ide("ide-dap.mjs", "--json", "--attach", `${port}`, ...breaks)
      : ide("ide-pydevd.mjs", "--json", "--listen", `${port}`, ...breaks);
  t.teardown(async () => {
    running.child.kill("SIGKILL");
    await running.exit;
  });
  await running.prints(wire === "dap" ? "session 1: attached" : "listening on");
  const lines = (): string[] => running.text().split("\n");
  return {
    ...running,
    hits: () =>
      lines().flatMap((line) => (line.startsWith("{") && line.endsWith("}") ? [JSON.parse(line) as Hit] : [])),
    sessions: () => new Set(running.text().match(/session \d+: (?:attached|connected)/g)).size,
  };
}
