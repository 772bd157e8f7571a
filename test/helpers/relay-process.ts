// The real program as a child process, its events as they come.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { RelayEvent } from "../../protocol/control.ts";

/** bin/debugtap.js, from dist/test/helpers. */
export const program = fileURLToPath(new URL("../../../bin/debugtap.js", import.meta.url));

type Of<Type extends RelayEvent["type"]> = Extract<RelayEvent, { type: Type }>;

export interface RelayProcess {
  readonly pid: number;
  readonly events: readonly RelayEvent[];
  /** The first event of that type, past or to come, that the test accepts. Rejects when the program ends first. */
  event<Type extends RelayEvent["type"]>(type: Type, accepts: (event: Of<Type>) => boolean): Promise<Of<Type>>;
  /** Resolves when every named service listens; rejects with the reason when one failed. */
  listening(services: readonly string[]): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** Exit code, once it has ended. */
  readonly exit: Promise<number | null>;
  stderr(): string;
}

export function startRelay(args: readonly string[], env: NodeJS.ProcessEnv = {}): RelayProcess {
  const child = spawn(process.execPath, [program, ...args, "--json"], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const events: RelayEvent[] = [];
  const watchers = new Set<() => void>();
  let stderr = "";
  let ended = false;
  child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
  const wake = (): void => {
    for (const watcher of watchers) watcher();
  };
  createInterface({ input: child.stdout }).on("line", (line) => {
    events.push(JSON.parse(line) as RelayEvent);
    wake();
  });
  const exit = once(child, "close").then(([code]) => {
    ended = true;
    wake();
    return code as number | null;
  });

  const event: RelayProcess["event"] = (type, accepts) =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = events.find((each) => each.type === type && accepts(each as Of<typeof type>));
        if (found === undefined && !ended) return;
        watchers.delete(look);
        if (found === undefined)
          reject(new Error(`debugtap ended without the event ${type}\n${stderr}\n${JSON.stringify(events.slice(-5))}`));
        else resolve(found as Of<typeof type>);
      };
      watchers.add(look);
      look();
    });

  return {
    pid: child.pid ?? 0,
    events,
    event,
    exit,
    stderr: () => stderr,
    kill: (signal) => child.kill(signal),
    async listening(services) {
      for (const name of services) {
        const told = await event(
          "service",
          ({ service }) => service.name === name && /listening|failed/.test(service.state),
        );
        if (told.service.state === "failed") throw new Error(`${name}: ${JSON.stringify(told.service.reason)}`);
      }
    },
  };
}
