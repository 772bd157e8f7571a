// What `record` prints: a line for what happens, a line for each hit, and at the end a line for each breakpoint.
//
//   20:01:02 cinder-api#2  create (api.py:240)  at cinder/volume/api.py:240  context.request_id=req-1f0…  21 ms
import type { RecordingEvent, RecordingResult } from "../headless/recording.ts";
import { summarizeHit } from "../../protocol/hit-summary.ts";
import { commandLine } from "../../protocol/shell.ts";
import type { BreakpointTally } from "../headless/tally.ts";
import { eventLine } from "./event-line.ts";
import { clean, clip, painter } from "./paint.ts";
import type { Paint } from "./paint.ts";

const valueWidth = 60;

/** None where it says nothing new. */
export function eventText(event: RecordingEvent, color: boolean): string[] {
  const paint = painter(color);
  const now = paint.dim(new Date().toTimeString().slice(0, 8));
  switch (event.type) {
    case "driven":
      return [`${now} ${clean(event.service)} is driven`];
    case "failed":
      return [`${now} ${event.error.format()}`];
    case "ready": {
      const { services, missing, unsettled } = event;
      const parts = [
        `ready: ${services.join(", ") || "none"}`,
        ...(missing.length === 0 ? [] : [`not driven yet: ${missing.join(", ")}`]),
        ...(unsettled.length === 0 ? [] : [`a process has not answered for its breakpoints: ${unsettled.join(", ")}`]),
      ];
      return [`${now} ${parts.join("; ")}`];
    }
    case "trigger": {
      const { argv, exit, signal, at, ended = at } = event.trigger;
      const how = exit === undefined ? (signal ?? "was not started") : `exit ${exit}`;
      return [`${now} ${clip(clean(commandLine(argv)), valueWidth)}: ${how} after ${seconds(ended - at)}`];
    }
    case "hit": {
      const { session, breakpoint, correlated = {}, text, snapshot } = event.hit;
      const { where = "?" } = summarizeHit(event.hit);
      const values = Object.entries(correlated).map(([name, value]) => clip(clean(`${name}=${value}`), valueWidth));
      const said = text === undefined ? [] : [clip(clean(text), valueWidth)];
      const at = breakpoint === undefined ? paint.dim(event.hit.reason) : paint.yellow(`at ${clean(breakpoint)}`);
      const took = paint.dim(`${Math.round(snapshot.took)} ms`);
      return [[`${now} ${clean(session)}`, clean(where), at, ...said, ...values, took].join("  ")];
    }
    default:
      return relayText(event.event);
  }
}

/** Links that break and a recorder that fails; the rest is said in other words. */
function relayText(event: Extract<RecordingEvent, { type: "relay" }>["event"]): string[] {
  const isTold =
    event.type === "error" ||
    (event.type === "host" && event.host.state !== "connecting") ||
    (event.type === "service" && event.service.state === "failed") ||
    (event.type === "trace" && event.state !== "open" && event.state !== "closed");
  const line = isTold ? eventLine(event) : undefined;
  return line === undefined ? [] : [line];
}

export function resultLines({ breakpoints, hits, trace }: RecordingResult, color: boolean): string[] {
  const paint = painter(color);
  const rows = breakpoints.map((each) => row(each));
  const heads = ["breakpoint", "hits", "captured", "stopped", "bound in"];
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map((cells) => cells[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i === 0 || i === 4 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join("  ")
      .trimEnd();
  const why = breakpoints.flatMap(({ spec, unbound }) =>
    Object.entries(unbound).map(([service, reason]) => `  ${clean(spec.text)} in ${service}: ${clean(reason)}`),
  );
  return [
    "",
    paint.dim(line(heads)),
    ...rows.map((cells) => line(cells)),
    ...(why.length === 0 ? [] : ["not bound:", ...why]),
    ...(trace === undefined ? [] : [`${hits} hits in ${trace}`, ...next(trace, paint)]),
  ];
}

function row({ spec, hits, captured, stopped, bound }: BreakpointTally): string[] {
  return [
    clip(clean(spec.text), valueWidth),
    `${hits}`,
    `${captured}`,
    seconds(stopped),
    bound.join(", ") || "nowhere",
  ];
}

function next(trace: string, paint: Paint): string[] {
  return [paint.dim(`debugtap hits ${trace}`)];
}

function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
