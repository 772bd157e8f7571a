// Which call caused which hit.
//
// Rules
// - A hit with a correlated value that is a request id of a call is that call's; where several have it, of the last that began before the hit.
// - Else, while one call was open at the stop, it is that call's.
// - Else, while several were open, it goes with the hit before it of the same thread, when that one's call was still open.
// - A call is open until its answer is whole; one that streams (a websocket, server-sent events) until its answer begins.
import type { HttpCall } from "./http.ts";

/** What is needed of a call. */
export type JoinedCall = Pick<HttpCall, "id" | "at" | "ended" | "ids"> & { readonly streams?: number };

/** A hit as far as it is joined: `thread` is unique in the trace, `values` are those that were correlated. */
export interface JoinedHit {
  readonly number: number;
  readonly at: number;
  readonly thread: string;
  readonly values: readonly string[];
}

export function joinedCall({ id, at, ended, ids, answered, answer }: HttpCall): JoinedCall {
  const streams =
    answer?.status === 101 ||
    answer?.headers.some(
      ({ name, value }) => name.toLowerCase() === "content-type" && value.startsWith("text/event-stream"),
    ) === true;
  return {
    id,
    at,
    ids,
    ...(ended === undefined ? {} : { ended }),
    ...(streams && answered !== undefined ? { streams: answered } : {}),
  };
}

/** Takes calls and hits as they come, in the order of their times. */
export class HttpJoin {
  /** By request id, the calls that have it as they began. */
  readonly #byId = new Map<string, { readonly id: number; readonly at: number }[]>();
  readonly #open = new Set<number>();
  /** By thread, the call of its last hit. */
  readonly #ofThread = new Map<string, number>();

  /** Its request ids are known, of which there may be more later. */
  learn({ id, at, ids }: JoinedCall): void {
    for (const value of ids) {
      const known = this.#byId.get(value);
      if (known === undefined) this.#byId.set(value, [{ id, at }]);
      else if (known.at(-1)?.id !== id) known.push({ id, at });
    }
  }

  began(call: JoinedCall): void {
    this.learn(call);
    this.#open.add(call.id);
  }

  /** It causes nothing any more. */
  ended(call: JoinedCall): void {
    this.learn(call);
    this.#open.delete(call.id);
  }

  /** The id of the call that caused it; undefined: none, or it cannot be told. */
  of({ at, thread, values }: Omit<JoinedHit, "number">): number | undefined {
    const found = this.#named(values, at) ?? this.#running(thread);
    if (found !== undefined) this.#ofThread.set(thread, found);
    return found;
  }

  #named(values: readonly string[], at: number): number | undefined {
    for (const value of values) {
      const calls = this.#byId.get(value);
      if (calls !== undefined) return (calls.findLast((call) => call.at <= at) ?? calls[0])?.id;
    }
    return undefined;
  }

  #running(thread: string): number | undefined {
    const before = this.#ofThread.get(thread);
    if (before !== undefined && this.#open.has(before)) return before;
    if (this.#open.size !== 1) return undefined;
    const [only] = this.#open;
    return only;
  }
}

/** Of recorded calls and hits, whose order does not matter: by a hit's number the id of its call. */
export function joinHits(calls: readonly JoinedCall[], hits: readonly JoinedHit[]): ReadonlyMap<number, number> {
  const joined = new Map<number, number>();
  if (calls.length === 0) return joined;
  const join = new HttpJoin();
  const begins = calls.toSorted((a, b) => a.at - b.at || a.id - b.id);
  for (const call of begins) join.learn(call);
  const ends = calls.toSorted((a, b) => endOf(a) - endOf(b));
  let [begin, end] = [0, 0];
  for (const hit of hits.toSorted((a, b) => a.at - b.at || a.number - b.number)) {
    for (let call = begins[begin]; call !== undefined && call.at <= hit.at; call = begins[++begin]) join.began(call);
    for (let call = ends[end]; call !== undefined && endOf(call) < hit.at; call = ends[++end]) join.ended(call);
    const found = join.of(hit);
    if (found !== undefined) joined.set(hit.number, found);
  }
  return joined;
}

function endOf({ streams, ended }: JoinedCall): number {
  return streams ?? ended ?? Infinity;
}
