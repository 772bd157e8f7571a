// How memory is collected and kept in a process that forwards: chunks live outside the heap and die young.
//
// Rules
// - A whole collection is not begun beside a small one, as V8 does when it may mark on another thread: some 40 a second of the 20 KB bench, a
//   tenth of its time and the core that the IDE wants.
// - Small collections stay small: a chunk's memory comes back while it is still in the cache. V8 lets them grow to 16 MB; a message of
//   20 KB then costs up to twice its CPU, and 1,000 idle sessions 30 MB more.
// - V8 forgets such flags when a worker thread is made: they are set before anything large is loaded, and again behind that.
// - Freed memory stays with the process. glibc gives the top of its heap back to the kernel from 128 KB on, and the next chunk brings it
//   in again page by page: where the heap of a process happens to end in chunks, a message of 20 KB costs up to twice its CPU, for as long as
//   the process lives. It keeps twice what the largest block was that it has freed (mallopt(3), M_MMAP_THRESHOLD), so it is given one.
import { setFlagsFromString } from "node:v8";

/** At most what glibc lets its limit grow by, 32 MB. Nobody touches it: it takes no memory. */
const largestFreed = 16 * 1024 * 1024;

export function keepCollectionsSmall(): void {
  setFlagsFromString("--no-concurrent-marking");
  setFlagsFromString("--semi-space-growth-factor=1");
}

/** From the next collection on. */
export function keepFreedMemory(): void {
  void new ArrayBuffer(largestFreed);
}
