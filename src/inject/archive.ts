// A tar of files in memory, for what is sent to a host; and the files of a wheel, which is a zip.
//
// Rules
// - The tar is ustar, which busybox reads too; its files are the user's own, all directories are made by their files' names.
// - Of a zip what is needed of wheels: stored and deflated members, no encryption, no zip64.
import { gzipSync, inflateRawSync } from "node:zlib";
import { DebugtapError } from "../../protocol/errors.ts";

/** Bytes, or where a link points. */
export type Entry = Buffer | { readonly link: string };

/** By path in the archive. Gzipped. Throws DT_INTERNAL for a path that ustar has no room for. */
export function archive(entries: ReadonlyMap<string, Entry>): Buffer {
  const blocks: Buffer[] = [];
  const dirs = new Set<string>();
  for (const [path, entry] of entries) {
    const parts = path.split("/");
    for (let count = 1; count < parts.length; count++) {
      const dir = `${parts.slice(0, count).join("/")}/`;
      if (dirs.has(dir)) continue;
      dirs.add(dir);
      blocks.push(header(dir, 0, "5", ""));
    }
    if (!Buffer.isBuffer(entry)) blocks.push(header(path, 0, "2", entry.link));
    else blocks.push(header(path, entry.length, "0", ""), entry, Buffer.alloc((512 - (entry.length % 512)) % 512));
  }
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

function header(path: string, size: number, type: "0" | "2" | "5", link: string): Buffer {
  const block = Buffer.alloc(512);
  const { name, prefix } = split(path);
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, "0")}\0`;
  if (Buffer.byteLength(link) > 100) throw tooLong(link);
  block.write(name, 0);
  block.write(octal(type === "5" ? 0o755 : 0o644, 8) + octal(0, 8) + octal(0, 8) + octal(size, 12) + octal(0, 12), 100);
  block.write(`        ${type}`, 148);
  block.write(link, 157);
  block.write("ustar\x0000", 257);
  block.write(prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

function split(path: string): { name: string; prefix: string } {
  if (Buffer.byteLength(path) <= 100) return { name: path, prefix: "" };
  for (let at = path.indexOf("/"); at > 0; at = path.indexOf("/", at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (name !== "" && Buffer.byteLength(name) <= 100 && Buffer.byteLength(prefix) <= 155) return { name, prefix };
  }
  throw tooLong(path);
}

function tooLong(path: string): DebugtapError {
  return new DebugtapError("DT_INTERNAL", `${path} is too long for an archive`);
}

/** The files of a wheel by their paths. Throws DT_FILE_UNREADABLE. */
export function wheelFiles(bytes: Buffer, file: string): Map<string, Buffer> {
  const broken = (why: string, cause?: unknown): DebugtapError =>
    new DebugtapError("DT_FILE_UNREADABLE", `${file} is no wheel that can be read`, {
      why,
      fix: "python3 -m pip download --no-deps debugpy",
      cause,
    });
  try {
    const end = bytes.lastIndexOf("PK\x05\x06");
    if (end < 0) throw broken("it is no zip");
    const files = new Map<string, Buffer>();
    let at = bytes.readUInt32LE(end + 16);
    for (let left = bytes.readUInt16LE(end + 10); left > 0; left--) {
      const [method, size] = [bytes.readUInt16LE(at + 10), bytes.readUInt32LE(at + 20)];
      const [nameLength, extra, comment] = [28, 30, 32].map((offset) => bytes.readUInt16LE(at + offset));
      const local = bytes.readUInt32LE(at + 42);
      const name = bytes.toString("utf8", at + 46, at + 46 + (nameLength ?? 0));
      const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
      const data = bytes.subarray(start, start + size);
      if (method !== 0 && method !== 8) throw broken(`${name} is packed in a way that is not known`);
      if (/(?:^|\/)\.\.(?:\/|$)|^\//.test(name)) throw broken(`${name} leads out of it`);
      if (!name.endsWith("/")) files.set(name, method === 8 ? inflateRawSync(data) : Buffer.from(data));
      at += 46 + (nameLength ?? 0) + (extra ?? 0) + (comment ?? 0);
    }
    return files;
  } catch (cause) {
    throw cause instanceof DebugtapError ? cause : broken("it is damaged", cause);
  }
}
