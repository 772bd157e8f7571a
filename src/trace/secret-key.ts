// The key of the markers that stand in place of secrets: `$XDG_STATE_HOME/debugtap/secret-key`, made when it is first needed.
//
// Rules
// - It stands outside of every trace: who is given a trace cannot try which secret has which marker.
// - One for all traces of a user on this machine: equal secrets have equal markers in all of them. Deleting it begins anew.
// - Where it cannot be had, or would lie within the trace, there is one for this trace alone, which nobody keeps.
import { createHmac, randomBytes } from "node:crypto";
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";
import { defaultParent, dirMode, fileMode } from "./files.ts";

const keyLength = 32;

/** The key for a trace in `dir`. Never throws. */
export function secretKey(dir: string): Uint8Array {
  const path = join(dirname(defaultParent()), "secret-key");
  if (`${path}${sep}`.startsWith(`${resolve(dir)}${sep}`)) return randomBytes(keyLength);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: dirMode });
    return readKey(path) ?? makeKey(path);
  } catch {
    return randomBytes(keyLength);
  }
}

/** The eight hexadecimal digits of a secret. */
export function digitsBy(key: Uint8Array): (secret: string) => string {
  return (secret) => createHmac("sha256", key).update(secret).digest("hex").slice(0, 8);
}

/** Undefined where there is none, or one that another process is still writing. */
function readKey(path: string): Uint8Array | undefined {
  try {
    const key = readFileSync(path);
    if (key.length !== keyLength) return undefined;
    chmodSync(path, fileMode);
    return key;
  } catch {
    return undefined;
  }
}

/** Throws what the file system throws, as when another process has just made one. */
function makeKey(path: string): Uint8Array {
  const key = randomBytes(keyLength);
  const fd = openSync(path, "wx", fileMode);
  try {
    writeSync(fd, key);
  } finally {
    closeSync(fd);
  }
  return key;
}
