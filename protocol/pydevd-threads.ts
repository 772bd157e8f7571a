// The threads of a pydevd debuggee and where they are stopped, told by its own messages.
//
//   103 THREAD_CREATE   <xml><thread name id/></xml>                          502 (answer to 102): the same, of several
//   104 THREAD_KILL     thread
//   105 THREAD_SUSPEND  <xml><thread id stop_reason message suspend_type><frame …/>…</thread></xml>
//   106 THREAD_RUN      thread [TAB reason]
//   138 SEND_CURR_EXCEPTION_TRACE   frame TAB type TAB description TAB <xml><thread id>…    before the 105 of an exception
// Rules
// - Messages stay as they are quoted, since they are only shown again; the name of a thread that stops is read.
import type { Stop } from "./exchange.ts";
import type { Frame } from "./frame.ts";
import { attributeQuoting } from "./pydevd-quoting.ts";
import { decodePydevd } from "./pydevd.ts";

/** Messages that tell something. */
const told: ReadonlySet<number> = new Set([103, 104, 105, 106, 138, 502]);
/** More are not remembered; the oldest goes. */
const maxThreads = 10_000;

// stop_reason is the id of the command that made it stop; in DAP's words, as pydevd's own DAP says them.
const reasons: Readonly<Record<string, string>> = {
  "105": "pause",
  "111": "breakpoint",
  "118": "goto",
  "122": "exception",
  "127": "goto",
  "137": "exception",
  "138": "exception",
  "154": "entry",
  "208": "function breakpoint",
};
const steps: ReadonlySet<string> = new Set(["107", "108", "109", "128", "144", "159", "160", "206"]);

export class PydevdThreads {
  /** Text of the 103 that tells of it, by thread. */
  readonly #known = new Map<string, string>();
  readonly #stops = new Map<string, Stop>();
  /** The 138 of a thread that stops for an exception. */
  readonly #exceptions = new Map<string, Frame>();
  #count = 0;

  /** The latest. */
  get stop(): Stop | undefined {
    return [...this.#stops.values()].at(-1);
  }

  /** In the order in which they came. */
  get stops(): readonly Stop[] {
    return [...this.#stops.values()];
  }

  /** Texts of the 103 of every thread that is known. */
  get announcements(): readonly string[] {
    return [...this.#known.values()];
  }

  /** The messages that tell of every stop: its 105, after its 138 where it has one. */
  get retold(): readonly Frame[] {
    return [...this.#stops].flatMap(([thread, { frame }]) => {
      const exception = this.#exceptions.get(thread);
      return exception === undefined ? [frame] : [exception, frame];
    });
  }

  isStopped(thread: string): boolean {
    return this.#stops.has(thread);
  }

  /** Takes a message of the debuggee; the stop that a 105 tells. */
  see(id: number, frame: Frame): Stop | undefined {
    if (!told.has(id)) return undefined;
    const text = decodePydevd(frame, "debuggee")?.text ?? "";
    if (id === 103 || id === 502) {
      for (const [element, thread = ""] of text.matchAll(/<thread\b[^>]*?\sid="([^"]*)"[^>]*>/g)) {
        this.#know(thread, element);
      }
      return undefined;
    }
    if (id === 105) return this.#suspend(text, frame);
    if (id === 138) {
      const thread = attribute(/<thread\b[^>]*>/.exec(text)?.[0] ?? "", "id");
      if (thread !== undefined && this.#known.has(thread)) this.#exceptions.set(thread, frame);
      return undefined;
    }
    const [thread = ""] = text.trim().split("\t", 1);
    this.#stops.delete(thread);
    this.#exceptions.delete(thread);
    if (id === 104) this.#known.delete(thread);
    return undefined;
  }

  #suspend(text: string, frame: Frame): Stop | undefined {
    const element = /<thread\b[^>]*>/.exec(text)?.[0];
    const thread = element === undefined ? undefined : attribute(element, "id");
    if (element === undefined || thread === undefined) return undefined;
    const code = attribute(element, "stop_reason") ?? "";
    const reason = steps.has(code) ? "step" : (reasons[code] ?? "pause");
    if (!this.#known.has(thread)) this.#know(thread, `<thread name="${thread}" id="${thread}" />`);
    const name = attributeQuoting.thread.decode(attribute(this.#known.get(thread) ?? "", "name") ?? thread);
    const named = name === thread ? {} : { threadName: name };
    const stop: Stop = { number: ++this.#count, thread, ...named, reason, frame };
    // Behind all others: it is the latest.
    this.#stops.delete(thread);
    this.#stops.set(thread, stop);
    return stop;
  }

  #know(thread: string, element: string): void {
    this.#known.set(thread, `<xml>${element}</xml>`);
    if (this.#known.size <= maxThreads) return;
    const [oldest] = this.#known.keys();
    if (oldest === undefined) return;
    this.#known.delete(oldest);
    this.#exceptions.delete(oldest);
  }
}

function attribute(element: string, name: string): string | undefined {
  return new RegExp(`\\s${name}="([^"]*)"`).exec(element)?.[1];
}
