// One pydevd session driven without an IDE.
//
//   501 VERSION → 111 SET_BREAK… → 101 RUN; at each 105 THREAD_SUSPEND a 106 THREAD_RUN
//
// Rules
// - A stop is let go at once: the relay holds that command until the stop is captured.
// - 111 has no answer: a breakpoint counts as bound unless a warning (116) names its file.
// - A pydevd whose locks eventlet has patched is connected and answers nothing, from the start or from monkey_patch() on. So it is asked for its
//   threads (102), which a sound one answers at any time, and `patched` is told when it does not, or leaves without having answered: now and then, and when it stops or has a new thread.
import { FrameReader } from "../../protocol/frame-reader.ts";
import { parsePydevdXml } from "../../protocol/pydevd-xml.ts";
import { decodePydevd, encodePydevd } from "../../protocol/pydevd.ts";
import type { DriverEvents } from "./driver.ts";
import { setBreakText, type Placed } from "../../protocol/placed.ts";

/** pydevd answers in milliseconds, ms. */
const silentAfter = 5000;
const silentAtEnd = 300;
/** The first is soon: services patch themselves as they start. */
const firstAsk = 1000;
const askEvery = 10_000;

export interface PydevdDriverOptions extends DriverEvents {
  readonly send: (bytes: Uint8Array) => void;
  readonly placed: readonly Placed[];
  /** It behaves like a pydevd that eventlet has patched; what it did not do. */
  readonly patched: (what: string) => void;
  /** It has a thread that Python's threading did not start: so look those of its own that eventlet has turned green. */
  readonly strange: () => void;
  /** As setTimeout, with what cancels it. */
  readonly after: (ms: number, run: () => void) => () => void;
  readonly now: () => number;
}

export class PydevdDriver {
  readonly #options: PydevdDriverOptions;
  readonly #frames = new FrameReader("pydevd");
  /** By the id under which the debuggee has it. */
  readonly #set = new Map<number, Placed>();
  #placed: readonly Placed[];
  #stage: "new" | "asked" | "running" | "over" = "new";
  /** What it has not answered yet. */
  #asked: { readonly seq: number; readonly at: number; readonly what: string } | undefined;
  #askedLast = -Infinity;
  #cancel: () => void = () => undefined;
  #seq = 1;
  #id = 0;

  constructor(options: PydevdDriverOptions) {
    this.#options = options;
    this.#placed = options.placed;
  }

  get isSettled(): boolean {
    return this.#stage === "running";
  }

  begin(): void {
    this.#stage = "asked";
    this.#ask(501, "1.1\tUNIX\tID", "it has not answered the first command (501)");
  }

  push(chunk: Uint8Array): void {
    for (const frame of this.#frames.push(chunk)) {
      const message = decodePydevd(frame, "debuggee");
      if (message === undefined || this.#stage === "over") continue;
      if (message.seq === this.#asked?.seq) this.#answered();
      this.#take(message.id, message.text);
    }
  }

  end(): void {
    if (this.#stage === "over") return;
    this.#cancel();
    const failed = this.#stage === "asked" ? "it left before it had answered" : undefined;
    this.#stage = "over";
    const open = this.#asked;
    if (open !== undefined && this.#options.now() - open.at > silentAtEnd)
      this.#options.patched(`it left, and ${open.what}`);
    this.#options.ended(failed);
  }

  place(placed: readonly Placed[]): void {
    this.#placed = placed;
    if (this.#stage !== "running") return;
    for (const [id, each] of this.#set) {
      if (placed.includes(each)) continue;
      this.#set.delete(id);
      this.#say(112, `python-line\t${each.path}\t${id}`);
    }
    const there = new Set(this.#set.values());
    for (const each of placed) if (!there.has(each)) this.#setBreak(each);
  }

  /** Nothing is to be said: the relay lets it go, or ends it. */
  leave(): void {}

  #take(id: number, text: string): void {
    if (id === 501 && this.#stage === "asked") return this.#run();
    if (id === 103 && (parsePydevdXml(text)?.threads ?? []).some(({ name = "" }) => /^Dummy-\d+$/.test(name)))
      this.#options.strange();
    if (id === 103 || id === 105) this.#askNow();
    if (id === 105) {
      for (const thread of parsePydevdXml(text)?.threads ?? []) this.#say(106, thread.id);
    } else if (id === 116) this.#warned(text);
  }

  #run(): void {
    for (const each of this.#placed) this.#setBreak(each);
    this.#stage = "running";
    this.#say(101, "");
    this.#askLater(firstAsk);
    this.#options.attached();
    this.#options.settled();
  }

  #setBreak(placed: Placed): void {
    const id = ++this.#id;
    this.#set.set(id, placed);
    this.#say(111, setBreakText(id, placed));
    this.#options.bound(placed, { verified: true });
  }

  /** `pydev debugger: warning: trying to add breakpoint to file that does not exist: /opt/app.py (will have no effect)` */
  #warned(text: string): void {
    for (const { text: printed } of parsePydevdXml(text)?.output ?? []) {
      const file = /breakpoint to file that does not exist: (.+) \(will have no effect\)/.exec(printed)?.[1];
      const why = `the debuggee has no file ${file}`;
      for (const each of this.#set.values())
        if (each.path === file) this.#options.bound(each, { verified: false, why });
    }
  }

  #ask(id: number, text: string, what: string): void {
    this.#asked = { seq: this.#seq, at: this.#options.now(), what };
    this.#say(id, text);
    this.#cancel = this.#options.after(silentAfter, () => this.#options.patched(what));
  }

  #answered(): void {
    this.#asked = undefined;
    this.#cancel();
    if (this.#stage === "running") this.#askLater(askEvery);
  }

  #askLater(ms: number): void {
    this.#cancel = this.#options.after(ms, () => this.#askThreads());
  }

  /** Not more often than each second. */
  #askNow(): void {
    if (this.#stage !== "running" || this.#asked !== undefined) return;
    if (this.#options.now() - this.#askedLast < firstAsk) return;
    this.#cancel();
    this.#askThreads();
  }

  #askThreads(): void {
    this.#askedLast = this.#options.now();
    this.#ask(102, "", "it does not say which threads it has (102)");
  }

  #say(id: number, text: string): void {
    this.#options.send(encodePydevd(id, this.#seq, text, { side: "client", framing: "line" }));
    this.#seq += 2;
  }
}
