// Whether what came is what protocol/api.ts says: a page may be older than its debugtap.
import type {
  ApiView,
  BreakpointView,
  DiffView,
  HistoryPoint,
  HitDetail,
  HitPage,
  HitRowView,
  HttpView,
  LiveMessage,
  MessagePage,
  TraceInfo,
  TraceSessionView,
} from "../../protocol/api.ts";
import { isObject } from "../../protocol/json.ts";

type Is = (value: unknown) => boolean;

const text: Is = (value) => typeof value === "string";
const number: Is = (value) => typeof value === "number";
const truth: Is = (value) => typeof value === "boolean";
const any: Is = () => true;
const maybe =
  (is: Is): Is =>
  (value) =>
    value === undefined || is(value);
const list =
  (is: Is): Is =>
  (value) =>
    Array.isArray(value) && value.every(is);
const shape = (keys: Readonly<Record<string, Is>>): Is => {
  const entries = Object.entries(keys);
  return (value) => isObject(value) && entries.every(([key, is]) => is(value[key]));
};

const reason = shape({ code: text, what: text, why: maybe(text), fix: maybe(text) });
const client = shape({ id: number, name: text, drives: truth });
const session = shape({
  name: text,
  service: text,
  state: text,
  since: number,
  bytes: shape({ client: number, debuggee: number }),
  process: maybe(text),
  reason: maybe(text),
  clients: maybe(list(client)),
  stopped: maybe(shape({ threads: number, since: number })),
  differs: maybe(list(shape({ local: text, remote: text, changedLines: number }))),
});
const view = shape({
  version: text,
  started: number,
  pid: number,
  recording: truth,
  trace: maybe(text),
  recorder: maybe(
    shape({ state: text, missed: shape({ chunks: number, bytes: number, hits: number }), reason: maybe(reason) }),
  ),
  hosts: list(shape({ name: text, target: text, state: text, since: number, reason: maybe(reason) })),
  services: list(
    shape({
      name: text,
      host: text,
      wire: text,
      state: text,
      ide: text,
      vm: text,
      sessions: number,
      reason: maybe(reason),
    }),
  ),
  sessions: list(session),
  triggers: list(
    shape({ name: text, host: text, to: text, listen: text, state: text, open: number, reason: maybe(reason) }),
  ),
});
const row = shape({
  number,
  name: text,
  session: text,
  service: text,
  at: number,
  end: maybe(number),
  thread: text,
  reason: text,
  function: maybe(text),
  file: maybe(text),
  line: maybe(number),
  text: maybe(text),
  breakpoint: maybe(text),
  trigger: maybe(number),
  request: maybe(text),
});
const http = shape({
  id: number,
  through: text,
  method: text,
  path: text,
  status: number,
  at: number,
  end: maybe(number),
  request: maybe(text),
  hits: list(number),
  again: truth,
});
const trigger = shape({ id: number, at: number, argv: list(text) });
const cut = maybe(shape({ by: text, of: maybe(number) }));
/** Deep values are walked by a loop of its own: their depth is the debuggee's. */
const variable = shape({ name: text, value: text, type: maybe(text), children: maybe(Array.isArray), cut });
const scope = shape({ name: text, variables: list(variable), cut });
const frame = shape({
  name: text,
  path: maybe(text),
  line: maybe(number),
  source: maybe(text),
  scopes: maybe(list(scope)),
  cut,
});
const trace = shape({
  id: text,
  dir: text,
  started: number,
  live: truth,
  hits: number,
  sessions: number,
  bytes: number,
});
const message = shape({ ordinal: number, at: number, side: text, size: number, summary: text, detail: any });
const event = shape({ at: number, type: text });
const events: Readonly<Record<string, Is>> = {
  host: shape({ host: shape({ name: text, state: text }) }),
  service: shape({ service: shape({ name: text, state: text }) }),
  session: shape({ session: shape({ name: text, state: text }) }),
  note: shape({ session: text, kind: text, detail: text }),
  hit: shape({ session: text, hit: shape({ number, reason: text, thread: text, where: maybe(text) }) }),
  trace: shape({ state: text, dir: text }),
  error: shape({ error: reason }),
};
const live: Readonly<Record<string, Is>> = {
  view: shape({ view }),
  event: (value) => isObject(value) && event(value["event"]) && isObject(value["event"]) && eventOf(value["event"]),
  hit: shape({ row }),
  http: shape({ http }),
  missed: shape({ messages: number }),
};

function eventOf(value: Readonly<Record<string, unknown>>): boolean {
  const is = events[String(value["type"])];
  return is !== undefined && is(value);
}

export const isApiView = (value: unknown): value is ApiView => view(value);
export const isTraceList = (value: unknown): value is TraceInfo[] => list(trace)(value);
export const isTrace = (value: unknown): value is TraceInfo => trace(value);
export const isHitPage = (value: unknown): value is HitPage =>
  shape({
    rows: list(row),
    total: number,
    requests: list(shape({ name: text, hits: list(number) })),
    triggers: list(trigger),
  })(value);
export const isHistory = (value: unknown): value is HistoryPoint[] =>
  list(shape({ number, at: number, value: maybe(text) }))(value);
export const isSessions = (value: unknown): value is TraceSessionView[] =>
  list(shape({ name: text, service: text, wire: text, first: number, last: number, messages: number, hits: number }))(
    value,
  );
export const isMessagePage = (value: unknown): value is MessagePage =>
  shape({ messages: list(message), total: number, next: maybe(number) })(value);
export const isHttpList = (value: unknown): value is HttpView[] => list(http)(value);
export const isHttpRow = (value: unknown): value is HttpView => http(value);
export const isHitRow = (value: unknown): value is HitRowView => row(value);
export const isDiff = (value: unknown): value is DiffView =>
  shape({ equal: truth, lines: list(shape({ kind: text, text })) })(value);
export const isBreakpoints = (value: unknown): value is BreakpointView[] =>
  list(shape({ spec: text, state: text, hits: number }))(value);
export const isAddress = (value: unknown): value is { readonly address: string } => shape({ address: text })(value);

export function isHitDetail(value: unknown): value is HitDetail {
  const is = shape({
    row,
    previous: maybe(number),
    next: maybe(number),
    hit: shape({
      at: number,
      reason: text,
      text: maybe(text),
      snapshot: shape({ frames: list(frame), took: number, cut }),
    }),
  });
  if (!is(value)) return false;
  // oxlint-disable-next-line no-unsafe-type-assertion -- its outer shape was just looked at
  const rest = (value as HitDetail).hit.snapshot.frames.flatMap(({ scopes = [] }) =>
    scopes.flatMap(({ variables }) => variables),
  );
  for (let at = rest.pop(); at !== undefined; at = rest.pop()) {
    for (const child of at.children ?? []) {
      if (!variable(child)) return false;
      rest.push(child);
    }
  }
  return true;
}

/** One that this page does not know is none. */
export function isLiveMessage(value: unknown): value is LiveMessage {
  return isObject(value) && typeof value["type"] === "string" && (live[value["type"]]?.(value) ?? false);
}
