// How V8 collects garbage in a process that forwards: chunks live outside the heap and die young.
//
// Rules
// - A whole collection is not begun beside a small one, as V8 does when it may mark on another thread: some 40 a second of the 20 KB bench, a
//   tenth of its time and the core that the IDE wants.
// - Small collections stay small: a chunk's memory comes back while it is still in the cache. V8 lets them grow to 16 MB; a message of
//   20 KB then costs up to twice its CPU, and 1,000 idle sessions 30 MB more.
// - V8 forgets such flags when a worker thread is made: they are set before anything large is loaded, and again behind that.
import { setFlagsFromString } from "node:v8";

export function keepCollectionsSmall(): void {
  setFlagsFromString("--no-concurrent-marking");
  setFlagsFromString("--semi-space-growth-factor=1");
}
