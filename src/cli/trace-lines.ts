// How sessions and messages of a trace look in a line: for a person, and as JSON.
import { describeFrame, excerpt } from "../../protocol/describe.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import type { Dropped, IndexProgress, Trace, TraceMessage, TraceSession } from "../trace/index.ts";
import { clean, painter, size, span } from "./paint.ts";

export { parseCount, parseTime } from "../trace/hit-query.ts";

/** One session, found by its name (`api#1`) or its id. Throws DT_USAGE with the names that there are. */
export function findSession(trace: Trace, wanted: string): TraceSession {
  const sessions = trace.sessions();
  const found =
    sessions.find(({ facts }) => facts.name === wanted) ?? sessions.find(({ facts }) => String(facts.id) === wanted);
  if (found !== undefined) return found;
  const names = sessions.slice(0, 20).map(({ facts }) => facts.name);
  throw new DebugtapError("DT_USAGE", `the trace has no session ${wanted}`, {
    why: names.length === 0 ? "it has no sessions" : `it has ${names.join(", ")}${sessions.length > 20 ? ", …" : ""}`,
    fix: `debugtap show ${trace.dir}`,
  });
}

/** A table of sessions: head first. */
export function sessionTable(sessions: readonly TraceSession[], color: boolean): string[] {
  const paint = painter(color);
  const rows = sessions.map((session) => [
    session.facts.name,
    session.facts.wire,
    new Date(session.first).toISOString().replace("T", " ").slice(0, 23),
    span(session.last - session.first),
    String(session.messages),
    String(session.hits),
    size(session.client.bytes),
    size(session.debuggee.bytes),
    endText(session),
  ]);
  const table = [
    ["SESSION", "WIRE", "OPENED (UTC)", "LASTED", "MESSAGES", "HITS", "CLIENT", "DEBUGGEE", "END"],
    ...rows,
  ];
  const widths = table[0]?.map((_, i) => Math.max(...table.map((row) => row[i]?.length ?? 0))) ?? [];
  const lines = table.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return lines.map((line, i) => (i === 0 ? paint.dim(line) : line));
}

/** `dropped by max_size: the first 12m 3s, with 45000 messages and 61 hits; 3 sessions ended in them` */
export function droppedText({ by, last, frames, hits, ended, bytes }: Dropped, started: number): string {
  const count = (number: number, what: string) => `${number} ${what}${number === 1 ? "" : "s"}`;
  const what = `${count(frames, "message")} and ${count(hits, "hit")}, ${size(bytes)}`;
  const gone = ended === 0 ? "" : `; ${count(ended, "session")} ended in that time and cannot be shown`;
  return `dropped by record.${by.join(" and record.")}: the first ${span(last - started)}, ${what}${gone}`;
}

/** What a program may want of it. */
export function droppedJson(dropped: Dropped): Record<string, unknown> {
  const { sessions: _, through: __, ...sums } = dropped;
  return sums;
}

function endText({ end, client, debuggee, missedHits = 0 }: TraceSession): string {
  const lost = client.lostBytes + debuggee.lostBytes;
  const how =
    end === undefined ? "open" : `${end.how} by ${end.by}${end.detail === undefined ? "" : `: ${end.detail}`}`;
  const missing = [
    ...(lost === 0 ? [] : [size(lost)]),
    ...(missedHits === 0 ? [] : [`${missedHits} hit${missedHits === 1 ? "" : "s"}`]),
  ];
  return clean(missing.length === 0 ? how : `${how}, ${missing.join(" and ")} missing`);
}

/** `12  +1.204s  client →  initialize …`; with `named` the session's name too. */
export function messageLine(message: TraceMessage, color: boolean, named: boolean): string {
  const paint = painter(color);
  const side = message.side === "client" ? paint.cyan("client   →") : paint.yellow("debuggee ←");
  const { summary } = describe(message);
  const name = named ? `${message.session.name}  ` : "";
  return `${name}${String(message.ordinal).padStart(5)}  ${paint.dim(`+${(message.at / 1000).toFixed(3)}s`)}  ${side}  ${summary}`;
}

export function describe({ frame, bytes, side, session }: TraceMessage): { summary: string; detail?: unknown } {
  if (frame !== undefined) return describeFrame(frame, side, session.wire);
  return { summary: excerpt(bytes ?? new Uint8Array(0)) };
}

/** The bytes of a message as they crossed the wire. */
export function wireBytes({ frame, bytes }: TraceMessage): Uint8Array {
  return frame?.bytes ?? bytes ?? new Uint8Array(0);
}

/** One message as JSON: decoded where it can be, else its bytes in base64. `raw` adds the bytes as text in any case. */
export function messageJson(message: TraceMessage, raw = false): Record<string, unknown> {
  const { summary, detail } = describe(message);
  const bytes = wireBytes(message);
  return {
    session: message.session.name,
    ordinal: message.ordinal,
    time: new Date(message.time).toISOString(),
    at: Math.round(message.at * 1000) / 1000,
    side: message.side,
    wire: message.session.wire,
    size: bytes.length,
    summary,
    ...(detail === undefined ? {} : { message: detail }),
    ...(raw || detail === undefined
      ? { base64: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64") }
      : {}),
  };
}

/** Says on stderr what of the trace was damaged, and that it has secrets where it has. */
export function tellProblems(trace: Trace): void {
  if (trace.manifest?.secrets === "kept")
    process.stderr.write(`DT_TRACE_SECRETS: ${trace.dir} has passwords, tokens and keys as they are: --keep-secrets\n`);
  for (const problem of trace.problems) process.stderr.write(`${problem.format()}\n`);
}

/** Says on stderr how far an index is that is made now, where that takes more than half a second. */
export function tellIndexing(): IndexProgress {
  let next = performance.now() + 500;
  return (file, done, blocks) => {
    const now = performance.now();
    if (now < next) return;
    next = now + 2000;
    process.stderr.write(`indexing the hits of ${file}, once: ${Math.floor((100 * done) / blocks)}%\n`);
  };
}

/** Waits until stdout has taken what was written, so that a long listing is not held in memory. */
export async function drained(): Promise<void> {
  if (!process.stdout.writableNeedDrain) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      process.stdout.off("drain", done).off("close", done);
      resolve();
    };
    process.stdout.on("drain", done).on("close", done);
  });
}
