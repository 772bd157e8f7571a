// Draws a timeline on a canvas: what is in the window, and no more than there are pixels.
import { barAt, within, type Bar, type Layout, type Track } from "../model/timeline-layout.ts";
import { ticks, type TimeWindow } from "../model/timeline-window.ts";
import { plainText } from "../model/visible-text.ts";

export const axisHeight = 26;
export const gutter = 132;
/** Pixels between the tops of two tracks: as many as there is room for. */
const [leastTrack, mostTrack] = [16, 40];
const lanePadding = 7;
const leastBar = 3;
const leastBend = 12;
/** More arrows than this are a grey cloud: then only those of the chosen request are drawn. */
const mostArrows = 1500;

export interface Marked {
  readonly chosen?: Bar;
  readonly hovered?: Bar;
  readonly request?: string;
}

export interface Colours {
  readonly text: string;
  readonly quiet: string;
  readonly line: string;
  readonly bar: string;
  readonly standing: string;
  readonly http: string;
  readonly arrow: string;
  readonly mark: string;
  readonly onBar: string;
  readonly onStanding: string;
  readonly font: string;
}

interface Place {
  readonly top: number;
  readonly height: number;
}

export interface Places {
  readonly places: readonly Place[];
  /** Of all. */
  readonly height: number;
  readonly trackHeight: number;
}

/** Top and height of each lane, in pixels; `room` is what is seen at once. */
export function lanePlaces({ lanes }: Layout, room: number): Places {
  const tracks = lanes.reduce((sum, { tracks }) => sum + Math.max(tracks.length, 1), 0);
  const free = (room - axisHeight - lanes.length * 2 * lanePadding) / Math.max(tracks, 1);
  const trackHeight = Math.floor(Math.min(Math.max(free, leastTrack), mostTrack));
  let top = axisHeight;
  const places = lanes.map(({ tracks }) => {
    const height = Math.max(tracks.length, 1) * trackHeight + 2 * lanePadding;
    const place = { top, height };
    top += height;
    return place;
  });
  return { places, height: top, trackHeight };
}

/** The bar under a point of the picture, give or take three pixels. */
export function barUnder(
  layout: Layout,
  { places, trackHeight }: Places,
  window: TimeWindow,
  width: number,
  x: number,
  y: number,
): Bar | undefined {
  const lane = places.findIndex(({ top, height }) => y >= top && y < top + height);
  const place = places[lane];
  if (place === undefined || x < gutter) return undefined;
  const scale = (width - gutter) / window.width;
  const time = window.start + (x - gutter) / scale;
  const at = Math.floor((y - place.top - lanePadding) / trackHeight);
  const track = layout.lanes[lane]?.tracks[at];
  return track === undefined ? undefined : barAt(track, time, 3 / scale);
}

