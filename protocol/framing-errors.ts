// Why a stream cannot be followed any further, for the user: where it went wrong, on which byte, and what to set instead.
import { DebugtapError } from "./errors.ts";

/** `byte` cannot stand `seen` bytes into message `message` (from 1), which is `offset` bytes into the stream. */
export function garbage(
  wire: "dap" | "pydevd",
  byte: number,
  message: number,
  seen: number,
  offset: number,
): DebugtapError {
  const shown = byte > 32 && byte < 127 ? ` (${String.fromCharCode(byte)})` : "";
  const other = wire === "dap" ? "pydevd" : "dap";
  return new DebugtapError("DT_FRAME_GARBAGE", `byte ${offset} of the stream is not ${wire}`, {
    why: `0x${byte.toString(16).padStart(2, "0")}${shown} cannot stand ${seen} bytes into message ${message}`,
    fix: `if the service speaks ${other}, set \`wire: ${other}\`; if neither, \`wire: raw\``,
  });
}

export function tooLarge(what: string, message: number): DebugtapError {
  return new DebugtapError("DT_FRAME_TOO_LARGE", `message ${message} of the stream is too large to follow`, {
    why: what,
    fix: "set `wire: raw` if messages of this size are meant",
  });
}
