// The timeline as one canvas: wheel, drag, pinch and keys move the window over time; a click goes to the hit.
//
// Rules
// - It is drawn when something changed, once a frame at most; while a bar stands, as often as it grows by what is seen, four times a second at most.
// - Until the window was moved it shows all there is, also what comes. `End` follows the newest, until it is moved again.
// - The same hits are in a list beside it, for who does not see it.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { HitRowView, HttpView } from "../../protocol/api.ts";
import { clock, duration } from "../model/format.ts";
import type { Bar, Layout } from "../model/timeline-layout.ts";
import { centre, fit, pan, zoom, type Span, type TimeWindow } from "../model/timeline-window.ts";
import { Shown } from "../parts/shown.tsx";
import { repaint } from "../theme.ts";
import { axisHeight, barUnder, draw, gutter, lanePlaces, type Colours } from "./timeline-picture.ts";

interface Props {
  readonly layout: Layout;
  readonly chosen?: number;
  readonly request?: string;
  readonly hitOf: (number: number) => HitRowView | undefined;
  readonly httpOf: (id: number) => HttpView | undefined;
  readonly onChoose: (bar: Bar) => void;
  readonly onOpen: (bar: Bar) => void;
  readonly onStep: (by: 1 | -1) => void;
}

export function TimelineCanvas(props: Props) {
  const { layout, chosen, request, hitOf, httpOf, onChoose, onOpen, onStep } = props;
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState({ width: 800, height: 300 });
  /** Undefined: all there is. */
  const [moved, setMoved] = useState<TimeWindow | "newest" | undefined>(undefined);
  const [hovered, setHovered] = useState<{ readonly bar: Bar; readonly x: number; readonly y: number } | undefined>(
    undefined,
  );
  const [tick, setTick] = useState(0);
  const places = lanePlaces(layout, size.height);
  const height = Math.max(places.height, size.height);
  const span = spanOf(layout);
  const whole = fit(span);
  const lastWidth = useRef(whole.width);
  const window: TimeWindow =
    moved === undefined
      ? whole
      : moved === "newest"
        ? { width: lastWidth.current, start: span.end - lastWidth.current * 0.9 }
        : moved;
  lastWidth.current = window.width;
  // What handlers see that are made once.
  const live = useRef({ window, span, layout, places, width: size.width });
  live.current = { window, span, layout, places, width: size.width };
  const move = (next: TimeWindow): void => {
    // Two wheel turns may come before the next frame.
    live.current.window = next;
    setMoved(next);
    setHovered(undefined);
  };

  useLayoutEffect(() => {
    const { current } = box;
    if (current === null) return undefined;
    const look = (): void => setSize({ width: current.clientWidth, height: current.clientHeight });
    look();
    const watch = new ResizeObserver(look);
    watch.observe(current);
    return () => watch.disconnect();
  }, []);

  // As often as a standing bar grows by half a pixel.
  const halfPixel = window.width / Math.max(size.width - gutter, 1) / 2;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const growsEvery = Math.min(Math.max(2 ** Math.ceil(Math.log2(halfPixel)), calm ? 2000 : 250), 8192);
  useEffect(() => {
    if (!layout.standing) return undefined;
    const timer = setInterval(
      () => document.visibilityState === "visible" && setTick((count) => count + 1),
      growsEvery,
    );
    return () => clearInterval(timer);
  }, [layout.standing, growsEvery]);

  useLayoutEffect(() => {
    const frame = requestAnimationFrame(() => {
      const { current } = canvas;
      const context = current?.getContext("2d");
      if (current === null || context === null || context === undefined) return;
      const density = devicePixelRatio;
      const [wide, high] = [Math.round(size.width * density), Math.round(height * density)];
      if (current.width !== wide || current.height !== high) [current.width, current.height] = [wide, high];
      context.setTransform(density, 0, 0, density, 0, 0);
      const bar = chosen === undefined ? undefined : layout.hits.get(chosen);
      draw(
        context,
        layout,
        places,
        window,
        { width: size.width, height },
        Date.now(),
        {
          ...(bar === undefined ? {} : { chosen: bar }),
          ...(hovered === undefined ? {} : { hovered: hovered.bar }),
          ...(request === undefined ? {} : { request }),
        },
        coloursOf(current),
      );
    });
    return () => cancelAnimationFrame(frame);
  }, [layout, window.start, window.width, size, height, chosen, hovered, request, tick, repaint.value]);

  // A hit that was chosen elsewhere comes into the window.
  useEffect(() => {
    const bar = chosen === undefined ? undefined : layout.hits.get(chosen);
    if (bar === undefined) return;
    const { window } = live.current;
    if (bar.start < window.start || bar.start > window.start + window.width) move(centre(window, bar.start));
    const place = live.current.places.places[bar.lane];
    if (place !== undefined && box.current !== null && box.current.scrollHeight > box.current.clientHeight) {
      const { scrollTop, clientHeight } = box.current;
      if (place.top < scrollTop || place.top + place.height > scrollTop + clientHeight)
        box.current.scrollTop = place.top - axisHeight;
    }
  }, [chosen]);

  useEffect(() => {
    const { current } = box;
    if (current === null) return undefined;
    // Not passive: the page must not scroll or zoom by it.
    const wheel = (event: WheelEvent): void => {
      if (event.altKey) return;
      event.preventDefault();
      const { window, span, width } = live.current;
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
      const [dx, dy] = [event.deltaX * lines, event.deltaY * lines];
      if (event.shiftKey || Math.abs(dx) > Math.abs(dy))
        return move(pan(window, (dx === 0 ? dy : dx) / (width - gutter), span));
      move(zoom(window, Math.exp(Math.min(Math.max(dy, -200), 200) * 0.003), shareOf(event.clientX), span));
    };
    current.addEventListener("wheel", wheel, { passive: false });
    return () => current.removeEventListener("wheel", wheel);
  }, []);

  const shareOf = (clientX: number): number => {
    const left = box.current?.getBoundingClientRect().left ?? 0;
    return Math.min(Math.max((clientX - left - gutter) / (live.current.width - gutter), 0), 1);
  };
  const under = ({ clientX, clientY }: MouseEvent): { bar: Bar; x: number; y: number } | undefined => {
    const corner = canvas.current?.getBoundingClientRect();
    if (corner === undefined) return undefined;
    const [x, y] = [clientX - corner.left, clientY - corner.top];
    const { layout, places, window, width } = live.current;
    const bar = barUnder(layout, places, window, width, x, y);
    return bar === undefined ? undefined : { bar, x, y };
  };

  /** Fingers and buttons that are down. */
  const pointers = useRef(new Map<number, number>());
  const dragged = useRef(false);
  const down = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    if (pointers.current.size === 0) dragged.current = false;
    pointers.current.set(event.pointerId, event.clientX);
  };
  const drag = (event: PointerEvent): void => {
    const before = pointers.current.get(event.pointerId);
    if (before === undefined) {
      const next = under(event);
      if (next?.bar !== hovered?.bar) setHovered(next);
      return;
    }
    const { window, span, width } = live.current;
    const by = event.clientX - before;
    if (!dragged.current && Math.abs(by) < 3) return;
    if (!dragged.current) box.current?.setPointerCapture(event.pointerId);
    dragged.current = true;
    const other = [...pointers.current].find(([id]) => id !== event.pointerId)?.[1];
    pointers.current.set(event.pointerId, event.clientX);
    if (other === undefined) return move(pan(window, -by / (width - gutter), span));
    const [was, is] = [Math.abs(before - other), Math.abs(event.clientX - other)];
    if (was > 8 && is > 8) move(zoom(window, was / is, shareOf((event.clientX + other) / 2), span));
  };
  const up = (event: PointerEvent): void => void pointers.current.delete(event.pointerId);
  const click = (event: MouseEvent): void => {
    const found = dragged.current ? undefined : under(event);
    if (found !== undefined) onChoose(found.bar);
  };

  const key = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const bar = chosen === undefined ? undefined : layout.hits.get(chosen);
    const inside = bar !== undefined && bar.start >= window.start && bar.start <= window.start + window.width;
    const about = inside ? (bar.start - window.start) / window.width : 0.5;
    switch (event.key) {
      case "+":
      case "=":
        move(zoom(window, 1 / 1.5, about, span));
        break;
      case "-":
        move(zoom(window, 1.5, about, span));
        break;
      case "ArrowLeft":
        move(pan(window, -0.2, span));
        break;
      case "ArrowRight":
        move(pan(window, 0.2, span));
        break;
      case "Home":
        setMoved(undefined);
        break;
      case "End":
        setMoved("newest");
        break;
      case "ArrowDown":
        onStep(1);
        break;
      case "ArrowUp":
        onStep(-1);
        break;
      case "Enter":
        if (bar !== undefined) onOpen(bar);
        break;
      default:
        return;
    }
    event.preventDefault();
  };

  return (
    <div
      ref={box}
      class="timeline-box"
      role="group"
      tabIndex={0}
      aria-label={`Timeline of ${layout.hits.size} hits in ${layout.lanes.length} lanes, ${clock(window.start, "s")} to ${clock(window.start + window.width, "s")}. Plus and minus zoom, arrows move; the hits are in the list beside it.`}
      data-start={Math.round(window.start)}
      data-width={Math.round(window.width)}
      onPointerDown={down}
      onPointerMove={drag}
      onPointerUp={up}
      onPointerCancel={up}
      onPointerLeave={() => setHovered(undefined)}
      onClick={click}
      onDblClick={(event) => {
        const found = under(event);
        if (found !== undefined) onOpen(found.bar);
      }}
      onKeyDown={key}
    >
      <canvas
        ref={canvas}
        aria-hidden="true"
        class={hovered === undefined ? "" : "over"}
        style={{ width: `${size.width}px`, height: `${height}px` }}
      />
      {hovered !== undefined && (
        <div
          class="tip"
          style={{ left: `${Math.min(hovered.x + 12, size.width - 292)}px`, top: `${hovered.y + 16}px` }}
        >
          <Tip bar={hovered.bar} hit={hitOf(hovered.bar.number)} http={httpOf(hovered.bar.number)} />
        </div>
      )}
    </div>
  );
}

