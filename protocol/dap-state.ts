// What stands in the debuggee, as its messages told it: what a client that comes later has missed. And whether it is there at all.
//
// Rules
// - Threads are known by `thread` events; delve and lldb send none. A stop ends by `continued`, by the successful response to
//   what lets its thread run (delve and lldb say it in no other way), by the end of its thread or of the program.
// - Such a response ends the stops that stood when its request was sent, not one that came since.
import type { DebugProtocol } from "./dap.ts";
import { executions } from "./dap-commands.ts";
import type { Stop } from "./exchange.ts";
import type { Frame } from "./frame.ts";
import { member } from "./json.ts";

const maxThreads = 10_000;

export interface Standing {
  readonly stop: Stop;
  readonly event: DebugProtocol.Event;
  readonly all: boolean;
}

export class DapState {
  /** In the order in which they stopped. */
  #standing: Standing[] = [];
  #count = 0;
  readonly #threads = new Set<number>();
  #process: Frame | undefined;
  #terminated: Frame | undefined;
  #away: string | undefined;
  #ended: string | undefined;

  /** Why its connection is lost, while it may be made again. */
  get away(): string | undefined {
    return this.#away;
  }

  /** Why it is gone for good. */
  get ended(): string | undefined {
    return this.#ended;
  }

  /** Why it cannot be asked; undefined while it can. */
  get gone(): string | undefined {
    return this.#ended ?? this.#away;
  }

  get standing(): readonly Standing[] {
    return this.#standing;
  }

  get stop(): Stop | undefined {
    return this.#standing.at(-1)?.stop;
  }

  /** Stops so far. */
  get count(): number {
    return this.#count;
  }

  get threads(): Iterable<number> {
    return this.#threads;
  }

  /** The `process` event. */
  get process(): Frame | undefined {
    return this.#process;
  }

  /** The `terminated` event. */
  get terminated(): Frame | undefined {
    return this.#terminated;
  }

  /** Takes an event; the stop if it is one. */
  seeEvent(event: DebugProtocol.Event, frame: Frame): Stop | undefined {
    const body: unknown = event.body;
    const thread = member(body, "threadId");
    switch (event.event) {
      case "stopped":
        return this.#stopped(event, frame);
      case "continued": {
        const one = member(body, "allThreadsContinued") === false;
        this.#keep(({ stop }) => one && stop.thread !== thread);
        break;
      }
      case "thread":
        if (typeof thread !== "number") break;
        if (member(body, "reason") === "exited") {
          this.#threads.delete(thread);
          this.#keep(({ stop }) => stop.thread !== thread);
        } else if (this.#threads.size < maxThreads) this.#threads.add(thread);
        break;
      case "process":
        this.#process = frame;
        break;
      case "terminated":
        this.#terminated = frame;
        this.#standing = [];
        break;
      case "exited":
        this.#standing = [];
        break;
      default:
    }
    return undefined;
  }

  /** Takes the response to a request that was sent when `stops` had been; true when a thread runs by it. */
  seeResponse(request: DebugProtocol.Request, response: DebugProtocol.Response, stops: number): boolean {
    if (!response.success || this.#standing.length === 0 || !executions.has(request.command)) return false;
    const single = member(response.body, "allThreadsContinued") === false;
    const before = this.#standing.length;
    this.#keep((standing) => !letsRun(request, standing, stops, single));
    return this.#standing.length < before;
  }

  /** The connection is lost: nothing stands any more, as far as is known. What did. */
  lost(why: string): { standing: readonly Standing[]; threads: readonly number[] } {
    const before = { standing: this.#standing, threads: [...this.#threads] };
    this.#standing = [];
    this.#threads.clear();
    this.#process = undefined;
    this.#away = why;
    return before;
  }

  /** It has been attached again. */
  back(): void {
    this.#away = undefined;
  }

  end(why: string): void {
    this.#ended = why;
  }

  #stopped(event: DebugProtocol.Event, frame: Frame): Stop {
    const body: unknown = event.body;
    const thread = member(body, "threadId");
    const reason = member(body, "reason");
    const stop: Stop = {
      number: ++this.#count,
      thread: typeof thread === "number" ? thread : 0,
      reason: typeof reason === "string" ? reason : "",
      frame,
    };
    this.#keep((standing) => standing.stop.thread !== stop.thread);
    if (this.#standing.length < maxThreads) {
      this.#standing.push({ stop, event, all: member(body, "allThreadsStopped") === true });
    }
    return stop;
  }

  #keep(stays: (standing: Standing) => boolean): void {
    this.#standing = this.#standing.filter((standing) => stays(standing));
  }
}

/** Whether this request, sent when `stops` had been, ends that stop when it succeeds. `single`: the debuggee says that it is for one thread. */
export function letsRun(
  request: DebugProtocol.Request,
  { stop, all }: Standing,
  stops: number,
  single: boolean,
): boolean {
  if (!executions.has(request.command) || stop.number > stops) return false;
  const thread = member(request.arguments, "threadId");
  if (thread === undefined || request.command === "restart" || stop.thread === thread) return true;
  const continues = request.command === "continue" || request.command === "reverseContinue";
  return !single && member(request.arguments, "singleThread") !== true && (all || continues);
}
