// A trace as OpenTelemetry spans: OTLP's JSON (an ExportTraceServiceRequest), which collectors and Jaeger take.
//
//   a request or command  a span of its own trace, from its first stop (or the command's start) to its last end
//   a stop                a child span `debugger.paused` of its service
//
// Rules
// - The cause of a span is its HTTP request, else its command.
// - Ids are hashes of what they name: the same trace gives the same spans. A request id that is a W3C traceparent, or 32 hex digits, is the
//   trace's id, so that the spans join those of the service itself. A command is a trace of its own each time it ran.
// - Times are nanoseconds as text; ids are hex; enums are numbers: as OTLP's JSON wants them.
// - A stop that has no end ends with the last thing known.
import { createHash } from "node:crypto";
import { whereOf } from "../../../protocol/hit-summary.ts";
import { callName } from "../../../protocol/http.ts";
import { commandLine } from "../../../protocol/shell.ts";
import { endOf, type Story, type StoryHit, type StoryRequest } from "./story.ts";

const internal = 1;
const server = 2;
const unset = 0;
const failed = 2;

interface Value {
  readonly stringValue?: string;
  readonly intValue?: string;
}
interface Attribute {
  readonly key: string;
  readonly value: Value;
}
interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly status: { readonly code: number };
}

export function toOtlp(story: Story, version: string): string {
  const { requests, others, started } = story;
  const last = endOf(story);
  const byService = new Map<string, Span[]>();
  const add = (service: string, span: Span): void => {
    const spans = byService.get(service);
    if (spans === undefined) byService.set(service, [span]);
    else spans.push(span);
  };
  for (const request of requests) {
    const { expression, name, trigger, call } = request;
    const own = call === undefined ? `command ${trigger?.id}` : `call ${call.id}`;
    const traceId = traceIdOf(expression === undefined ? (call?.ids[0] ?? `${started} ${own}`) : name);
    const root = rootSpan(request, traceId, last);
    add("debugtap", root);
    for (const each of request.hits) add(each.session.service, stopSpan(each, traceId, root.spanId, last));
  }
  for (const each of others)
    add(each.session.service, stopSpan(each, traceIdOf(`${started} ${each.number}`), undefined, last));
  const scope = { name: "debugtap", version };
  const resourceSpans = Array.from(byService, ([service, spans]) => ({
    resource: { attributes: [text("service.name", service)] },
    scopeSpans: [{ scope, spans }],
  }));
  return `${JSON.stringify({ resourceSpans })}\n`;
}

function rootSpan({ name, expression, trigger, call, hits }: StoryRequest, traceId: string, last: number): Span {
  const cause = call ?? trigger;
  let [start, end] = cause === undefined ? [Infinity, 0] : [cause.at, cause.ended ?? last];
  for (const each of hits) {
    start = Math.min(start, each.hit.at);
    end = Math.max(end, each.hit.at, each.end ?? last);
  }
  const attributes = [
    text("debugtap.request", name),
    ...(expression === undefined ? [] : [text("debugtap.request.expression", expression)]),
    ...(trigger === undefined ? [] : [text("process.command_line", commandLine(trigger.argv))]),
    ...(trigger?.exit === undefined ? [] : [whole("process.exit.code", trigger.exit)]),
    ...(call === undefined ? [] : [text("http.request.method", call.method), text("url.path", call.url)]),
    ...(call?.answer === undefined ? [] : [whole("http.response.status_code", call.answer.status)]),
  ];
  return {
    traceId,
    spanId: spanIdOf(`root ${name} ${trigger?.id ?? ""}${call === undefined ? "" : ` call ${call.id}`}`),
    name: call !== undefined ? callName(call) : trigger === undefined ? `request ${name}` : commandLine(trigger.argv),
    kind: server,
    startTimeUnixNano: nanoseconds(start),
    endTimeUnixNano: nanoseconds(end),
    attributes,
    status: { code: trigger?.exit === undefined || trigger.exit === 0 ? unset : failed },
  };
}

function stopSpan(
  { number, session, hit, end }: StoryHit,
  traceId: string,
  parent: string | undefined,
  last: number,
): Span {
  const [top] = hit.snapshot.frames;
  return {
    traceId,
    spanId: spanIdOf(`${session.name} ${hit.number} ${hit.at}`),
    ...(parent === undefined ? {} : { parentSpanId: parent }),
    name: "debugger.paused",
    kind: internal,
    startTimeUnixNano: nanoseconds(hit.at),
    endTimeUnixNano: nanoseconds(Math.max(hit.at, end ?? last)),
    attributes: [
      whole("debugtap.hit", number),
      text("debugtap.session", session.name),
      text("debugtap.reason", hit.reason),
      text("thread.name", String(hit.thread.name ?? hit.thread.id)),
      ...(hit.breakpoint === undefined ? [] : [text("debugtap.breakpoint", hit.breakpoint)]),
      ...(top === undefined ? [] : [text("code.function.name", top.name), text("debugtap.where", whereOf(top))]),
      ...(top?.path === undefined ? [] : [text("code.file.path", top.path)]),
      ...(top?.line === undefined ? [] : [whole("code.line.number", top.line)]),
    ],
    status: { code: unset },
  };
}

function traceIdOf(name: string): string {
  const known = /^(?:[0-9a-f]{2}-)?([0-9a-f]{32})(?:-[0-9a-f]{16}-[0-9a-f]{2})?$/.exec(name)?.[1];
  return known !== undefined && /[1-9a-f]/.test(known) ? known : hash(name, 32);
}

function spanIdOf(name: string): string {
  return hash(name, 16);
}

function hash(name: string, digits: number): string {
  return createHash("sha256").update(name).digest("hex").slice(0, digits);
}

function nanoseconds(milliseconds: number): string {
  return (BigInt(Math.round(milliseconds * 1000)) * 1000n).toString();
}

function text(key: string, stringValue: string): Attribute {
  return { key, value: { stringValue } };
}

function whole(key: string, value: number): Attribute {
  return { key, value: { intValue: String(value) } };
}
