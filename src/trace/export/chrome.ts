// A trace as Chrome's Trace Event Format, for Perfetto and chrome://tracing: services as processes, threads as threads, stops as slices,
// requests as flows from one stop to the next.
//
//   M  process_name, thread_name     X  a stop, from its thread's stop until it ran on; a command, an HTTP request     s t f  a request
//
// Rules
// - Times are microseconds since the trace began. A stop without an end is as long as the trace goes on.
// - Ids of processes and threads are counted here: those of the machines may collide.
import { cutText, whereOf } from "../../../protocol/hit-summary.ts";
import { callName } from "../../../protocol/http.ts";
import { commandLine } from "../../../protocol/shell.ts";
import { endOf, type Story, type StoryHit } from "./story.ts";

interface TraceEvent {
  readonly ph: "M" | "X" | "s" | "t" | "f";
  readonly name: string;
  readonly cat?: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly id?: number;
  readonly bp?: "e";
  readonly args?: Record<string, unknown>;
}

const mostValues = 30;
/** One for all: Chrome joins a flow and a slice only where they have the same. */
const cat = "debugtap";
const commands = "commands";
const calls = "requests";

export function toChrome(story: Story): string {
  const { started, hits, requests, triggers } = story;
  const pids = new Map<string, number>();
  const tids = new Map<string, number>();
  const events: TraceEvent[] = [];
  const last = endOf(story);
  const at = (time: number): number => Math.max(0, Math.round((time - started) * 1000));
  const place = (process: string, key: string, thread: string): { readonly pid: number; readonly tid: number } => {
    const pid = pids.get(process) ?? pids.size + 1;
    if (!pids.has(process)) events.push({ ph: "M", name: "process_name", pid, tid: 0, args: { name: process } });
    pids.set(process, pid);
    const tid = tids.get(key) ?? tids.size + 1;
    if (!tids.has(key)) events.push({ ph: "M", name: "thread_name", pid, tid, args: { name: thread } });
    tids.set(key, tid);
    return { pid, tid };
  };
  const placeOf = ({ session, hit }: StoryHit) =>
    place(session.service, `${session.id} ${hit.thread.id}`, `${session.name} ${hit.thread.name ?? hit.thread.id}`);
  const placeOfCommand = (id: number) => place(commands, `command ${id}`, `command ${id}`);
  for (const trigger of triggers) {
    const name = commandLine(trigger.argv);
    const dur = Math.max(1, at(trigger.ended ?? last) - at(trigger.at));
    const args = { exit: trigger.exit ?? null, stdout: trigger.stdout ?? "", stderr: trigger.stderr ?? "" };
    events.push({
      ph: "X",
      name,
      cat,
      ...placeOfCommand(trigger.id),
      ts: at(trigger.at),
      dur,
      args,
    });
  }
  for (const each of hits) {
    const { hit, end = last } = each;
    const [top] = hit.snapshot.frames;
    const dur = Math.max(1, at(end) - at(hit.at));
    const name = top === undefined ? hit.reason : whereOf(top);
    events.push({ ph: "X", name, cat, ...placeOf(each), ts: at(hit.at), dur, args: argsOf(each) });
  }
  for (const [i, request] of requests.entries()) {
    const { trigger, call } = request;
    if (call !== undefined) {
      const { id, at: began, ended = last, answer, ids } = call;
      const dur = Math.max(1, at(ended) - at(began));
      const where = place(calls, `call ${id}`, `request ${id}`);
      const args = { status: answer?.status ?? null, ids };
      events.push({ ph: "X", name: callName(call), cat, ...where, ts: at(began), dur, args });
    }
    const steps = [
      ...(call === undefined ? [] : [{ ...place(calls, `call ${call.id}`, `request ${call.id}`), ts: at(call.at) }]),
      ...(trigger === undefined ? [] : [{ ...placeOfCommand(trigger.id), ts: at(trigger.at) }]),
      ...request.hits.map((each) => ({ ...placeOf(each), ts: at(each.hit.at) })),
    ];
    if (steps.length < 2) continue;
    for (const [step, where] of steps.entries()) {
      const isLast = step === steps.length - 1;
      const ph = step === 0 ? "s" : isLast ? "f" : "t";
      events.push({
        ph,
        name: request.name,
        cat,
        id: i + 1,
        ...where,
        ...(isLast ? { bp: "e" as const } : {}),
      });
    }
  }
  return `${JSON.stringify({ traceEvents: events, displayTimeUnit: "ms", otherData: { by: "debugtap" } })}\n`;
}

function argsOf({ number, session, hit }: StoryHit): Record<string, unknown> {
  const [top] = hit.snapshot.frames;
  const variables = (top?.scopes ?? []).flatMap((scope) => scope.variables);
  return {
    hit: number,
    session: session.name,
    reason: hit.reason,
    ...(hit.breakpoint === undefined ? {} : { breakpoint: hit.breakpoint }),
    ...(hit.text === undefined ? {} : { text: hit.text }),
    ...hit.correlated,
    stack: hit.snapshot.frames.map((frame) => whereOf(frame, true)),
    values: Object.fromEntries(variables.slice(0, mostValues).map(({ name, value }) => [name, value])),
    ...(hit.snapshot.cut === undefined ? {} : { cut: cutText(hit.snapshot.cut, hit.snapshot.frames.length) }),
  };
}
