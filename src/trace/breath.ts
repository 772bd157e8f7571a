// The recorder's thread lets go of its core for a moment, again and again.
//
// A message that comes while this thread works waits for a core: Linux lets a running thread be for a slice, whatever its priority
// (4 ms and more where the clock ticks 250 times a second), and on a machine of two cores the forwarding thread, the IDE, the service
// and sshd share them with this one. Who sleeps gives the core away at once.

/** Of work, ms, until the core is let go, and for how long. */
const work = 0.5;
const rest = 0.05;
const nobodyWakes = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
let began = performance.now();

/** To be called often, between pieces of long work. Blocks the thread: not for the forwarding thread. */
export function breathe(): void {
  if (performance.now() - began < work) return;
  Atomics.wait(nobodyWakes, 0, 0, rest);
  began = performance.now();
}
