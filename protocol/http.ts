// A call: one HTTP request that went through a trigger, with its answer, as it stands in a trace.
//
// Rules
// - Bodies are texts, so that what masks secrets reads them: UTF-8, else each byte as a character (`latin1`); gzip and its like are undone.
// - A call is said when it begins and when it has ended; the later one holds, and says all of it.
import { isObject } from "./json.ts";
import type { HttpView } from "./control.ts";

export interface HttpHeader {
  readonly name: string;
  readonly value: string;
}

export interface HttpBody {
  /** Bytes of it that went over the wire. */
  readonly length: number;
  /** Absent where nothing is kept, or it was not asked for. */
  readonly text?: string;
  /** Each character of `text` is a byte; absent: UTF-8. */
  readonly encoding?: "latin1";
  /** `gzip`: `text` is what that says. */
  readonly decoded?: string;
  /** `text` is its beginning. */
  readonly cut?: true;
  /** Why nothing is kept. */
  readonly why?: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly reason: string;
  /** `HTTP/1.1` */
  readonly version: string;
  readonly headers: readonly HttpHeader[];
  readonly body?: HttpBody;
}

export interface HttpCall {
  /** Counts the calls of a trace, from 1. */
  readonly id: number;
  /** Name of the trigger. */
  readonly through: string;
  readonly method: string;
  /** As it stands in the request: `/v3/volumes?limit=2`. */
  readonly url: string;
  readonly version: string;
  readonly headers: readonly HttpHeader[];
  readonly body?: HttpBody;
  readonly answer?: HttpAnswer;
  /** Epoch milliseconds: its head was here; all of it was sent on; the answer's head came; it was over. */
  readonly at: number;
  readonly sent?: number;
  readonly answered?: number;
  readonly ended?: number;
  /** Who left before the answer was whole. */
  readonly aborted?: "client" | "service" | "relay";
  /** Code of the error that debugtap answered with in place of the service. */
  readonly failed?: string;
  /** Values of its request-id headers, the answer's first. */
  readonly ids: readonly string[];
}

/** Which headers say which request it is, where nothing else is configured. */
export const defaultRequestIdHeaders: readonly string[] = ["X-OpenStack-Request-Id", "X-Request-Id", "traceparent"];

/** Shorter ones are equal by chance. */
const shortestId = 8;

/** Request ids among headers, in the order of `names`; of a `traceparent` the trace's id. */
export function requestIds(headers: readonly HttpHeader[], names: readonly string[]): string[] {
  return names.flatMap((wanted) => {
    const name = wanted.toLowerCase();
    return headers
      .filter((header) => header.name.toLowerCase() === name)
      .map(({ value }) => (name === "traceparent" ? (/^\w\w-(\w{32})-/.exec(value)?.[1] ?? "") : value.trim()))
      .filter((id) => id.length >= shortestId);
  });
}

/** `POST /v3/volumes (cinder)` */
export function callName({ method, url, through }: Pick<HttpCall, "method" | "url" | "through">): string {
  return `${method} ${/^[^?#]*/.exec(url)?.[0] ?? ""} (${through})`;
}

/** `hits`: numbers of those that it caused. */
export function httpView(call: HttpCall, hits: readonly number[]): HttpView {
  const { id, through, method, url, answer, at, ended, ids, body } = call;
  return {
    id,
    through,
    method,
    path: url,
    status: answer?.status ?? 0,
    at,
    ...(ended === undefined ? {} : { end: ended }),
    ...(ids[0] === undefined ? {} : { request: ids[0] }),
    hits,
    again: ended !== undefined && answer?.status !== 101 && isWhole(body),
  };
}

/** Whether all of a body is kept, or there is none. */
export function isWhole(body: HttpBody | undefined): boolean {
  return body?.cut !== true && body?.why === undefined;
}

export function isHttpCall(value: unknown): value is HttpCall {
  return (
    isObject(value) &&
    ["id", "at"].every((key) => typeof value[key] === "number") &&
    ["through", "method", "url", "version"].every((key) => typeof value[key] === "string") &&
    ["sent", "answered", "ended"].every((key) => value[key] === undefined || typeof value[key] === "number") &&
    ["aborted", "failed"].every((key) => value[key] === undefined || typeof value[key] === "string") &&
    isHeaders(value["headers"]) &&
    isBody(value["body"]) &&
    isAnswer(value["answer"]) &&
    Array.isArray(value["ids"]) &&
    value["ids"].every((id) => typeof id === "string")
  );
}

function isAnswer(value: unknown): boolean {
  return (
    value === undefined ||
    (isObject(value) &&
      typeof value["status"] === "number" &&
      ["reason", "version"].every((key) => typeof value[key] === "string") &&
      isHeaders(value["headers"]) &&
      isBody(value["body"]))
  );
}

function isHeaders(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every(
      (each: unknown) => isObject(each) && typeof each["name"] === "string" && typeof each["value"] === "string",
    )
  );
}

function isBody(value: unknown): boolean {
  return (
    value === undefined ||
    (isObject(value) &&
      typeof value["length"] === "number" &&
      ["text", "decoded", "why"].every((key) => value[key] === undefined || typeof value[key] === "string") &&
      (value["encoding"] === undefined || value["encoding"] === "latin1"))
  );
}
