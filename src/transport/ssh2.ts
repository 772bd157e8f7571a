// ssh2, loaded so that its random padding costs next to nothing.
//
// Every SSH packet ends in some 10 random bytes, and ssh2 asks OpenSSL for them packet by packet: a seventh of the CPU of a
// small message. Here it gets them from the same generator by the 64 KB. No byte is given out twice, so nothing is weaker.
//
// ssh2 keeps its own reference to `crypto.randomFillSync` when it is loaded: it sees ours while it loads, nobody else does.
import crypto from "node:crypto";
import { createRequire } from "node:module";

const poolSize = 64 * 1024;
const pool = Buffer.allocUnsafeSlow(poolSize);
let used = poolSize;

/** As crypto.randomFillSync. */
function fillFromPool(target: Uint8Array, offset = 0, size = target.length - offset): Uint8Array {
  if (size > poolSize) return plainFill(target, offset, size);
  if (used + size > poolSize) {
    plainFill(pool);
    used = 0;
  }
  target.set(pool.subarray(used, used + size), offset);
  used += size;
  return target;
}

const { randomFillSync: plainFill } = crypto;
Object.assign(crypto, { randomFillSync: fillFromPool });
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what `require` gives is ssh2
const ssh2 = createRequire(import.meta.url)("ssh2") as typeof import("ssh2");
Object.assign(crypto, { randomFillSync: plainFill });

export const { BaseAgent, Client, createAgent, utils } = ssh2;
