// Text for a terminal: cleaned of control characters, cut and padded to a width, coloured where that is wanted.
import type { WriteStream } from "node:tty";
import pc from "picocolors";
import type { Missed } from "../../protocol/control.ts";

/** Whether to colour what goes to `stream`: a terminal, unless NO_COLOR or TERM=dumb says otherwise; FORCE_COLOR forces. */
export function hasColor(stream: Pick<WriteStream, "isTTY">): boolean {
  const { NO_COLOR = "", FORCE_COLOR = "", TERM } = process.env;
  if (NO_COLOR !== "") return false;
  return FORCE_COLOR !== "" ? FORCE_COLOR !== "0" : stream.isTTY && TERM !== "dumb";
}

export type Paint = ReturnType<typeof pc.createColors>;

export function painter(color: boolean): Paint {
  return pc.createColors(color);
}

/** Text from elsewhere may not move the cursor or hold line ends. */
export function clean(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ").trim();
}

/** A line of a log: its indentation stays, colours and other sequences of a terminal go. */
export function cleanLine(line: string): string {
  return line.replace(/(?!\t)\p{Cc}(?:\[[0-?]*[ -/]*[@-~]|\]\P{Cc}*|[()][0-9AB])/gu, "").replace(/(?!\t)\p{Cc}/gu, "");
}

/** At most `width` characters; what was cut is shown as `…`. */
export function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** Exactly `width` characters. */
export function fit(text: string, width: number): string {
  return clip(text, width).padEnd(width);
}

/** `text` in lines of at most `width`, broken at spaces where there are any; the first line begins with `first`, others with `rest`. */
export function wrap(text: string, width: number, first: string, rest: string): string[] {
  const lines: string[] = [];
  let line = first;
  let empty = true;
  for (const word of text.split(" ")) {
    if (!empty && line.length + 1 + word.length > width) {
      lines.push(line);
      [line, empty] = [rest, true];
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line].flatMap((one) => hardBreak(one, width));
}

function hardBreak(line: string, width: number): string[] {
  const parts: string[] = [];
  for (let at = 0; at === 0 || at < line.length; at += width) parts.push(line.slice(at, at + width));
  return parts;
}

/** `12s`, `3m 4s`, `2h 5m`, `3d 2h`. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${seconds % 60}s`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours}h ${minutes % 60}m` : `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

/** `812 B`, `4.1 kB`, `12 MB`: at most 6 characters. */
export function size(bytes: number): string {
  let amount = bytes;
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (amount < 999.5 || unit === "GB")
      return `${unit === "B" || amount >= 9.95 ? Math.round(amount) : amount.toFixed(1)} ${unit}`;
    amount /= 1000;
  }
  return `${bytes} B`;
}

/** `12 MB in 340 chunks and 2 hits` */
export function missedText({ chunks, bytes, hits }: Missed): string {
  const count = (number: number, what: string) => `${number} ${what}${number === 1 ? "" : "s"}`;
  const parts = [
    ...(chunks > 0 ? [`${size(bytes)} in ${count(chunks, "chunk")}`] : []),
    ...(hits > 0 ? [count(hits, "hit")] : []),
  ];
  return parts.length === 0 ? "nothing" : parts.join(" and ");
}
