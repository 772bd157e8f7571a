// Whether a chunk begins with a message, on a stream that is not in step with its messages, as after a gap.
//
// Rules
// - A guess: peers write whole messages, so most chunks begin with one. Who masks a recording and who reads it must guess alike.

const contentLength = /^content-length:/i;
/** Ids of pydevd's commands have three digits, so the rest of one that was cut does not look like it. */
const pydevdLine = /^\d{3}\t-?\d+\t/;

export function beginsLikeMessage(bytes: Uint8Array, wire: "dap" | "pydevd"): boolean {
  const start = String.fromCharCode(...bytes.subarray(0, 24));
  return contentLength.test(start) || (wire === "pydevd" && pydevdLine.test(start));
}
