// Where a replay stands among the stops of a recording, and where it goes from there.
//
//   continue, reverseContinue   the next or previous stop that the breakpoints mean, of any thread
//   next, stepIn                the next stop of the thread; exact only where a step was recorded there
//   stepOut                     the next stop of the thread with a shallower stack
//   stepBack                    the previous stop of the thread
//   goto                        a stop by its place
//
// Rules
// - Nothing is invented: a step that was not recorded moves to the next thing that was, and says so.
// - Both ends stop and say so: the replay stays where it is, it never ends by itself.
// - A log line is no stop: it is passed over, and told of when it is passed forwards.
import type { Recording, Stop } from "./replay-recording.ts";
import { firstAfter } from "./sorted.ts";

export type Direction = "forwards" | "backwards";
export type StepKind = "next" | "stepIn" | "stepOut" | "stepBack";

export interface Move {
  readonly place: number;
  /** DAP's reason of the stop. */
  readonly reason: string;
  /** What is to be said of it; absent: it is what was asked for. */
  readonly note?: string;
  /** Log lines passed, the first `mostLogs` of them. */
  readonly logs: readonly number[];
  /** How many more there were. */
  readonly moreLogs?: number;
}

const mostLogs = 1000;
/** Characters of one. */
const mostText = 1000;

export class Walk {
  readonly #recording: Recording;
  #place: number;

  /** `place`: where it begins, or -1 before the first stop. */
  constructor(recording: Recording, place = -1) {
    this.#recording = recording;
    this.#place = place;
  }

  /** -1: before the first stop. */
  get place(): number {
    return this.#place;
  }

  /** `isMeant`: whether the breakpoints mean the stop at a place. */
  run(direction: Direction, isMeant: (place: number) => boolean): Move {
    const { count } = this.#recording;
    const by = direction === "forwards" ? 1 : -1;
    for (let place = this.#place + by; place >= 0 && place < count; place += by)
      if (!this.#recording.isLog(place) && isMeant(place)) return this.#to(place);
    if (direction === "backwards") return this.#stay("beginning of the recording");
    return { ...this.#stay("end of the recording"), ...this.#logsTo(count) };
  }

  /** `thread`: as in {@link Recording.threads}. */
  step(kind: StepKind, thread: number): Move {
    const here = this.#place;
    const isHere = here >= 0 && this.#recording.threadOf(here) === thread;
    if (kind === "stepBack") {
      const found = this.#along(thread, -1);
      return found === undefined
        ? this.#stay("this thread has no earlier stop in the recording")
        : { ...this.#to(found), reason: "step" };
    }
    const first = this.#along(thread, 1);
    if (first === undefined) return this.#stay("this thread has no later stop in the recording");
    const depth = isHere ? this.#recording.depth(here) : Infinity;
    const found = kind === "stepOut" ? this.#along(thread, 1, (place) => this.#recording.depth(place) < depth) : first;
    if (found === undefined) return this.#stay("this thread never stops in a caller of this function in the recording");
    const [from, to] = [here < 0 ? undefined : this.#recording.stop(here), this.#recording.stop(found)];
    const move = { ...this.#to(found), reason: "step" };
    if (isHere && found === first && to.reason === "step") return move;
    return { ...move, note: `not recorded: moved to hit ${to.number}${laterBy(from, to)}` };
  }

  /** The next or previous stop of a thread that is meant. */
  #along(thread: number, by: 1 | -1, isMeant: (place: number) => boolean = () => true): number | undefined {
    const places = this.#recording.threads[thread] ?? [];
    const after = firstAfter(places, by === 1 ? this.#place : this.#place - 1);
    for (let i = by === 1 ? after : after - 1; i >= 0 && i < places.length; i += by) {
      const place = places[i] ?? 0;
      if (!this.#recording.isLog(place) && isMeant(place)) return place;
    }
    return undefined;
  }

  pause(): Move {
    return this.#stay("a recording stands still");
  }

  /** Before the first stop. */
  rewind(): void {
    this.#place = -1;
  }

  goTo(place: number): Move {
    this.#place = place;
    return { place, reason: "goto", logs: [] };
  }

  #to(place: number): Move {
    const logs = this.#logsTo(place);
    this.#place = place;
    return { place, reason: this.#recording.stop(place).reason, ...logs };
  }

  /** Log lines between here and a place behind; none to one before. */
  #logsTo(place: number): Pick<Move, "logs" | "moreLogs"> {
    const logs: number[] = [];
    let moreLogs = 0;
    for (let each = this.#place + 1; each < place; each++) {
      if (!this.#recording.isLog(each)) continue;
      if (logs.length < mostLogs) logs.push(each);
      else moreLogs++;
    }
    return { logs, ...(moreLogs === 0 ? {} : { moreLogs }) };
  }

  #stay(note: string): Move {
    return { place: this.#place, reason: "pause", note, logs: [] };
  }
}

function laterBy(from: Stop | undefined, to: Stop): string {
  return from === undefined ? "" : `, ${((to.at - from.at) / 1000).toFixed(1)} s later`;
}

/** What is told of the log lines that were passed, a line each. */
export async function logLines(recording: Recording, { logs, moreLogs }: Move): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const place of logs) lines.push(((await recording.hit(place))?.text ?? "").slice(0, mostText));
  return moreLogs === undefined ? lines : [...lines, `… and ${moreLogs} more log lines`];
}

/** `hit 3 of 17 · cinder-volume · req-1f0…`; by number and place where these differ. */
export function stopText(recording: Recording, place: number): string {
  const { number, service, request } = recording.stop(place);
  const { count, total } = recording;
  const which =
    number === place + 1 && count === total ? `hit ${number} of ${count}` : `hit ${number}, ${place + 1} of ${count}`;
  return [which, service, ...(request === undefined ? [] : [request])].join(" · ");
}
