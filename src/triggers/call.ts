// One request on its way through a trigger, and what is recorded of it: watched from the side, while all of it streams past.
import type { IncomingMessage } from "node:http";
import { requestIds } from "../../protocol/http.ts";
import type { HttpAnswer, HttpBody, HttpCall, HttpHeader } from "../../protocol/http.ts";
import { BodyCopy } from "./body.ts";
import type { Failure } from "./failure.ts";

export interface CallOptions {
  readonly id: number;
  readonly through: string;
  /** Bytes kept of each body. */
  readonly limit: number;
  /** Headers that say which request it is. */
  readonly requestIds: readonly string[];
  /** When it begins, and when it has ended. */
  readonly said: (call: HttpCall) => void;
}

type Answered = Omit<HttpAnswer, "body">;

export class Call {
  readonly id: number;
  readonly #options: CallOptions;
  readonly #request: Pick<HttpCall, "method" | "url" | "version" | "headers">;
  readonly #bodies: { readonly request: BodyCopy; readonly answer: BodyCopy };
  readonly #at = Date.now();
  #sent: number | undefined;
  #answered: number | undefined;
  #answer: Answered | undefined;
  #failed: string | undefined;
  #left: "client" | "service" = "client";
  #over = false;

  constructor(request: IncomingMessage, options: CallOptions) {
    this.id = options.id;
    this.#options = options;
    this.#bodies = { request: new BodyCopy(options.limit), answer: new BodyCopy(options.limit) };
    this.#request = {
      method: request.method ?? "",
      url: request.url ?? "",
      version: `HTTP/${request.httpVersion}`,
      headers: headersOf(request),
    };
    options.said(this.#facts());
  }

  /** Whether the head of an answer was there. */
  get isAnswered(): boolean {
    return this.#answer !== undefined;
  }

  requestChunk(chunk: Uint8Array): void {
    this.#bodies.request.add(chunk);
  }

  /** All of the request is on its way. */
  sent(): void {
    this.#sent ??= Date.now();
  }

  answered(answer: IncomingMessage): void {
    this.#answered = Date.now();
    this.#answer = {
      status: answer.statusCode ?? 0,
      reason: answer.statusMessage ?? "",
      version: `HTTP/${answer.httpVersion}`,
      headers: headersOf(answer),
    };
  }

  answerChunk(chunk: Uint8Array): void {
    this.#bodies.answer.add(chunk);
  }

  /** debugtap answers in place of the service. */
  failed({ status, reason, body, error }: Failure): void {
    this.#failed = error.code;
    this.#answered = Date.now();
    this.#answer = { status, reason, version: "HTTP/1.1", headers: [] };
    this.#bodies.answer.add(Buffer.from(body));
  }

  /** The service has left in the middle of its answer. */
  lost(): void {
    this.#left = "service";
  }

  /** Who left, where somebody did. */
  get left(): "client" | "service" {
    return this.#left;
  }

  /** Resolves when all of it is recorded. Safe to call twice. */
  async end(aborted?: HttpCall["aborted"]): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    const ended = Date.now();
    const [request, answer] = await Promise.all([
      this.#bodies.request.record(codingOf(this.#request.headers)),
      this.#bodies.answer.record(codingOf(this.#answer?.headers ?? [])),
    ]);
    this.#options.said({
      ...this.#facts(request, answer),
      ended,
      ...(aborted === undefined ? {} : { aborted }),
    });
  }

  #facts(request?: HttpBody, answer?: HttpBody): HttpCall {
    const { id, through, requestIds: names } = this.#options;
    const said = this.#answer;
    const ids = [...requestIds(said?.headers ?? [], names), ...requestIds(this.#request.headers, names)];
    return {
      id,
      through,
      ...this.#request,
      ...(request === undefined ? {} : { body: request }),
      ...(said === undefined ? {} : { answer: { ...said, ...(answer === undefined ? {} : { body: answer }) } }),
      at: this.#at,
      ...(this.#sent === undefined ? {} : { sent: this.#sent }),
      ...(this.#answered === undefined ? {} : { answered: this.#answered }),
      ...(this.#failed === undefined ? {} : { failed: this.#failed }),
      ids: [...new Set(ids)],
    };
  }
}

function headersOf({ rawHeaders }: IncomingMessage): HttpHeader[] {
  const found: HttpHeader[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    found.push({ name: rawHeaders[i] ?? "", value: rawHeaders[i + 1] ?? "" });
  return found;
}

function codingOf(headers: readonly HttpHeader[]): string {
  return headers.find(({ name }) => name.toLowerCase() === "content-encoding")?.value ?? "";
}
