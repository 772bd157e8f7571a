// HTTP/1 as it stands in the bytes of a session of wire `raw`: a REST port that was relayed.
//
// Rules
// - Requests and answers are paired in their order, as HTTP/1 has them; an informational answer (1xx) is none. What has no answer yet has none.
// - A session whose first bytes are no request, and what follows bytes that cannot be parsed, is left out.
// - Of a body at most `mostBody` bytes are kept; its whole length is counted.
import { HTTPParser } from "http-parser-js";
import type { Side } from "../../../protocol/frame.ts";

// Its own, ASCII, drops a bit of what is none.
HTTPParser.encoding = "latin1";

const utf8 = new TextDecoder("utf-8", { fatal: true });
const mostBody = 1024 * 1024;

export interface HttpMessage {
  /** `GET`; empty for an answer. */
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly reason: string;
  readonly version: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  body: Uint8Array;
  /** Bytes of the whole body. */
  bodyLength: number;
  /** Epoch milliseconds of its first and its last bytes. */
  readonly began: number;
  ended: number;
  whole: boolean;
}

export interface Exchange {
  readonly request: HttpMessage;
  answer?: HttpMessage;
}

/** Takes the chunks of one session in order. */
export class HttpSession {
  readonly exchanges: Exchange[] = [];
  readonly #parsers: Readonly<Record<Side, Direction>>;

  constructor() {
    const open: Exchange[] = [];
    this.#parsers = {
      client: new Direction("REQUEST", (request) => {
        const exchange = { request };
        this.exchanges.push(exchange);
        open.push(exchange);
      }),
      debuggee: new Direction(
        "RESPONSE",
        (answer) => {
          const isLast = answer.status >= 200 || answer.status === 101;
          const exchange = isLast ? open.shift() : undefined;
          if (exchange !== undefined) exchange.answer = answer;
        },
        () => open[0]?.request.method === "HEAD",
      ),
    };
  }

  push(side: Side, bytes: Uint8Array, time: number): void {
    this.#parsers[side].push(bytes, time);
  }

  /** The session has ended: a body without a length ends here. */
  end(time: number): void {
    this.#parsers.debuggee.end(time);
  }
}

class Direction {
  readonly #parser: InstanceType<typeof HTTPParser>;
  #message: HttpMessage | undefined;
  #time = 0;
  #began = 0;
  /** No byte of a message has come. */
  #idle = true;
  #broken = false;

  constructor(
    kind: "REQUEST" | "RESPONSE",
    onMessage: (message: HttpMessage) => void,
    hasNoBody: () => boolean = () => false,
  ) {
    const parser = new HTTPParser(kind);
    this.#parser = parser;
    parser[HTTPParser.kOnHeadersComplete] = (info) => {
      const { versionMajor, versionMinor, headers, method, url, statusCode, statusMessage } = info;
      this.#message = {
        method: kind === "REQUEST" ? (HTTPParser.methods[method] ?? "") : "",
        url: utf8Of(url ?? ""),
        status: statusCode ?? 0,
        reason: statusMessage ?? "",
        version: `HTTP/${versionMajor}.${versionMinor}`,
        headers: pairs(headers),
        body: new Uint8Array(0),
        bodyLength: 0,
        began: this.#began,
        ended: this.#time,
        whole: false,
      };
      const isBodiless = kind === "RESPONSE" && hasNoBody();
      onMessage(this.#message);
      return isBodiless ? 1 : 0;
    };
    parser[HTTPParser.kOnBody] = (chunk, offset, length) => this.#body(chunk.subarray(offset, offset + length));
    parser[HTTPParser.kOnMessageComplete] = () => {
      if (this.#message !== undefined) Object.assign(this.#message, { ended: this.#time, whole: true });
      this.#message = undefined;
      this.#began = this.#time;
      this.#idle = true;
    };
  }

  push(bytes: Uint8Array, time: number): void {
    if (this.#broken) return;
    this.#time = time;
    if (this.#idle) this.#began = time;
    this.#idle = false;
    const result = this.#parser.execute(Buffer.from(bytes));
    this.#broken = typeof result !== "number";
  }

  end(time: number): void {
    if (this.#broken) return;
    this.#time = time;
    this.#parser.finish();
  }

  #body(bytes: Uint8Array): void {
    const message = this.#message;
    if (message === undefined) return;
    message.bodyLength += bytes.length;
    message.ended = this.#time;
    const room = mostBody - message.body.length;
    if (room > 0) message.body = Buffer.concat([message.body, bytes.subarray(0, room)]);
  }
}

/** `wanted` is in lower case. */
export function headerOf({ headers }: HttpMessage, wanted: string): string | undefined {
  return headers.find(([name]) => name.toLowerCase() === wanted)?.[1];
}

function pairs(flat: readonly string[]): (readonly [string, string])[] {
  const found: (readonly [string, string])[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) found.push([utf8Of(flat[i] ?? ""), utf8Of(flat[i + 1] ?? "")]);
  return found;
}

/** A marker of a secret is UTF-8. */
function utf8Of(latin1: string): string {
  try {
    return utf8.decode(Buffer.from(latin1, "latin1"));
  } catch {
    return latin1;
  }
}