function Tip({
  bar,
  hit,
  http,
}: {
  readonly bar: Bar;
  readonly hit: HitRowView | undefined;
  readonly http: HttpView | undefined;
}) {
  const took =
    bar.end === Infinity
      ? `stands, ${duration(Date.now() - bar.start)} until now`
      : bar.end > bar.start
        ? duration(bar.end - bar.start)
        : undefined;
  const time = (
    <span class="quiet">
      {clock(bar.start)}
      {took !== undefined && ` · ${took}`}
    </span>
  );
  if (bar.kind === "http") {
    return (
      <>
        <b>
          <Shown text={bar.label} limit={200} />
        </b>
        <br />
        {http !== undefined && http.status > 0 && `${http.status} · `}
        {time}
      </>
    );
  }
  return (
    <>
      <b>
        <Shown text={bar.label} limit={120} />
      </b>{" "}
      {hit?.file !== undefined && (
        <Shown text={`${hit.file.slice(hit.file.lastIndexOf("/") + 1)}:${hit.line ?? "?"}`} limit={120} />
      )}
      <br />
      {hit !== undefined && (
        <>
          <Shown text={hit.name} /> · <Shown text={hit.reason} limit={60} /> ·{" "}
        </>
      )}
      {time}
      {bar.request !== undefined && (
        <>
          <br />
          <Shown text={bar.request} limit={80} />
        </>
      )}
    </>
  );
}

function spanOf({ start, end, standing }: Layout): Span {
  return { start, end: standing ? Math.max(end, Date.now()) : end };
}

function coloursOf(element: Element): Colours {
  const style = getComputedStyle(element);
  const of = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    text: of("text"),
    quiet: of("quiet"),
    line: of("line"),
    bar: of("bar"),
    standing: of("accent"),
    http: of("http"),
    arrow: of("arrow"),
    mark: of("accent"),
    onBar: of("on-bar"),
    onStanding: of("on-accent"),
    font: of("sans"),
  };
}
