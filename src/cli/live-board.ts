// Keeps a board at the end of a terminal and draws it over itself.
//
// Rules
// - At most ten draws a second, and none when nothing changed or the terminal has not taken the last one.
// - One write a draw, as one synchronized update, each line erased only behind its own end: nothing flickers.
// - Never taller than the screen: the cursor cannot go back above it.
// - The cursor is hidden while the board stands and comes back on stop, and if the process ends without one.
import { stripVTControlCharacters } from "node:util";
import type { RelayView } from "../../protocol/control.ts";
import { renderBoard } from "./board.ts";

const drawEvery = 100;
/** Times on the board count on by themselves. */
const tickEvery = 1000;

const hideCursor = "\u001b[?25l";
const showCursor = "\u001b[?25h";
const eraseLine = "\u001b[K";
const eraseBelow = "\u001b[J";
const beginUpdate = "\u001b[?2026h";
const endUpdate = "\u001b[?2026l";

/** What a board needs of `process.stdout`. */
interface Terminal {
  readonly columns?: number;
  readonly rows?: number;
  readonly writableNeedDrain?: boolean;
  write(text: string): unknown;
  on(event: "resize", listener: () => void): unknown;
  off(event: "resize", listener: () => void): unknown;
}

export interface LiveBoardOptions {
  readonly view: () => RelayView;
  readonly terminal: Terminal;
  readonly color: boolean;
  readonly now?: () => number;
}

export class LiveBoard {
  readonly #options: LiveBoardOptions;
  #drawn: readonly string[] = [];
  #text = "";
  #lastDraw = 0;
  #waiting: NodeJS.Timeout | undefined;
  #ticking: NodeJS.Timeout | undefined;

  constructor(options: LiveBoardOptions) {
    this.#options = options;
  }

  start(): void {
    const { terminal } = this.#options;
    if (this.#ticking !== undefined) return;
    terminal.write(hideCursor);
    process.once("exit", this.#restore);
    terminal.on("resize", this.#resized);
    this.#ticking = setInterval(() => this.refresh(), tickEvery).unref();
    this.#draw();
  }

  /** Something changed: draws soon. */
  refresh(): void {
    if (this.#ticking === undefined || this.#waiting !== undefined) return;
    const wait = Math.max(0, this.#lastDraw + drawEvery - performance.now());
    this.#waiting = setTimeout(() => this.#draw(), wait).unref();
  }

  /** Text that stays above the board. */
  print(text: string): void {
    if (this.#ticking === undefined) {
      this.#options.terminal.write(`${text}\n`);
      return;
    }
    this.#options.terminal.write(`${this.#toTop()}${eraseBelow}${text}\n`);
    this.#forget();
    this.#draw();
  }

  /** Draws the last state, leaves it standing and gives the cursor back. Safe to call twice. */
  stop(): void {
    if (this.#ticking === undefined) return;
    clearInterval(this.#ticking);
    this.#draw();
    this.#ticking = undefined;
    process.off("exit", this.#restore);
    this.#options.terminal.off("resize", this.#resized);
    this.#restore();
  }

  readonly #restore = (): void => {
    this.#options.terminal.write(showCursor);
  };

  // The terminal has wrapped the old lines anew, nobody knows how: start over on an empty screen.
  readonly #resized = (): void => {
    this.#options.terminal.write(`\u001b[2J\u001b[H`);
    this.#forget();
    this.refresh();
  };

  #forget(): void {
    this.#drawn = [];
    this.#text = "";
  }

  #draw(): void {
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    const { terminal, view, color, now = Date.now } = this.#options;
    if (terminal.writableNeedDrain === true) return;
    const width = terminal.columns ?? 80;
    const lines = cutToHeight(renderBoard(view(), { width, color, now: now() }), width, (terminal.rows ?? 24) - 1);
    const text = lines.map((line) => `${line}${endOf(line, width)}\n`).join("");
    this.#lastDraw = performance.now();
    if (text === this.#text) return;
    terminal.write(`${beginUpdate}${this.#toTop()}${text}${eraseBelow}${endUpdate}`);
    this.#drawn = lines;
    this.#text = text;
  }

  #toTop(): string {
    const width = this.#options.terminal.columns ?? 80;
    const up = this.#drawn.reduce((sum, line) => sum + rowsOf(line, width), 0);
    return up === 0 ? "\r" : `\r\u001b[${up}A`;
  }
}

/** What clears the rest of a row; behind a full row it would take its last character away. */
function endOf(line: string, width: number): string {
  const { length } = stripVTControlCharacters(line);
  return length > 0 && length % width === 0 ? "" : eraseLine;
}

/** Rows that a line takes: a fix may be wider than the terminal. */
function rowsOf(line: string, width: number): number {
  return Math.max(1, Math.ceil(stripVTControlCharacters(line).length / width));
}

function cutToHeight(lines: readonly string[], width: number, height: number): readonly string[] {
  let rows = 0;
  const fits = lines.findIndex((line) => (rows += rowsOf(line, width)) > height);
  if (fits < 0) return lines;
  let kept = lines.slice(0, fits);
  // The last row is for the note.
  while (kept.length > 0 && kept.reduce((sum, line) => sum + rowsOf(line, width), 0) > height - 1)
    kept = kept.slice(0, -1);
  return [...kept, `and ${lines.length - kept.length} more lines: debugtap ps`];
}
