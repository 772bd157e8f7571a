// One pydevd session driven without an IDE.
//
//   501 VERSION → 111 SET_BREAK… → 101 RUN; at each 105 THREAD_SUSPEND a 106 THREAD_RUN
//
// Rules
// - A stop is let go at once: the relay holds that command until the stop is captured.
// - 111 has no answer: a breakpoint counts as bound unless a warning (116) names its file.
// - A pydevd whose locks eventlet has patched connects and then answers nothing, or reports no thread: see `patched`.
import { FrameReader } from "../../protocol/frame-reader.ts";
import { parsePydevdXml } from "../../protocol/pydevd-xml.ts";
import { decodePydevd, encodePydevd } from "../../protocol/pydevd.ts";
import type { DriverEvents } from "./driver.ts";
import { setBreakText, type Placed } from "./placed.ts";

/** pydevd answers 501 in milliseconds and reports its main thread as soon as it runs. */
const silentAfter = 5000;

export interface PydevdDriverOptions extends DriverEvents {
  readonly send: (bytes: Uint8Array) => void;
  readonly placed: readonly Placed[];
  /** It behaves like a pydevd that eventlet has patched; what it did not do. */
  readonly patched: (what: string) => void;
  /** As setTimeout, with what cancels it. */
  readonly after: (ms: number, run: () => void) => () => void;
}

export class PydevdDriver {
  readonly #options: PydevdDriverOptions;
  readonly #frames = new FrameReader("pydevd");
  /** By the id under which the debuggee has it. */
  readonly #set = new Map<number, Placed>();
  #placed: readonly Placed[];
  #stage: "new" | "asked" | "running" | "seen" | "over" = "new";
  #cancel: () => void = () => undefined;
  #seq = 1;
  #id = 0;

  constructor(options: PydevdDriverOptions) {
    this.#options = options;
    this.#placed = options.placed;
  }

  begin(): void {
    this.#stage = "asked";
    this.#say(501, "1.1\tUNIX\tID");
    this.#expect("it has not answered the first command (501)");
  }

  push(chunk: Uint8Array): void {
    for (const frame of this.#frames.push(chunk)) {
      const message = decodePydevd(frame, "debuggee");
      if (message !== undefined && this.#stage !== "over") this.#take(message.id, message.text);
    }
  }

  end(): void {
    if (this.#stage === "over") return;
    this.#cancel();
    const failed = this.#stage === "asked" ? "it left before it had answered" : undefined;
    this.#stage = "over";
    this.#options.ended(failed);
  }

  place(placed: readonly Placed[]): void {
    this.#placed = placed;
    if (this.#stage !== "running" && this.#stage !== "seen") return;
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
    if (id === 103 && this.#stage === "running") {
      this.#cancel();
      this.#stage = "seen";
    } else if (id === 105) {
      for (const thread of parsePydevdXml(text)?.threads ?? []) this.#say(106, thread.id);
    } else if (id === 116) this.#warned(text);
  }

  #run(): void {
    this.#cancel();
    for (const each of this.#placed) this.#setBreak(each);
    this.#stage = "running";
    this.#say(101, "");
    this.#expect("it has reported no thread since it was let run (101)");
    this.#options.attached();
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

  #expect(what: string): void {
    this.#cancel = this.#options.after(silentAfter, () => this.#options.patched(what));
  }

  #say(id: number, text: string): void {
    this.#options.send(encodePydevd(id, this.#seq, text, { side: "client", framing: "line" }));
    this.#seq += 2;
  }
}
