// The copy of a body that is recorded: its first bytes, while all of it streams past, and what they say.
//
// Rules
// - At most `limit` bytes are kept, in memory of their own: chunks are views of larger pieces.
// - gzip, deflate and brotli are undone beside the forwarding thread, so that secrets in them are seen; what is coded in another way is left
//   out, and said so. What is unpacked is bounded too.
import { brotliDecompress, constants, unzip } from "node:zlib";
import type { HttpBody } from "../../protocol/http.ts";

/** Bytes that one kept byte may unpack to. */
const mostUnpacked = 64;
const utf8 = new TextDecoder("utf-8", { fatal: true });

export class BodyCopy {
  readonly #limit: number;
  #kept: Buffer[] = [];
  #bytes = 0;
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes that went past. */
  get length(): number {
    return this.#length;
  }

  add(chunk: Uint8Array): void {
    this.#length += chunk.length;
    const room = this.#limit - this.#bytes;
    if (room <= 0) return;
    const kept = Buffer.from(chunk.subarray(0, room));
    this.#kept.push(kept);
    this.#bytes += kept.length;
  }

  /** All of it, as it went past; undefined: not all is kept. */
  whole(): Buffer | undefined {
    return this.#bytes === this.#length ? Buffer.concat(this.#kept) : undefined;
  }

  /** `coding`: its Content-Encoding. Undefined: there was no body. */
  async record(coding = ""): Promise<HttpBody | undefined> {
    if (this.#length === 0) return undefined;
    const kept = Buffer.concat(this.#kept);
    const cut = this.#bytes < this.#length;
    const named = coding.trim().toLowerCase();
    if (named === "" || named === "identity") return this.#said(kept, cut);
    const plain = await unpacked(kept, named, this.#limit * mostUnpacked);
    if (plain === undefined)
      return { length: this.#length, why: `it is coded as ${named.slice(0, 100)}, or is not what it says` };
    return { ...this.#said(plain.subarray(0, this.#limit), cut || plain.length > this.#limit), decoded: named };
  }

  #said(bytes: Buffer, cut: boolean): HttpBody {
    const about = { length: this.#length, ...(cut ? { cut: true as const } : {}) };
    const text = textOf(bytes, cut);
    return text === undefined ? { ...about, text: bytes.toString("latin1"), encoding: "latin1" } : { ...about, text };
  }
}

/** Undefined: it is no UTF-8. Of what is cut, the last character may be a part of one. */
function textOf(bytes: Buffer, cut: boolean): string | undefined {
  for (let left = 0; left <= (cut ? 3 : 0); left++) {
    try {
      return utf8.decode(bytes.subarray(0, bytes.length - left));
    } catch {
      // One byte less.
    }
  }
  return undefined;
}

/** As far as there is; undefined where it cannot be undone. */
async function unpacked(bytes: Buffer, coding: string, most: number): Promise<Buffer | undefined> {
  return await new Promise((resolve) => {
    const done = (error: Error | null, plain: Buffer): void => resolve(error === null ? plain : undefined);
    if (coding === "br")
      brotliDecompress(bytes, { finishFlush: constants.BROTLI_OPERATION_FLUSH, maxOutputLength: most }, done);
    else if (["gzip", "x-gzip", "deflate"].includes(coding))
      unzip(bytes, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: most }, done);
    else resolve(undefined);
  });
}
