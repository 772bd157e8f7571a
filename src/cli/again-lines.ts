// What `again` prints: what it sends, and which hits come again.
//
//   2 of 3 hits recur
//   differs  1  cinder-api#1        create (api.py:22)               at api.py:22
//            size: 10 → 11
//   missing  2  cinder-scheduler#1  create_volume (scheduler.py:40)  at scheduler.py:40
//   extra    4  cinder-api#1        create (api.py:22)               at api.py:22
import { whereOf } from "../../protocol/hit-summary.ts";
import { commandLine } from "../../protocol/shell.ts";
import type { AgainResult } from "../again/again.ts";
import type { DifferingHit } from "../again/differences.ts";
import { textOf } from "../again/http-request.ts";
import type { AgainPlan, Sent } from "../again/plan.ts";
import type { StoryHit } from "../trace/export/index.ts";
import { excerpts } from "./diff-lines.ts";
import { clean, clip } from "./paint.ts";

const longestBody = 2000;
/** Of each kind; the rest is counted. */
const mostHits = 50;
const mostDiffering = 20;
const mostValues = 5;

export function sentLines({ sent, specs, services, hits, others }: AgainPlan): string[] {
  return [
    ...whatLines(sent),
    `breakpoints in ${services.map((name) => clean(name)).join(", ")}:`,
    ...specs.map(({ text }) => `  ${clean(text)}`),
    `${hits.length} recorded ${hits.length === 1 ? "hit is" : "hits are"} looked for` +
      (others === 0 ? "" : `; ${others} at no breakpoint (steps, exceptions) ${others === 1 ? "is" : "are"} not`),
  ];
}

function whatLines(sent: Sent): string[] {
  if (sent.kind === "command") return [`$ ${clean(commandLine(sent.argv))}`];
  const { method, url, headers, body } = sent.request;
  const text = textOf(body) ?? `(${body.length} bytes)`;
  return [
    `${clean(method)} ${clean(url)}  to ${clean(sent.trigger ?? sent.service ?? "")}`,
    ...headers.map(([name, value]) => `  ${clean(name)}: ${clean(value)}`),
    ...(body.length === 0
      ? []
      : clip(text, longestBody)
          .split("\n")
          .map((line) => `  ${clean(line)}`)),
  ];
}

export function sentJson({ sent, specs, services, hits, others, safe, secrets }: AgainPlan): Record<string, unknown> {
  return {
    type: "plan",
    ...(sent.kind === "command"
      ? { command: sent.argv }
      : {
          ...(sent.trigger === undefined ? { service: sent.service } : { trigger: sent.trigger }),
          request: { ...sent.request, body: textOf(sent.request.body) },
        }),
    safe,
    secrets: secrets.map(({ variable }) => variable),
    breakpoints: specs.map(({ text }) => text),
    services,
    hits: hits.map(({ number }) => number),
    others,
  };
}

export function againLines({ recurring, missing, extra, differing, trace }: AgainResult): string[] {
  const count = recurring.length + missing.length;
  return [
    `${recurring.length} of ${count} ${count === 1 ? "hit recurs" : "hits recur"}`,
    ...differing.slice(0, mostDiffering).flatMap((each) => differenceLines(each)),
    ...(differing.length > mostDiffering ? [`differs  ${differing.length - mostDiffering} more`] : []),
    ...hitLines("missing", missing),
    ...hitLines("extra", extra),
    ...(trace === undefined ? [] : [`debugtap hits ${trace}`]),
  ];
}

export function againJson({ recurring, missing, extra, differing, trace }: AgainResult): Record<string, unknown> {
  return {
    type: "result",
    recorded: recurring.length + missing.length,
    recurring: recurring.map(([recorded, now]) => [recorded.number, now.number]),
    differing: differing.map(({ recorded, now, values }) => ({
      hits: [recorded.number, now.number],
      values: values.map(({ path, a, b }) => ({ path, recorded: a, now: b })),
    })),
    missing: missing.map((hit) => hitJson(hit)),
    extra: extra.map((hit) => hitJson(hit)),
    ...(trace === undefined ? {} : { trace }),
  };
}

function differenceLines({ recorded, values }: DifferingHit): string[] {
  return [
    ...hitLines("differs", [recorded]),
    ...values.slice(0, mostValues).map(({ path, a = "nothing", b = "nothing" }) => {
      const [then, now] = excerpts(a, b);
      return `         ${clean(path)}: ${then} → ${now}`;
    }),
    ...(values.length > mostValues ? [`         … ${values.length - mostValues} more values`] : []),
  ];
}

function hitLines(word: string, hits: readonly StoryHit[]): string[] {
  const rows = hits.slice(0, mostHits).map((hit) => [word, String(hit.number), hit.session.name, where(hit), at(hit)]);
  const widths = [0, 1, 2, 3].map((column) => rows.reduce((most, row) => Math.max(most, row[column]?.length ?? 0), 0));
  return [
    ...rows.map((row) =>
      clean(
        row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join("  ")
          .trimEnd(),
      ),
    ),
    ...(hits.length > mostHits ? [`${word}  ${hits.length - mostHits} more`] : []),
  ];
}

function hitJson(hit: StoryHit): Record<string, unknown> {
  const { number, session } = hit;
  const { breakpoint, snapshot } = hit.hit;
  const [top] = snapshot.frames;
  return {
    number,
    session: session.name,
    service: session.service,
    ...(top === undefined ? {} : { function: top.name, file: top.path, line: top.line }),
    ...(breakpoint === undefined ? {} : { breakpoint }),
  };
}

function where({ hit }: StoryHit): string {
  const [top] = hit.snapshot.frames;
  return top === undefined ? "?" : whereOf(top);
}

function at({ hit }: StoryHit): string {
  return hit.breakpoint === undefined ? "" : `at ${hit.breakpoint}`;
}