export function draw(
  context: CanvasRenderingContext2D,
  layout: Layout,
  { places, trackHeight }: Places,
  window: TimeWindow,
  size: { readonly width: number; readonly height: number },
  now: number,
  marked: Marked,
  colours: Colours,
): void {
  const { width, height } = size;
  const barHeight = trackHeight - 3;
  const scale = (width - gutter) / window.width;
  const end = window.start + window.width;
  const xOf = (time: number): number =>
    gutter + (Math.min(Math.max(time, window.start - window.width), end + window.width) - window.start) * scale;
  const topOf = ({ lane, track }: Bar): number => (places[lane]?.top ?? 0) + lanePadding + track * trackHeight;

  context.clearRect(0, 0, width, height);
  context.font = `11px ${colours.font}`;
  context.textBaseline = "middle";
  context.lineWidth = 1;

  // Time
  for (const { at, label } of ticks(window, Math.max(2, Math.floor((width - gutter) / 110)))) {
    const x = Math.round(xOf(at)) + 0.5;
    context.strokeStyle = colours.line;
    line(context, x, axisHeight - 4, x, height);
    // Half a time is none.
    if (x + 4 + context.measureText(label).width > width) continue;
    context.fillStyle = colours.quiet;
    context.fillText(label, x + 4, axisHeight / 2);
  }

  // Lanes
  for (const [at, { name }] of layout.lanes.entries()) {
    const place = places[at];
    if (place === undefined) continue;
    context.strokeStyle = colours.line;
    line(context, 0, place.top + 0.5, width, place.top + 0.5);
    context.fillStyle = colours.text;
    context.fillText(plainText(name, 40), 10, place.top + lanePadding + trackHeight / 2, gutter - 20);
  }

  context.save();
  context.beginPath();
  context.rect(gutter, 0, width - gutter, height);
  context.clip();
  for (const [at, lane] of layout.lanes.entries()) {
    const place = places[at];
    if (place === undefined) continue;
    for (const [nth, track] of lane.tracks.entries()) {
      drawTrack(track, place.top + lanePadding + nth * trackHeight);
    }
  }
  drawArrows();
  for (const bar of [marked.hovered, marked.chosen]) if (bar !== undefined) outline(bar);
  context.restore();

  function drawTrack(track: Track, top: number): void {
    const { first, last } = within(track, window.start, end);
    let right = -Infinity;
    for (let at = first; at <= last; at++) {
      const bar = track.bars[at];
      if (bar === undefined) continue;
      const x = xOf(bar.start);
      const barEnd = Math.max(xOf(bar.end === Infinity ? now : bar.end), x + leastBar);
      // What would stand on the same pixels is not drawn twice.
      if (barEnd <= right + 0.5) continue;
      const from = Math.max(x, gutter - 2);
      const to = Math.min(barEnd, width + 2);
      context.fillStyle = bar.kind === "http" ? colours.http : bar.end === Infinity ? colours.standing : colours.bar;
      context.globalAlpha = marked.request === undefined || marked.request === bar.request ? 1 : 0.35;
      const wide = to - from > 6;
      if (wide) {
        context.beginPath();
        context.roundRect(from, top, to - from, barHeight, 2);
        context.fill();
      } else context.fillRect(from, top, Math.max(to - from, leastBar), barHeight);
      if (to - from > 46) {
        context.fillStyle =
          bar.kind === "http" ? colours.text : bar.end === Infinity ? colours.onStanding : colours.onBar;
        const letters = Math.floor((to - from - 10) / 6);
        const label = plainText(bar.label, 120);
        context.fillText(
          label.length > letters ? `${label.slice(0, letters - 1)}…` : label,
          from + 5,
          top + barHeight / 2 + 0.5,
        );
      }
      context.globalAlpha = 1;
      right = barEnd;
    }
  }

  function drawArrows(): void {
    const seen = layout.arrows.filter(
      ({ from, to }) => to.start >= window.start && Math.min(from.end, to.start) <= end,
    );
    const { request } = marked;
    const shown =
      seen.length > mostArrows ? seen.filter(({ to }) => request !== undefined && to.request === request) : seen;
    context.lineWidth = 1.25;
    for (const chosen of [false, true]) {
      context.strokeStyle = context.fillStyle = chosen ? colours.mark : colours.arrow;
      context.globalAlpha = chosen || request === undefined ? 1 : 0.3;
      const heads: [number, number][] = [];
      const dots: [number, number][] = [];
      context.beginPath();
      for (const { from, to } of shown) {
        if ((request !== undefined && to.request === request) !== chosen) continue;
        const [x, toX] = [xOf(Math.min(from.end, to.start)), xOf(to.start)];
        const [y, toY] = [topOf(from) + barHeight / 2, topOf(to) + barHeight / 2];
        if (toX - x < leastBend) {
          // Too near for a curve: from edge to edge.
          const down = Math.sign(toY - y) * (barHeight / 2);
          context.moveTo(x, y + down);
          context.lineTo(toX + 1, toY - down);
          dots.push([toX + 1, toY - down]);
          continue;
        }
        const bend = Math.min(40, (toX - x) / 2);
        context.moveTo(x, y);
        if (y === toY) context.lineTo(toX - 4, toY);
        else context.bezierCurveTo(x + bend, y, toX - bend, toY, toX - 4, toY);
        heads.push([toX, toY]);
      }
      context.stroke();
      context.beginPath();
      for (const [x, y] of heads) {
        context.moveTo(x, y);
        context.lineTo(x - 7, y - 4);
        context.lineTo(x - 7, y + 4);
      }
      for (const [x, y] of dots) context.rect(x - 1.5, y - 1.5, 3, 3);
      context.fill();
    }
    context.globalAlpha = 1;
    context.lineWidth = 1;
  }

  function outline(bar: Bar): void {
    const x = xOf(bar.start);
    const to = Math.max(xOf(bar.end === Infinity ? now : bar.end), x + leastBar);
    context.strokeStyle = colours.text;
    context.lineWidth = 2;
    context.strokeRect(x - 2, topOf(bar) - 2, to - x + 4, barHeight + 4);
    context.lineWidth = 1;
  }
}

function line(context: CanvasRenderingContext2D, x: number, y: number, toX: number, toY: number): void {
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(toX, toY);
  context.stroke();
}
