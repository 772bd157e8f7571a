// A trace as a report in Markdown: the story of each request over the services, with source, stack and values at each hit.
//
// Rules
// - Nothing that a program said is Markdown: code stands in fences longer than any run of backticks in it, the rest is escaped.
// - Of each hit the frame that the thread stopped in has its source and values; the stack is a list.
// - What is cut is said, as in `show`.
import { cutText, whereOf } from "../../../protocol/hit-summary.ts";
import type { SnapshotFrame, SnapshotScope, SnapshotVariable } from "../../../protocol/hit.ts";
import { commandLine } from "../../../protocol/shell.ts";
import { callName, type HttpCall } from "../../../protocol/http.ts";
import type { Trigger } from "../../../protocol/trigger.ts";
import type { Trace } from "../reader.ts";
import type { Story, StoryHit, StoryRequest } from "./story.ts";

const around = 3;
const mostFrames = 10;
const mostValues = 40;
const valueWidth = 300;
const outputLength = 4000;

export function* toMarkdown(story: Story, trace: Trace): Generator<string> {
  const { hits, requests, others } = story;
  const services = [...new Set(hits.map(({ session }) => session.service))];
  yield `# ${count(hits.length, "breakpoint hit")} in ${count(services.length, "service")}\n\n`;
  yield list([
    `recorded ${new Date(story.started).toISOString()} by debugtap ${escaped(trace.manifest?.version ?? "?")}`,
    `services: ${services.map((service) => escaped(service)).join(", ") || "none"}`,
    `trace: ${code(trace.dir)} — ${code(`debugtap hits ${trace.dir}`)}`,
  ]);
  for (const request of requests) yield* requestText(request, story, trace);
  if (others.length === 0) return;
  yield "\n## Hits of no request\n";
  for (const hit of others) yield* hitText(hit, story, trace);
}

function* requestText(request: StoryRequest, story: Story, trace: Trace): Generator<string> {
  const { expression, name, trigger, call, hits } = request;
  yield `\n## ${expression === undefined && call === undefined ? "Command" : "Request"} ${code(name)}\n\n`;
  if (expression !== undefined) yield `Known by ${code(expression)}.\n\n`;
  if (call !== undefined) yield callText(call);
  if (trigger !== undefined) yield* triggerText(trigger);
  if (hits.length === 0) yield "No hit.\n";
  else yield list(hits.map((each) => `${at(each, story)} ${escaped(each.session.name)} ${code(where(each))}`));
  for (const hit of hits) yield* hitText(hit, story, trace);
}

function callText(call: HttpCall): string {
  const { answer, ended, at: began, ids } = call;
  const how = answer === undefined ? "no answer" : `${answer.status} ${answer.reason}`;
  const took = ended === undefined ? "" : ` after ${((ended - began) / 1000).toFixed(1)} s`;
  const known = ids.length === 0 ? "" : `, ${ids.map((id) => code(id)).join(" ")}`;
  return `Set off by ${code(callName(call))}: ${escaped(how)}${took}${known}.\n\n`;
}

function* triggerText({ argv, exit, signal, at: began, ended, stdout, stderr }: Trigger): Generator<string> {
  const how = exit === undefined ? (signal ?? "still running, or never started") : `exit ${exit}`;
  const took = ended === undefined ? "" : ` after ${((ended - began) / 1000).toFixed(1)} s`;
  yield `Set off by this command: ${how}${took}.\n\n${fence(commandLine(argv), "sh")}`;
  for (const [label, output] of [
    ["Output", stdout],
    ["Errors", stderr],
  ] as const)
    if (output !== undefined && output.trim() !== "") yield `${label}:\n\n${fence(output.slice(-outputLength), "")}`;
}

function* hitText(each: StoryHit, story: Story, trace: Trace): Generator<string> {
  const { number, session, hit, end } = each;
  const [top, ...rest] = hit.snapshot.frames;
  yield `\n### ${number}. ${escaped(session.name)}: ${code(where(each))}\n\n`;
  yield list([
    `${at(each, story)}, ${escaped(hit.reason)}${end === undefined || hit.reason === "log" ? "" : `, stood ${Math.round(end - hit.at)} ms`}`,
    ...(hit.process === undefined ? [] : [escaped(hit.process)]),
    ...(hit.breakpoint === undefined ? [] : [`breakpoint ${code(hit.breakpoint)}`]),
    ...(hit.text === undefined ? [] : [code(hit.text)]),
    ...Object.entries(hit.correlated ?? {}).map(([name, value]) => `${code(name)} = ${code(value)}`),
  ]);
  if (top === undefined) return;
  yield sourceText(top, trace);
  for (const scope of top.scopes ?? []) yield scopeText(scope);
  if (rest.length === 0) return;
  const frames = [top, ...rest].slice(0, mostFrames).map((frame) => code(whereOf(frame, true)));
  const { cut } = hit.snapshot;
  const more = hit.snapshot.frames.length > mostFrames ? [`… ${mostFrames} of ${hit.snapshot.frames.length}`] : [];
  yield `\nStack:\n\n${list([...frames, ...more, ...(cut === undefined ? [] : [cutText(cut, hit.snapshot.frames.length)])])}`;
}

