// Whether what came over the API is what api.ts says: of a client before it is obeyed, of a debugtap before it is shown.
//
// Rules
// - What a reader walks through is checked; keys that are not known here are let pass, since the other side may be newer.
// - A value that a debuggee gave is text and nothing else is said of it: how it is shown safely is the page's affair.
import type {
  ApiView,
  BreakpointView,
  DiffView,
  Driving,
  HistoryPoint,
  HitDetail,
  HitPage,
  HitRowView,
  HttpView,
  LiveMessage,
  MessagePage,
  Released,
  ReplayAnswer,
  ReplayAsk,
  Resumed,
  TraceInfo,
  TraceSessionView,
} from "./api.ts";
import type { Reason } from "./control.ts";
import { isErrorCode } from "./errors.ts";
import { isObject } from "./json.ts";
import { isTrigger } from "./trigger.ts";

type Test = (value: unknown) => boolean;

const text: Test = (value) => typeof value === "string";
const number: Test = (value) => typeof value === "number" && Number.isFinite(value);
const flag: Test = (value) => typeof value === "boolean";
const any: Test = () => true;

function listOf(test: Test): Test {
  return (value) => Array.isArray(value) && value.every((each) => test(each));
}

function oneOf(...words: readonly string[]): Test {
  return (value) => typeof value === "string" && words.includes(value);
}

/** An object with all of the first, and of the second what is there. */
function shape(needed: Readonly<Record<string, Test>>, also: Readonly<Record<string, Test>> = {}): Test {
  return (value) =>
    isObject(value) &&
    Object.entries(needed).every(([key, test]) => test(value[key])) &&
    Object.entries(also).every(([key, test]) => value[key] === undefined || test(value[key]));
}

const reason = shape(
  { code: (value) => typeof value === "string" && isErrorCode(value), what: text },
  { why: text, fix: text },
);
const counts = shape({ client: number, debuggee: number });
const client = shape({ id: number, name: text, drives: flag });
const host = shape(
  { name: text, target: text, state: text, since: number },
  { rtt: number, retryAt: number, reason: reasonOfAny },
);
const service = shape(
  { name: text, wire: text, host: text, state: text, since: number, ide: text, vm: text, sessions: number },
  { reason: reasonOfAny },
);
const session = shape(
  {
    id: number,
    service: text,
    ordinal: number,
    name: text,
    wire: text,
    debuggee: text,
    client: text,
    state: text,
    since: number,
    mode: text,
    bytes: counts,
    frames: counts,
  },
  {
    process: text,
    clients: listOf(client),
    stopped: shape({ threads: number, since: number }),
    differs: listOf(isObject),
    reason: text,
  },
);
const trigger = shape(
  { name: text, host: text, to: text, listen: text, state: oneOf("listening", "waiting", "failed"), open: number },
  { reason: reasonOfAny },
);
const view = shape(
  {
    pid: number,
    started: number,
    version: text,
    recording: flag,
    hosts: listOf(host),
    services: listOf(service),
    sessions: listOf(session),
    triggers: listOf(trigger),
  },
  { config: text, trace: text, board: text, recorder: shape({ state: text, since: number, missed: isObject }) },
);
const trace = shape({
  id: text,
  dir: text,
  started: number,
  live: flag,
  hits: number,
  sessions: number,
  bytes: number,
});
const row = shape(
  { number, name: text, session: text, service: text, at: number, thread: text, reason: text },
  {
    end: number,
    function: text,
    file: text,
    line: number,
    text,
    breakpoint: text,
    trigger: number,
    request: text,
  },
);
const page = shape({
  rows: listOf(row),
  total: number,
  requests: listOf(shape({ name: text, hits: listOf(number) }, { expression: text })),
  triggers: listOf(isTrigger),
});
/** As deep as it goes: a snapshot has at most 20 levels. */
const variable: Test = (value) => variableShape(value);
const variableShape = shape({ name: text, value: text }, { type: text, children: listOf(variable), cut: isObject });
const frame = shape(
  { name: text },
  {
    path: text,
    line: number,
    column: number,
    source: text,
    noSource: text,
    cut: isObject,
    scopes: listOf(shape({ name: text, variables: listOf(variable) }, { cut: isObject })),
  },
);
const hit = shape(
  {
    number,
    session: text,
    service: text,
    at: number,
    reason: text,
    thread: shape({ id: any }, { name: text }),
    snapshot: shape({ frames: listOf(frame), took: number }, { cut: isObject }),
  },
  { text, process: text, breakpoint: text, trigger: number, correlated: textsByName, uncorrelated: textsByName },
);
const detail = shape({ row, hit }, { previous: number, next: number });
const point = shape({ number, at: number }, { value: text });
const traceSession = shape({
  name: text,
  service: text,
  wire: oneOf("dap", "pydevd", "raw"),
  first: number,
  last: number,
  messages: number,
  hits: number,
});
const message = shape({ ordinal: number, at: number, side: oneOf("client", "debuggee"), size: number, summary: text });
const messages = shape({ messages: listOf(message), total: number }, { next: number });
const http = shape(
  {
    id: number,
    through: text,
    method: text,
    path: text,
    status: number,
    at: number,
    hits: listOf(number),
    again: flag,
  },
  { end: number, request: text },
);
const breakpoint = shape({ spec: text, state: oneOf("bound", "pending", "failed"), hits: number }, { why: text });
const diff = shape({
  equal: flag,
  lines: listOf(shape({ kind: oneOf("head", "same", "removed", "added", "note"), text })),
});
const driving = shape({ driving: listOf(shape({ session: text, client })) });
const event = shape({ at: number, type: text });
const live: Readonly<Record<string, Test>> = {
  view: shape({ view }),
  event: shape({ event }),
  hit: shape({ row }),
  http: shape({ http }),
  missed: shape({ messages: number }),
};

