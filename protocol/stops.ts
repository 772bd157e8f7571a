// Which threads of a debuggee are stopped, told by the few messages that change it.
//
//   pydevd   105 THREAD_SUSPEND stops, 106 THREAD_RUN resumes, 104 THREAD_KILL ends one; single-notification 157/158 repeat them
//   dap      `stopped` stops; `continued` resumes, and so does the response to an execution request: delve and lldb send no event
// Rules
// - Only messages with one of `stopNames(wire)` need to be shown; any other changes nothing.
// - A DAP stop of all threads counts as one stop, under the thread that caused it; resuming all ends every stop.
import { executions } from "./dap-commands.ts";
import { decodeDap } from "./dap.ts";
import { frameBody, type Frame } from "./frame.ts";
import { member } from "./json.ts";

const decoder = new TextDecoder();

const dapNames: readonly string[] = ["stopped", "continued", ...executions];
/** pydevd also speaks DAP, after a switch of protocol. */
const pydevdNames: readonly string[] = ["105", "106", "104", ...dapNames];

export function stopNames(wire: "dap" | "pydevd"): readonly string[] {
  return wire === "dap" ? dapNames : pydevdNames;
}

export class Stops {
  readonly #since = new Map<string, number>();
  readonly #onResume: (thread: string, stoppedFor: number) => void;

  /** `onResume`: a thread ran on, or ended, after so many milliseconds. */
  constructor(onResume: (thread: string, stoppedFor: number) => void = () => undefined) {
    this.#onResume = onResume;
  }

  /** Stopped threads, and since when (epoch ms). */
  get threads(): ReadonlyMap<string, number> {
    return this.#since;
  }

  /** Takes a message of the debuggee; true when a thread stopped or ran on. */
  see(frame: Frame, now: number): boolean {
    const text = decoder.decode(frameBody(frame));
    if (frame.kind === "line" || /^\d/.test(text)) return this.#seeCommand(text, now);
    return this.#seeDap(frame, now);
  }

  #seeCommand(text: string, now: number): boolean {
    const [id, , payload = ""] = text.split("\t", 3);
    if (id === "105") {
      const thread = /<thread id="([^"]+)"/.exec(payload)?.[1];
      return thread !== undefined && this.#stop(thread, now);
    }
    if (id === "106" || id === "104") return this.#resume(payload.trim(), now);
    return false;
  }

  #seeDap(frame: Frame, now: number): boolean {
    const message = decodeDap(frame);
    if (message === undefined) return false;
    const event = member(message, "event");
    const body = member(message, "body");
    if (event === "stopped") return this.#stop(idOf(member(body, "threadId")), now);
    const resumed =
      event === "continued" ||
      (member(message, "success") === true && executions.has(idOf(member(message, "command"))));
    if (!resumed) return false;
    // Of an execution request only its own thread is known to the asker; adapters that keep the others stopped say so.
    const one =
      event === "continued" && member(body, "allThreadsContinued") === false ? member(body, "threadId") : undefined;
    if (one !== undefined) return this.#resume(idOf(one), now);
    const all = [...this.#since.keys()];
    for (const thread of all) this.#resume(thread, now);
    return all.length > 0;
  }

  #resume(thread: string, now: number): boolean {
    const since = this.#since.get(thread);
    if (since === undefined) return false;
    this.#since.delete(thread);
    this.#onResume(thread, now - since);
    return true;
  }

  #stop(thread: string, now: number): boolean {
    const known = this.#since.has(thread);
    this.#since.set(thread, now);
    return !known;
  }
}

/** A thread's number, or a name, as a key; `all` where there is none. */
function idOf(value: unknown): string {
  return typeof value === "number" || typeof value === "string" ? `${value}` : "all";
}