function sourceText({ source, line, noSource }: SnapshotFrame, trace: Trace): string {
  if (noSource !== undefined) return `\nNo source: ${escaped(noSource)}\n`;
  const text = source === undefined ? undefined : trace.source(source);
  if (text === undefined || line === undefined) return "";
  const first = Math.max(1, line - around);
  const lines = text.split(/\r\n?|\n/).slice(first - 1, line + around);
  const width = String(line + around).length;
  const shown = lines.map(
    (each, i) => `${first + i === line ? "→" : " "} ${String(first + i).padStart(width)}  ${each}`,
  );
  return `\n${fence(shown.join("\n"), "python")}`;
}

function scopeText({ name, variables, cut }: SnapshotScope): string {
  if (variables.length === 0) return "";
  const rows = variables
    .slice(0, mostValues)
    .map((each) => `| ${cell(each.name)} | ${cell(each.type ?? "")} | ${cell(valueOf(each))} |`);
  const more = variables.length > mostValues ? `\n… ${mostValues} of ${variables.length}\n` : "";
  const said = cut === undefined ? "" : `\n${cutText(cut, variables.length)}\n`;
  return `\n${escaped(name)}:\n\n| name | type | value |\n| --- | --- | --- |\n${rows.join("\n")}\n${more}${said}`;
}

function valueOf({ value, failed, cut }: SnapshotVariable): string {
  const shown = value.length > valueWidth ? `${value.slice(0, valueWidth)}…` : value;
  return `${failed === true ? "<its repr failed> " : ""}${shown}${cut?.by === "gone" ? " (gone)" : ""}`;
}

function where({ hit }: StoryHit): string {
  const [top] = hit.snapshot.frames;
  return top === undefined ? hit.reason : whereOf(top);
}

function at({ hit }: StoryHit, { started }: Story): string {
  return `+${((hit.at - started) / 1000).toFixed(3)} s`;
}

function list(lines: readonly string[]): string {
  return lines.map((line) => `- ${line}\n`).join("");
}

/** A fence that nothing in the text can close. */
function fence(text: string, language: string): string {
  const marks = "`".repeat(Math.max(3, longestRun(text) + 1));
  return `${marks}${language}\n${visible(text, /[\n\t]/).replace(/\n$/, "")}\n${marks}\n\n`;
}

/** Code within a line. */
function code(text: string): string {
  const plain = oneLine(text);
  if (plain === "") return "";
  const longest = longestRun(plain);
  const marks = "`".repeat(longest + 1);
  const space = longest > 0 ? " " : "";
  return `${marks}${space}${plain}${space}${marks}`;
}

/** Code in a cell of a table. Readers differ on a bar with backslashes before it: so all that is no letter becomes an entity. */
function cell(text: string): string {
  if (!text.includes("|")) return code(text);
  return `<code>${oneLine(text).replace(/[^\p{L}\p{N} ]/gu, (mark) => `&#${mark.codePointAt(0)};`)}</code>`;
}

function escaped(text: string): string {
  return oneLine(text).replace(/[\\`*_{}[\]()#+!|<>~&-]/g, "\\$&");
}

function oneLine(text: string): string {
  return visible(text.replace(/[\r\n\t]+/g, " ")).trim();
}

/** Control characters, and those that turn the direction of text, as `\x1b`. */
function visible(text: string, allowed?: RegExp): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (mark) =>
    allowed?.test(mark) === true ? mark : `\\x${(mark.codePointAt(0) ?? 0).toString(16).padStart(2, "0")}`,
  );
}

/** Of backticks. */
function longestRun(text: string): number {
  let longest = 0;
  for (const [run] of text.matchAll(/`+/g)) longest = Math.max(longest, run.length);
  return longest;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