/** A newer debugtap may have codes that are not known here. */
function reasonOfAny(value: unknown): boolean {
  return shape({ code: text, what: text }, { why: text, fix: text })(value);
}

function textsByName(value: unknown): boolean {
  return isObject(value) && Object.values(value).every((each) => text(each));
}

/** The error of an answer. */
export function reasonIn(value: unknown): Reason | undefined {
  const error = isObject(value) ? value["error"] : undefined;
  return isReason(error) ? error : undefined;
}

function isReason(value: unknown): value is Reason {
  return reason(value);
}

// What a debugtap answers

export function isApiView(value: unknown): value is ApiView {
  return view(value);
}

export function isTraceInfo(value: unknown): value is TraceInfo {
  return trace(value);
}

export function isTraceInfos(value: unknown): value is readonly TraceInfo[] {
  return listOf(trace)(value);
}

export function isHitRowView(value: unknown): value is HitRowView {
  return row(value);
}

export function isHitPage(value: unknown): value is HitPage {
  return page(value);
}

export function isHitDetail(value: unknown): value is HitDetail {
  return detail(value);
}

export function isHistory(value: unknown): value is readonly HistoryPoint[] {
  return listOf(point)(value);
}

export function isTraceSessions(value: unknown): value is readonly TraceSessionView[] {
  return listOf(traceSession)(value);
}

export function isMessagePage(value: unknown): value is MessagePage {
  return messages(value);
}

export function isHttpViews(value: unknown): value is readonly HttpView[] {
  return listOf(http)(value);
}

export function isBreakpointViews(value: unknown): value is readonly BreakpointView[] {
  return listOf(breakpoint)(value);
}

export function isDiffView(value: unknown): value is DiffView {
  return diff(value);
}

export function isReplayAnswer(value: unknown): value is ReplayAnswer {
  return shape({ address: text })(value);
}

export function isReleased(value: unknown): value is Released {
  return shape({ released: listOf(text) })(value);
}

export function isResumed(value: unknown): value is Resumed {
  return shape({ resumed: listOf(text) })(value);
}

export function isDriving(value: unknown): value is Driving {
  return driving(value);
}

/** False also for a kind that is not known here: it is to be passed over. */
export function isLiveMessage(value: unknown): value is LiveMessage {
  if (!isObject(value) || typeof value["type"] !== "string" || !Object.hasOwn(live, value["type"])) return false;
  return live[value["type"]]?.(value) === true;
}

// What a client asks

export function isOpenAsk(value: unknown): value is { readonly dir: string } {
  return shape({ dir: text })(value);
}

export function isReplayAsk(value: unknown): value is ReplayAsk {
  return shape({}, { service: text, request: text, from: whole })(value);
}

export function isResumeAsk(value: unknown): value is { readonly thread?: string | number } {
  return shape({}, { thread: (thread) => text(thread) || whole(thread) })(value);
}

export function isDriveAsk(value: unknown): value is { readonly client: string | number } {
  return shape({ client: (who) => text(who) || whole(who) })(value);
}

export function isBreakpointsAsk(value: unknown): value is { readonly specs: readonly string[] } {
  return shape({ specs: listOf(text) })(value);
}

export function isRecordingAsk(value: unknown): value is { readonly on: boolean } {
  return shape({ on: flag })(value);
}

export function isAgainAsk(value: unknown): value is { readonly yes?: boolean } {
  return shape({}, { yes: flag })(value);
}

function whole(value: unknown): boolean {
  return Number.isSafeInteger(value);
}
