// Takes the secrets out of a stream that has no messages (wire `raw`), or whose messages cannot be found (after a gap, in opaque mode).
//
// Rules
// - Chunks stay chunks, but for one thing: the last line of one is held while it is not ended and has the beginning of a secret in it. It
//   is let go with its rest, when it gets too long, or when the owner says so: a prompt has no newline.
// - What was let go is context: a name whose value comes in the next chunk, a PEM key that goes on for lines.
// - A search for offsets needs one character a byte (`byteText`); what is masked is read as UTF-8.
// - pydevd's lines are percent-coded and their names stand apart from their values: a line with a secret is replaced as a whole.
import { failedMarker } from "./redact.ts";
import type { Redactor } from "./redact.ts";
import { unquote } from "./pydevd-quoting.ts";
import { openKeyAt } from "./secret-patterns.ts";
import { byteText, editOf, spliced, textAt } from "./splice.ts";

const LF = 10;
const mostHeld = 64 * 1024;
const contextLength = 512;
const longestContext = 16 * 1024;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();
const nothing = new Uint8Array(0);

export class ByteRedactor {
  readonly #redactor: Redactor;
  readonly #isCoded: boolean;
  #held: Uint8Array = nothing;
  #context = "";

  /** `isCoded`: these are lines of pydevd. */
  constructor(redactor: Redactor, isCoded: boolean) {
    this.#redactor = redactor;
    this.#isCoded = isCoded;
  }

  get holds(): boolean {
    return this.#held.length > 0;
  }

  /** What may be recorded now; undefined for nothing. */
  push(chunk: Uint8Array): Uint8Array | undefined {
    const bytes = joined(this.#held, chunk);
    const line = bytes.lastIndexOf(LF) + 1;
    const rest = bytes.subarray(line);
    const isHeld = rest.length > 0 && rest.length <= mostHeld && this.#redactor.mayHold(rest);
    this.#held = isHeld ? new Uint8Array(rest) : nothing;
    return this.#masked(isHeld ? bytes.subarray(0, line) : bytes);
  }

  /** What is held. */
  release(): Uint8Array | undefined {
    const held = this.#held;
    this.#held = nothing;
    return this.#masked(held);
  }

  #masked(bytes: Uint8Array): Uint8Array | undefined {
    if (bytes.length === 0) return undefined;
    if (this.#context === "" && !this.#redactor.mayHold(bytes)) {
      this.#remember(byteText(bytes.subarray(-contextLength)), Infinity);
      return bytes;
    }
    if (this.#isCoded) return this.#lines(bytes);
    const before = this.#context.length;
    const text = this.#context + byteText(bytes);
    const ranges = this.#redactor.rangesBehind(this.#context, text);
    const last = ranges.at(-1);
    this.#remember(text, last?.to === text.length ? last.from : text.length);
    const edits = ranges.map(({ from, to }) => {
      const secret = from < before ? text.slice(from, to) : textAt(bytes, from - before, to - before);
      return editOf(Math.max(0, from - before), to - before, this.#redactor.marker(secret));
    });
    return spliced(bytes, edits);
  }

  /** `open`: where a secret begins that goes on to the end. */
  #remember(said: string, open: number): void {
    const key = openKeyAt(said);
    if (key !== -1) this.#context = said.slice(key, key + longestContext);
    else if (open < said.length) this.#context = said.slice(Math.max(0, open - contextLength)).slice(0, longestContext);
    else this.#context = said.slice(said.lastIndexOf("\n") + 1).slice(-contextLength);
  }

  #lines(bytes: Uint8Array): Uint8Array {
    const text = decoder.decode(bytes);
    const masked = text
      .split("\n")
      .map((line) => {
        const decoded = unquote(unquote(unquote(line)));
        if (this.#redactor.text(decoded) === decoded && this.#redactor.text(line) === line) return line;
        return (/^-?\d{1,10}\t-?\d{1,15}\t/.exec(line)?.[0] ?? "") + failedMarker;
      })
      .join("\n");
    return masked === text ? bytes : encoder.encode(masked);
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
