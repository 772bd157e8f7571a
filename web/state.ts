// What the page knows: the view, the traces, the trace that is shown, events, where one is. Everything shown is drawn from here.
import { computed, effect, signal } from "@preact/signals";
import type { ApiView, HitRowView, LiveMessage, TraceInfo } from "../protocol/api.ts";
import type { RelayEvent } from "../protocol/control.ts";
import { act, ask, refusalOf } from "./ask.ts";
import { link, listen } from "./live.ts";
import { isTraceInfos } from "../protocol/api-check.ts";
import { Newest } from "./model/newest.ts";
import { formatRoute, parseRoute, type Route } from "./model/route.ts";
import { plainText } from "./model/visible-text.ts";
import { TraceData } from "./trace-data.ts";

const mostEvents = 5000;

export const view = signal<ApiView | undefined>(undefined);
export const traces = signal<readonly TraceInfo[]>([]);
export const route = signal<Route>(parseRoute(location.hash));
/** Said to who listens to the page, and shown for a while. */
export const said = signal<{ readonly text: string; readonly bad: boolean; readonly fix?: string } | undefined>(
  undefined,
);
/** New stops, for screen readers. */
export const spoken = signal("");

const kept = new Newest<RelayEvent>(mostEvents);
const eventCount = signal(0);
let came = 0;
export const events = computed(() => (eventCount.value, kept.values()));

/** The trace that lists and timelines show: that of the address, else the one being recorded, else the first. */
const chosen = signal<string | undefined>(undefined);
export const traceId = computed(() => {
  const here = route.value;
  const asked = "trace" in here ? here.trace : undefined;
  return asked ?? chosen.value ?? traces.value.find(({ live }) => live)?.id ?? traces.value[0]?.id;
});
const isLive = (id: string): boolean => traces.peek().some((trace) => trace.live && trace.id === id);
export const trace = signal<TraceData | undefined>(undefined);

export const stoppedSessions = computed(
  () => new Set((view.value?.sessions ?? []).filter(({ stopped }) => stopped !== undefined).map(({ name }) => name)),
);

/** Whether a hit without an end stands now. */
export function stands(hit: HitRowView): boolean {
  const id = trace.value?.id;
  return (
    id !== undefined &&
    traces.value.some((trace) => trace.live && trace.id === id) &&
    stoppedSessions.value.has(hit.session)
  );
}

export function go(to: Route, { instead = false } = {}): void {
  const hash = formatRoute(to);
  if (instead) history.replaceState(null, "", hash);
  else if (location.hash !== hash) history.pushState(null, "", hash);
  route.value = to;
}

/** Does it, and says whether it was done. */
export async function doing(done: string, method: "POST" | "PUT", path: string, body?: unknown): Promise<boolean> {
  try {
    await act(method, path, body);
    say(done);
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}

export function say(text: string): void {
  said.value = { text, bad: false };
}

export function complain(error: unknown): void {
  const { what, why, fix } = refusalOf(error);
  said.value = { text: why === undefined ? what : `${what}: ${why}`, bad: true, ...(fix === undefined ? {} : { fix }) };
}

export function start(): void {
  // The token has become a cookie: it need not stand in the address, nor in the history.
  if (location.search !== "") history.replaceState(null, "", location.pathname + location.hash);
  const moved = (): void => {
    route.value = parseRoute(location.hash);
  };
  window.addEventListener("popstate", moved);
  window.addEventListener("hashchange", moved);
  effect(() => {
    const id = traceId.value;
    if (id === trace.peek()?.id) return;
    chosen.value = id;
    const next = id === undefined ? undefined : new TraceData(id);
    trace.value = next;
    void next?.load();
  });
  effect(() => {
    const count = stoppedSessions.value.size;
    document.title = count === 0 ? "debugtap" : `(${count}) debugtap`;
  });
  // A page that shows a file begins with its hits: nothing runs that a board could show.
  let landed = false;
  effect(() => {
    const now = view.value;
    if (landed || now === undefined || traces.value.length === 0) return;
    landed = true;
    if (now.services.length + now.hosts.length === 0 && location.hash === "")
      go({ view: "timeline" }, { instead: true });
  });
  listen(hear, () => void anew());
}

/** All that is asked for, from the beginning (the view comes by itself): after a connection was made, or messages were left out. */
async function anew(): Promise<void> {
  try {
    const shown = trace.peek();
    await listTraces();
    // Another one reads itself.
    if (shown === trace.peek()) await shown?.load();
  } catch (error) {
    if (link.peek().state === "online") complain(error);
  }
}

export async function listTraces(): Promise<void> {
  traces.value = await ask("traces", isTraceInfos);
}

function show(next: ApiView): void {
  const before = view.peek();
  view.value = next;
  const shown = trace.peek();
  // Another recording has begun, or this one ended.
  if (before !== undefined && (before.trace !== next.trace || before.recording !== next.recording)) {
    const live = shown !== undefined && isLive(shown.id);
    void listTraces().then(() => {
      if (!live && shown !== undefined) return;
      chosen.value = undefined;
      const id = traceId.peek();
      trace.value = id === undefined ? undefined : new TraceData(id);
      return trace.value?.load();
    }, complain);
  }
}

function hear(message: LiveMessage): void {
  switch (message.type) {
    case "view":
      return show(message.view);
    case "event":
      kept.put(came++, message.event);
      return later();
    case "hit": {
      const { row } = message;
      const shown = trace.peek();
      if (row.end === undefined) announce(row);
      if (shown !== undefined && isLive(shown.id)) shown.hit(row);
      else if (shown === undefined) void listTraces().catch(complain);
      return;
    }
    case "http": {
      const shown = trace.peek();
      if (shown !== undefined && isLive(shown.id)) shown.http(message.http);
      return;
    }
    case "missed":
      return void anew();
  }
}

let timer: number | undefined;
function later(): void {
  timer ??= window.setTimeout(() => {
    timer = undefined;
    eventCount.value = came;
  }, 120);
}

/** At most one sentence in two seconds: more would never be heard to its end. */
let unspoken: HitRowView[] = [];
let speaking = false;
function announce(row: HitRowView): void {
  if (unspoken.length < 1000) unspoken.push(row);
  if (!speaking) speak();
}
function speak(): void {
  const said = unspoken.slice(0, 3).map(({ service, function: name, file, reason, line }) => {
    const where = plainText(name ?? file ?? reason, 80);
    return `${plainText(service, 60)} stopped in ${where}${line === undefined ? "" : ` line ${line}`}`;
  });
  const more = unspoken.length - said.length;
  unspoken = [];
  speaking = said.length > 0;
  if (!speaking) return;
  spoken.value = `${said.join("; ")}${more === 0 ? "" : `; and ${more} more`}`;
  setTimeout(speak, 2000);
}
