// An event of the relay as plain text, for `up` where there is no terminal: one line, and a reason's `why` and `fix` below it.
//
// Rules
// - What a person waits for or must act on is told; steps that pass by themselves (a service starting, a dial) are not.
// - What a session's own state says is not told again by its notes.
import type {
  HitSummary,
  HostView,
  HttpView,
  Reason,
  RelayEvent,
  ServiceView,
  SessionView,
  TriggerView,
} from "../../protocol/control.ts";
import { clean, missedText, size } from "./paint.ts";

type TraceEvent = Extract<RelayEvent, { type: "trace" }>;

/** The text of an event, or undefined where it says nothing new. Local time of day first. */
export function eventLine(event: RelayEvent): string | undefined {
  const text = describe(event);
  if (text === undefined) return undefined;
  const time = new Date(event.at).toTimeString().slice(0, 8);
  return `${time} ${text}`;
}

function describe(event: RelayEvent): string | undefined {
  switch (event.type) {
    case "host":
      return hostText(event.host);
    case "service":
      return serviceText(event.service);
    case "session":
      return sessionText(event.session);
    case "note":
      return event.kind === "held" || event.kind === "attached" || event.kind === "released"
        ? undefined
        : `${clean(event.session)} ${clean(event.kind)}: ${clean(event.detail)}`;
    case "hit":
      return `${clean(event.session)} ${hitText(event.hit)}`;
    case "trigger":
      return triggerText(event.trigger);
    case "http":
      return httpText(event.http);
    case "trace":
      return `trace ${traceText(event)}${reasonText(event.reason)}`;
    case "board":
      return `board ${clean(event.url)} (\`debugtap open\` prints it with its token)${takenText(event.taken)}`;
    default:
      return reasonText(event.error).slice(2);
  }
}

function takenText(port: number | undefined): string {
  return port === undefined ? "" : `: port ${port} is another debugtap's`;
}

function hostText({ name, target, state, rtt, retryAt, reason }: HostView): string | undefined {
  if (state === "local") return undefined;
  const slow = state === "degraded" && rtt !== undefined ? `, ${Math.round(rtt)} ms a round trip` : "";
  const again = state === "down" ? (retryAt === undefined ? ", until something changes" : ", tried again") : "";
  return `host ${clean(name)} ${state}${slow}${again} (${clean(target)})${reasonText(reason)}`;
}

function serviceText(service: ServiceView): string | undefined {
  const name = `service ${clean(service.name)}`;
  const host = clean(service.host);
  switch (service.state) {
    case "starting":
      return undefined;
    case "listening": {
      const [there, here] = {
        pydevd: ["dials", "listens on"],
        dap: ["listens on", "attaches to"],
        raw: ["is at", "is at"],
      }[service.wire];
      return `${name} ready: it ${there} ${clean(service.vm)} on ${host}, your IDE ${here} ${clean(service.ide)}`;
    }
    default:
      return `${name} ${service.state}${reasonText(service.reason)}`;
  }
}

function triggerText({ name, host, to, listen, state, reason }: TriggerView): string {
  const what = `trigger ${clean(name)}`;
  if (state === "listening") return `${what} ready: http://${clean(listen)} is ${clean(to)} on ${clean(host)}`;
  return `${what} ${state}${reasonText(reason)}`;
}

/** Once it has ended: that it began says nothing that its end does not. */
function httpText({ method, path, through, status, at, end, hits }: HttpView): string | undefined {
  if (end === undefined) return undefined;
  const answer = status === 0 ? "no answer" : `${status}`;
  const count = hits.length === 0 ? "" : `, ${hits.length} hit${hits.length === 1 ? "" : "s"}`;
  return `${clean(method)} ${clean(path)} (${clean(through)}) ${answer} after ${((end - at) / 1000).toFixed(1)} s${count}`;
}

function sessionText(session: SessionView): string | undefined {
  const name = `session ${clean(session.name)}`;
  const why = session.reason === undefined ? "" : `: ${clean(session.reason)}`;
  switch (session.state) {
    case "waiting":
    case "attaching":
      return undefined;
    case "open":
      return `${name} ${session.stopped === undefined ? "open" : "stopped"}: ${clean(session.process ?? session.debuggee)} with ${clean(session.client)}`;
    case "held":
      return `${name} held${session.process === undefined ? "" : ` (${clean(session.process)})`}${why}`;
    case "closed":
      return `${name} closed (ide ${size(session.bytes.client)}, vm ${size(session.bytes.debuggee)})${why}`;
    default:
      return `${name} ${session.state}${why}`;
  }
}

function traceText({ state, dir, missed, by, traces = 0, bytes = 0 }: TraceEvent): string {
  const what = `${state} ${clean(dir)}`;
  switch (state) {
    case "caught-up":
    case "closed":
      return missed === undefined ? what : `${what}: ${missedText(missed)} not recorded`;
    case "dropped":
      return `${what}: its oldest part goes from now on, by record.${by}`;
    case "removed":
      return `${what}: ${traces} old trace${traces === 1 ? "" : "s"}, ${size(bytes)} freed, by record.max_age`;
    default:
      return what;
  }
}

function hitText({ reason, where, thread, frames, took, cut }: HitSummary): string {
  const place = where === undefined ? "" : ` at ${clean(where)}`;
  const count = `${frames} frame${frames === 1 ? "" : "s"}`;
  const short = cut === undefined ? "" : `, cut by ${cut}`;
  return `stopped: ${clean(reason)}${place}, ${clean(thread)}; ${count} captured in ${Math.round(took)} ms${short}`;
}

function reasonText(reason: Reason | undefined): string {
  if (reason === undefined) return "";
  const why = reason.why === undefined ? "" : `\n  why: ${clean(reason.why)}`;
  const fix = reason.fix === undefined ? "" : `\n  fix: ${clean(reason.fix)}`;
  return `: ${reason.code}: ${clean(reason.what)}${why}${fix}`;
}
