// Where the bars of a timeline stand: a lane a service and one for HTTP, in each as many tracks as bars overlap.
//
// Rules
// - Within a track bars are in the order of their starts, and `until[i]` is the latest end of bars 0…i: what is in a window is then
//   found by halving, whatever overlaps. A lane has at most `mostTracks`; more go to the last one.
// - A hit that stands has no end; it ends `now`. One whose end was not seen is a mark: it has its start only.
// - Arrows join hits of one request that follow each other, from the end of one to the start of the next.
import type { HitRowView, HttpView } from "../../protocol/api.ts";
import { firstThat } from "../../protocol/sorted.ts";

export interface Bar {
  readonly kind: "hit" | "http";
  /** Of the hit or the HTTP request. */
  readonly number: number;
  readonly start: number;
  /** Infinity: it stands. */
  readonly end: number;
  readonly lane: number;
  readonly track: number;
  readonly label: string;
  readonly request?: string;
}

export interface Track {
  readonly bars: Bar[];
  readonly until: number[];
}

export interface Lane {
  readonly name: string;
  readonly kind: "http" | "service";
  readonly tracks: Track[];
}

export interface Arrow {
  readonly from: Bar;
  readonly to: Bar;
}

export interface Layout {
  readonly lanes: readonly Lane[];
  /** Sorted by the start of `to`. */
  readonly arrows: readonly Arrow[];
  readonly hits: ReadonlyMap<number, Bar>;
  readonly https: ReadonlyMap<number, Bar>;
  readonly start: number;
  /** The latest start or finite end. */
  readonly end: number;
  readonly standing: boolean;
}

const mostTracks = 5;

/** `stands`: a hit without an end stands now. */
export function layOut(
  hits: readonly HitRowView[],
  https: readonly HttpView[],
  stands: (hit: HitRowView) => boolean,
): Layout {
  const lanes: Lane[] = [];
  const places = new Map<string, number>();
  const found = { hits: new Map<number, Bar>(), https: new Map<number, Bar>() };
  const span = { start: Infinity, end: -Infinity, standing: false };
  const laneOf = (name: string, kind: Lane["kind"]): number => {
    const key = `${kind} ${name}`;
    let place = places.get(key);
    if (place === undefined) {
      place = lanes.push({ name, kind, tracks: [] }) - 1;
      places.set(key, place);
    }
    return place;
  };
  const add = (bar: Omit<Bar, "track">): Bar => {
    const tracks: Track[] = lanes[bar.lane]?.tracks ?? [];
    let track = tracks.findIndex(({ until }) => (until.at(-1) ?? -Infinity) <= bar.start);
    if (track === -1) track = tracks.length < mostTracks ? tracks.push({ bars: [], until: [] }) - 1 : tracks.length - 1;
    const placed = { ...bar, track };
    const into = tracks[track];
    into?.bars.push(placed);
    into?.until.push(Math.max(into.until.at(-1) ?? -Infinity, bar.end));
    span.start = Math.min(span.start, bar.start);
    span.end = Math.max(span.end, bar.end === Infinity ? bar.start : bar.end);
    span.standing ||= bar.end === Infinity;
    return placed;
  };

  for (const http of inOrder(https)) {
    const { id: number, at: start, method, path, request } = http;
    const end = http.end ?? (http.status === 0 ? Infinity : start);
    const bar = { kind: "http", number, start, end, lane: laneOf("HTTP", "http"), label: `${method} ${path}` } as const;
    found.https.set(number, add({ ...bar, ...(request === undefined ? {} : { request }) }));
  }
  const last = new Map<string, Bar>();
  const arrows: Arrow[] = [];
  for (const hit of inOrder(hits)) {
    const { number, at: start, service, request } = hit;
    const end = Math.max(hit.end ?? (stands(hit) ? Infinity : start), start);
    const label = hit.function ?? hit.reason;
    const bar = { kind: "hit", number, start, end, lane: laneOf(service, "service"), label } as const;
    const placed = add({ ...bar, ...(request === undefined ? {} : { request }) });
    found.hits.set(number, placed);
    if (request === undefined) continue;
    const from = last.get(request);
    if (from !== undefined) arrows.push({ from, to: placed });
    last.set(request, placed);
  }
  if (span.start === Infinity) return { lanes, arrows, ...found, start: 0, end: 0, standing: false };
  return { lanes, arrows, ...found, ...span };
}

/** Places of the first and last bar that may be in the window; last < first where there is none. */
export function within({ bars, until }: Track, start: number, end: number): { first: number; last: number } {
  return {
    first: firstThat(until.length, (at) => (until[at] ?? 0) >= start),
    last: firstThat(bars.length, (at) => (bars[at]?.start ?? 0) > end) - 1,
  };
}

/** The bar of a track at a time, give or take `slack` ms: the one that begins last. */
export function barAt(track: Track, time: number, slack: number): Bar | undefined {
  const { first, last } = within(track, time - slack, time + slack);
  for (let at = last; at >= first; at--) {
    const bar = track.bars[at];
    if (bar !== undefined && bar.start - slack <= time && bar.end + slack >= time) return bar;
  }
  return undefined;
}

/** As they are where they are in order, as recorded hits mostly are. */
function inOrder<T extends { readonly at: number }>(list: readonly T[]): readonly T[] {
  const sorted = list.every(({ at }, place) => place === 0 || at >= (list[place - 1]?.at ?? 0));
  return sorted ? list : [...list].sort((a, b) => a.at - b.at);
}
