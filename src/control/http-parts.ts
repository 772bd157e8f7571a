// Small parts of HTTP as the board speaks it: where a request is for, its body, and an answer on a connection that was to be upgraded.
import { STATUS_CODES, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { DebugtapError } from "../../protocol/errors.ts";
import { parseJson } from "../../protocol/json.ts";

/** Throws DT_BOARD_REQUEST for what no page or program of good faith asks for. */
export function urlOf({ url = "/" }: Pick<IncomingMessage, "url">): URL {
  const [path = ""] = url.split("?", 1);
  if (path.startsWith("/") && !path.split(/[/\\]|%2f|%5c/i).some((part) => /^(?:\.|%2e){2}$/i.test(part))) {
    try {
      return new URL(`http://board${url}`);
    } catch {
      // Told below.
    }
  }
  throw new DebugtapError("DT_BOARD_REQUEST", "the path cannot be understood", { why: "it is absolute, without `..`" });
}

/** The JSON of a request; undefined: it has none. Rejects with DT_BOARD_REQUEST, `tooLarge` when it has more bytes than it may. */
export async function bodyOf(request: IncomingMessage, most: number): Promise<unknown> {
  if (Number(request.headers["content-length"] ?? 0) > most) throw tooLarge;
  const bytes = await new Promise<Buffer>((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length <= most) chunks.push(chunk);
      else {
        request.pause();
        reject(tooLarge);
      }
    });
    request.on("end", () => resolve(Buffer.concat(chunks)));
    request.on("error", reject);
    request.on("close", () => reject(new DebugtapError("DT_BOARD_REQUEST", "the request broke off")));
  });
  if (bytes.length === 0) return undefined;
  const value = parseJson(bytes);
  if (value !== undefined) return value;
  throw new DebugtapError("DT_BOARD_REQUEST", "the body is no JSON", { why: "it is JSON in UTF-8" });
}

/** What is thrown for a body that is too large. */
export const tooLarge = new DebugtapError("DT_BOARD_REQUEST", "the body is too large", { why: "it has 64 KB at most" });

/** Answers on a connection that was to be upgraded, and ends it. */
export function answerRaw(
  socket: Duplex,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string,
): void {
  const all = { ...headers, "content-length": String(Buffer.byteLength(body)), connection: "close" };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${lines.join("")}\r\n${body}`);
}
