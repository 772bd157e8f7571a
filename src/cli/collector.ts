// How memory is collected and kept in a process that forwards: chunks live outside the heap and die young.
//
// Rules
// - A whole collection is not begun beside a small one, as V8 does when it may mark on another thread: some 40 a second of the 20 KB bench, a
//   tenth of its time and the core that the IDE wants.
// - Small collections stay small: a chunk's memory comes back while it is still in the cache. V8 lets them grow to 16 MB; a message of
//   20 KB then costs up to twice its CPU, and 1,000 idle sessions 30 MB more.
// - V8 forgets such flags when a worker thread is made: they are set before anything large is loaded, and again behind that.
// - A small collection is made by hand whenever some MB have been forwarded. V8 goes by what is on the heap, and chunks are not: where little else
//   is allocated they come to 64 MB, and that sets off whole collections, 17 ms each, up to 16 a second.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Side } from "../../protocol/frame.ts";
import type { Observer } from "../observer.ts";

/** Forwarded bytes from one small collection to the next. */
const collectEvery = 2 * 1024 * 1024;

export function keepCollectionsSmall(): void {
  setFlagsFromString("--no-concurrent-marking");
  setFlagsFromString("--semi-space-growth-factor=1");
}

type Collect = (options: { readonly type: "minor" }) => void;

/** Collects what has been forwarded. */
export class Collector implements Observer {
  readonly name = "collector";
  readonly #collect: Collect;
  #bytes = 0;

  constructor() {
    setFlagsFromString("--expose-gc");
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- V8's own
    this.#collect = runInNewContext("gc") as Collect;
    setFlagsFromString("--no-expose-gc");
  }

  chunk(_session: number, _side: Side, bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    if (this.#bytes < collectEvery) return;
    this.#bytes = 0;
    this.#collect({ type: "minor" });
  }
}
