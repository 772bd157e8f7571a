// A board's reader of traces, in a thread of its own, which is made when it is first asked.
//
// Rules
// - Answers come as text that is ready to be sent. A thread that fails fails what was asked of it; the next question makes another.
import { Worker } from "node:worker_threads";
import type { HttpView } from "../../protocol/api.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import type { SourceMapping } from "../../protocol/path-map.ts";
import { refused, type ApiAnswer } from "./answers.ts";
import type { ApiRequest } from "./router.ts";

/** live: what is written now, and when hits of it ran on, by number. end: one more did. */
export type ToTraceWorker =
  | { readonly type: "live"; readonly dir: string | undefined; readonly ends: ReadonlyMap<number, number> }
  | { readonly type: "end"; readonly number: number; readonly at: number }
  | { readonly type: "ask"; readonly id: number; readonly request: ApiRequest; readonly late: readonly HttpView[] }
  | { readonly type: "close" };

export type FromTraceWorker =
  | { readonly type: "answer"; readonly id: number; readonly answer: ApiAnswer }
  | { readonly type: "closed" };

/** How long open replays may take to end, ms. */
const closeWithin = 3000;

export interface TraceThreadOptions {
  readonly sources: readonly SourceMapping[];
  /** The trace that is written now. */
  readonly live: () => { readonly dir: string | undefined; readonly ends: ReadonlyMap<number, number> };
  /** A thread was made: V8 has forgotten its flags. */
  readonly made?: () => void;
}

/** Whether it is a route of traces. */
export function isOfTraces(path: string): boolean {
  return /^\/api\/(?:traces(?:\/|$)|diff$)/.test(path);
}

export class TraceThread {
  readonly #options: TraceThreadOptions;
  readonly #asked = new Map<number, (answer: ApiAnswer) => void>();
  #worker: Worker | undefined;
  #lastId = 0;
  #onClosed: () => void = () => undefined;

  constructor(options: TraceThreadOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  ask(request: ApiRequest, late: readonly HttpView[]): Promise<ApiAnswer> {
    const worker = this.#open();
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      this.#asked.set(id, resolve);
      post(worker, { type: "ask", id, request, late });
    });
  }

  /** Another trace is written, or none. */
  turned(): void {
    if (this.#worker !== undefined) post(this.#worker, { type: "live", ...this.#options.live() });
  }

  /** A hit of the trace that is written ran on. */
  ended(number: number, at: number): void {
    if (this.#worker !== undefined) post(this.#worker, { type: "end", number, at });
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    const closed = new Promise<void>((resolve) => {
      this.#onClosed = resolve;
      setTimeout(resolve, closeWithin).unref();
    });
    post(worker, { type: "close" });
    await closed;
    this.#gone("the board closes");
    await worker.terminate();
  }

  #open(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const { sources, live, made } = this.#options;
    const worker = new Worker(new URL("./trace-worker.js", import.meta.url), {
      workerData: { sources },
      name: "traces",
    });
    made?.();
    worker.unref();
    worker.on("message", (message: FromTraceWorker) => this.#take(message));
    worker.on("error", (error) => this.#gone(error.message));
    worker.on("exit", () => {
      if (this.#worker === worker) this.#gone("its thread ended");
      this.#onClosed();
    });
    this.#worker = worker;
    post(worker, { type: "live", ...live() });
    return worker;
  }

  #take(message: FromTraceWorker): void {
    if (message.type === "closed") return this.#onClosed();
    this.#asked.get(message.id)?.(message.answer);
    this.#asked.delete(message.id);
  }

  #gone(why: string): void {
    this.#worker = undefined;
    for (const answer of this.#asked.values())
      answer(refused(new DebugtapError("DT_INTERNAL", "the reader of traces stopped", { why })));
    this.#asked.clear();
  }
}

function post(worker: Worker, message: ToTraceWorker): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
  worker.postMessage(message);
}
