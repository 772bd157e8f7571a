// Asks running relays, for `ps` and `down`: what they do, and to stop.
//
// Rules
// - A relay that does not answer within a second, or not with a view, is still found: with no view.
// - An answer is read up to 16 MiB.
import { request } from "node:http";
import type { Reason, RelayView } from "../../protocol/control.ts";
import { DebugtapError, isErrorCode } from "../../protocol/errors.ts";
import { defaultSocketDir, relaySockets } from "./socket-dir.ts";

export { isAlive } from "./socket-dir.ts";

const answerWithin = 1000;
const maxAnswer = 16 * 1024 * 1024;

export interface FoundRelay {
  readonly pid: number;
  /** Its socket. */
  readonly path: string;
  /** Absent when it did not answer. */
  readonly view?: RelayView;
}

/** All relays of this user that run, by process id. Rejects with DT_CONTROL_SOCKET if the directory cannot be trusted. */
export async function findRelays(dir: string = defaultSocketDir()): Promise<FoundRelay[]> {
  const sockets = await relaySockets(dir);
  const answers = await Promise.allSettled(sockets.map(({ path }) => ask("GET", path, "/view")));
  return sockets.map(({ pid, path }, index) => {
    const answer = answers[index];
    const view = answer?.status === "fulfilled" && isView(answer.value) ? answer.value : undefined;
    return view === undefined ? { pid, path } : { pid, path, view };
  });
}

/** Asks one relay to stop; whether it answered. */
export async function askToStop(relay: FoundRelay): Promise<boolean> {
  return await answers(relay, "/stop");
}

/** Asks one relay to try its links that are down; whether it answered. */
export async function askToRetry(relay: FoundRelay): Promise<boolean> {
  return await answers(relay, "/retry");
}

function answers(relay: FoundRelay, path: string): Promise<boolean> {
  return ask("POST", relay.path, path).then(
    () => true,
    () => false,
  );
}

/** Asks one relay to release what waits under this name; the sessions that it released. Rejects when it does not answer. */
export async function askToRelease(relay: FoundRelay, name: string): Promise<readonly string[]> {
  const answer = await ask("POST", relay.path, `/release?session=${encodeURIComponent(name)}`);
  const released: unknown = Reflect.get(Object(answer), "released");
  return Array.isArray(released) ? released.map(String) : [];
}

/** A session, and who drives it now. */
export interface Driving {
  readonly session: string;
  readonly client: { readonly id: number; readonly name: string };
}

/**
 * Asks one relay to let another IDE drive; the sessions that it handed over, or why it did not. Both are empty where it has no such
 * session. Rejects when it does not answer.
 */
export async function askToDrive(
  relay: FoundRelay,
  name: string,
  client: string,
): Promise<{ readonly driving: readonly Driving[]; readonly refused?: Reason }> {
  const query = `session=${encodeURIComponent(name)}&client=${encodeURIComponent(client)}`;
  const answer = await ask("POST", relay.path, `/drive?${query}`);
  return isDriveAnswer(answer) ? answer : { driving: [] };
}

function isDriveAnswer(value: unknown): value is { driving: readonly Driving[]; refused?: Reason } {
  const driving: unknown = Reflect.get(Object(value), "driving");
  return Array.isArray(driving) && driving.every((each) => typeof Reflect.get(Object(each), "session") === "string");
}

/** Walks can take their time on a host. */
const walkWithin = 60_000;

/**
 * Asks one relay for the source files of a service on its host; the answer as it came. Rejects with the relay's own error, or
 * DT_RELAY_NOT_RUNNING.
 */
export async function askForSources(
  relay: FoundRelay,
  service: string,
  { pids = [], dirs = [] }: { readonly pids?: readonly number[]; readonly dirs?: readonly string[] },
): Promise<unknown> {
  const query = new URLSearchParams({ service });
  for (const pid of pids) query.append("pid", `${pid}`);
  for (const dir of dirs) query.append("dir", dir);
  const answer = await ask("POST", relay.path, `/sources?${query.toString()}`, walkWithin).catch((cause: unknown) => {
    const refused: unknown = Reflect.get(Object(cause), "answer");
    throw (
      errorIn(refused) ??
      new DebugtapError("DT_RELAY_NOT_RUNNING", `debugtap ${relay.pid} does not answer`, {
        why: cause instanceof Error ? cause.message : String(cause),
        fix: `ps -p ${relay.pid}`,
      })
    );
  });
  return Reflect.get(Object(answer), "sources");
}

function errorIn(answer: unknown): DebugtapError | undefined {
  const error: unknown = Reflect.get(Object(answer), "error");
  const [code, what, why, fix] = ["code", "what", "why", "fix"].map((key): unknown => Reflect.get(Object(error), key));
  if (typeof code !== "string" || !isErrorCode(code) || typeof what !== "string") return undefined;
  return new DebugtapError(code, what, {
    ...(typeof why === "string" ? { why } : {}),
    ...(typeof fix === "string" ? { fix } : {}),
  });
}

/** The relay is of this user, and of this version or near: its answer is checked for what readers walk through. */
function isView(value: unknown): value is RelayView {
  if (typeof value !== "object" || value === null) return false;
  const lists = ["hosts", "services", "sessions"].map((key): unknown => Reflect.get(value, key));
  return lists.every((list) => Array.isArray(list)) && typeof Reflect.get(value, "pid") === "number";
}

function ask(method: "GET" | "POST", socketPath: string, path: string, within = answerWithin): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(within);
    const sent = request({ method, socketPath, path, signal, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on("data", (chunk: Buffer) => {
        length += chunk.length;
        if (length > maxAnswer) response.destroy(new Error("the answer is too long"));
        else chunks.push(chunk);
      });
      response.on("error", reject);
      response.on("end", () => {
        const { statusCode = 500 } = response;
        try {
          const answer: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
          if (statusCode < 300) return resolve(answer);
          return reject(Object.assign(new Error(`status ${statusCode}`), { answer }));
        } catch (error) {
          return reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
    sent.on("error", reject);
    sent.end();
  });
}
