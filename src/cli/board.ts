// A relay as a page of text: what `up` keeps on the terminal and `ps` prints once.
//
//   debugtap 0.1.0  pid 4242  up 3m 4s  ~/debugtap.yml
//   hosts  devstack (stack@192.168.56.101) up 3m 4s
//
//   SERVICE     WIRE    YOUR IDE       ON THE HOST    STATE      SESSIONS
//   cinder-api  pydevd  listens 5711   devstack:5678  listening  2, 1 held
//     #1  open  2m 1s  ide 1.2 kB  vm 8.4 kB  devstack 127.0.0.1:43210
//
// Rules
// - Pure: the same view and moment give the same lines.
// - No line is wider than `width`, but for a fix and the board's address: they must stay one line to be pasted.
// - A reason is given once, in full, under the table, with the names of all that it stopped.
import type {
  ClientView,
  HostView,
  Reason,
  RecorderView,
  RelayView,
  ServiceView,
  SessionState,
  SessionView,
} from "../../protocol/control.ts";
import { describeDifference, type DifferingSource } from "../../protocol/source-difference.ts";
import { triggerLines } from "./board-triggers.ts";
import { clean, clip, fit, missedText, painter, size, span, wrap, type Paint } from "./paint.ts";

export interface BoardOptions {
  /** Columns of the terminal. */
  readonly width: number;
  readonly color: boolean;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** Narrower terminals get lines that wrap. */
const smallest = 72;
const sessionsShown = 8;
const differingShown = 5;
const stateWidth = "listening".length;
const countWidth = 11;
const gap = "  ";

export function renderBoard(view: RelayView, options: BoardOptions): string[] {
  const width = Math.max(smallest, options.width);
  const paint = painter(options.color);
  const { now } = options;
  return [
    ...header(view, width, now, paint),
    "",
    ...services(view, width, now, paint),
    ...triggerLines(view.triggers ?? [], width, paint),
    ...reasons(view, width, paint),
  ];
}

function header(view: RelayView, width: number, now: number, paint: Paint): string[] {
  const title = `debugtap ${view.version}`;
  const facts = [
    `pid ${view.pid}`,
    `up ${span(now - view.started)}`,
    ...(view.config === undefined ? [] : [clean(view.config)]),
  ];
  const lines = [`${paint.bold(title)}${paint.dim(clip(`${gap}${facts.join(gap)}`, width - title.length))}`];
  if (view.board !== undefined) lines.push(paint.dim(`board  ${clean(view.board)}`));
  if (view.trace !== undefined) lines.push(paint.dim(clip(`trace  ${clean(view.trace)}`, width)));
  if (view.recorder !== undefined) lines.push(paint.red(clip(recorderText(view.recorder, now), width)));
  return [...lines, ...hosts(view.hosts, width, now, paint)];
}

function recorderText({ state, since, missed, reason }: RecorderView, now: number): string {
  const why = reason?.why === undefined ? "" : `: ${clean(reason.why)}`;
  const what = state === "behind" ? "the recorder is behind" : "the trace cannot be written";
  const lost = Object.values(missed).some((count) => count > 0) ? `, ${missedText(missed)} not recorded` : "";
  return `       ${what}, for ${span(now - since)}${lost}${why}`;
}

/** All hosts, as many on a line as fit. */
function hosts(views: readonly HostView[], width: number, now: number, paint: Paint): string[] {
  const lines: string[] = [];
  let used = width;
  for (const host of views) {
    const name = clean(host.name);
    const target = host.state === "local" || host.target === host.name ? "" : ` (${clean(host.target)})`;
    const state =
      host.state === "local" ? (name === "local" ? "" : "local") : `${host.state} ${span(now - host.since)}`;
    const text = clip(`${name}${target} ${state}`.trimEnd(), width - 7);
    const color = {
      local: paint.green,
      up: paint.green,
      connecting: paint.yellow,
      degraded: paint.yellow,
      down: paint.red,
    }[host.state];
    if (used + gap.length + text.length > width) {
      lines.push(`${lines.length === 0 ? "hosts" : "     "}${gap}${color(text)}`);
      used = 5 + gap.length + text.length;
    } else {
      lines[lines.length - 1] += `${gap}${color(text)}`;
      used += gap.length + text.length;
    }
  }
  return lines;
}

/** What the IDE has to do at its port. */
function ideOf(service: ServiceView): string {
  const port = short(service.ide);
  return service.wire === "pydevd" ? `listens ${port}` : service.wire === "dap" ? `attaches ${port}` : port;
}

/** The address where it is not loopback, and the port. */
function short(address: string): string {
  return clean(address).replace(/^(?:127\.0\.0\.1|localhost):/, "");
}

function vmOf(service: ServiceView): string {
  const place = short(service.vm);
  return place.includes(":") ? `${clean(service.host)} ${place}` : `${clean(service.host)}:${place}`;
}

function services(view: RelayView, width: number, now: number, paint: Paint): string[] {
  const ide = Math.min(16, longest(["YOUR IDE", ...view.services.map(ideOf)]));
  const free = width - (6 + ide + stateWidth + countWidth + 5 * gap.length);
  const longestVm = longest(["ON THE HOST", ...view.services.map(vmOf)]);
  const longestName = longest(["SERVICE", ...view.services.map((service) => service.name)]);
  const name = Math.min(longestName, Math.max(free - longestVm, Math.floor(free / 2)));
  const vm = Math.min(longestVm, free - name);
  const row = (cells: readonly [string, string, string, string], state: string, count: string) => {
    const [first, wire, second, third] = cells;
    return [fit(first, name), fit(wire, 6), fit(second, ide), fit(third, vm), state, clip(count, countWidth)].join(gap);
  };
  const lines = [paint.dim(row(["SERVICE", "WIRE", "YOUR IDE", "ON THE HOST"], fit("STATE", stateWidth), "SESSIONS"))];
  for (const service of view.services) {
    const own = view.sessions.filter((session) => session.service === service.name);
    const held = own.filter((session) => session.state === "held").length;
    const count =
      service.sessions === 0 ? "-" : held === 0 ? `${service.sessions}` : `${service.sessions}, ${held} held`;
    const color = { starting: paint.yellow, listening: paint.green, waiting: paint.yellow, failed: paint.red }[
      service.state
    ];
    const cells = [clean(service.name), service.wire, ideOf(service), vmOf(service)] as const;
    lines.push(row(cells, color(fit(service.state, stateWidth)), count));
    // Those that wait for the user come first: they must not be among those that are left out.
    const ranked = [...own].sort((a, b) => rank(a) - rank(b) || a.id - b.id);
    for (const session of ranked.slice(0, sessionsShown)) lines.push(...sessionLines(session, width, now, paint));
    if (own.length > sessionsShown) lines.push(paint.dim(`  and ${own.length - sessionsShown} more sessions`));
  }
  if (view.services.length === 0) lines.push("no service");
  return lines;
}

function longest(texts: readonly string[]): number {
  return Math.max(0, ...texts.map((text) => text.length));
}

function rank(session: SessionView): number {
  return session.state === "held" ? 0 : session.state === "closed" || session.state === "released" ? 2 : 1;
}

function sessionLines(session: SessionView, width: number, now: number, paint: Paint): string[] {
  const colors: Record<SessionState, (text: string) => string> = {
    waiting: paint.yellow,
    held: paint.yellow,
    attaching: paint.yellow,
    open: paint.green,
    released: paint.dim,
    reattaching: paint.yellow,
    closed: paint.dim,
  };
  const start = `  ${fit(`#${session.ordinal}`, 4)} `;
  const sizes = `ide ${fit(size(session.bytes.client), 6)}  vm ${fit(size(session.bytes.debuggee), 6)}`;
  const mode = session.mode === "opaque" ? "opaque, " : "";
  const tail = `${" ".repeat(12 - session.state.length)}${fit(span(now - session.since), 8)}${sizes}  ${mode}${clean(session.process ?? session.debuggee)}`;
  const room = width - start.length - session.state.length;
  const lines = [`${start}${colors[session.state](session.state)}${clip(tail, room).trimEnd()}`];
  const indent = " ".repeat(7);
  const notes = [
    ...clientsText(session.clients ?? []),
    ...(session.stopped === undefined ? [] : [stoppedText(session.stopped, now)]),
    ...differingTexts(session.differs ?? []),
    ...(session.reason === undefined ? [] : [clean(session.reason)]),
  ];
  for (const note of notes) lines.push(...wrap(note, width, indent, indent).map((line) => paint.dim(line)));
  return lines;
}

/** Each reason once, with everything that has it. */
function reasons(view: RelayView, width: number, paint: Paint): string[] {
  const all = new Map<string, { names: string[]; reason: Reason }>();
  for (const { name, reason } of [...view.hosts, ...view.services, ...(view.triggers ?? [])]) {
    if (reason === undefined) continue;
    const key = `${reason.code} ${reason.what}`;
    const known = all.get(key);
    if (known === undefined) all.set(key, { names: [clean(name)], reason });
    else if (!known.names.includes(clean(name))) known.names.push(clean(name));
  }
  const lines: string[] = [];
  for (const { names, reason } of all.values()) {
    const what = `${names.join(", ")}: ${reason.code}: ${clean(reason.what)}`;
    lines.push("", ...wrap(what, width, "", "  ").map((line) => paint.red(line)));
    if (reason.why !== undefined) lines.push(...wrap(clean(reason.why), width, "  why: ", "    "));
    if (reason.fix !== undefined) lines.push(`  fix: ${paint.bold(clean(reason.fix))}`);
  }
  return lines;
}

/** Who drives, where that is a question. */
function clientsText(clients: readonly ClientView[]): string[] {
  if (clients.length < 2) return [];
  const each = clients.map(({ id, name, drives }) => `${id} ${clean(name)} ${drives ? "drives" : "observes"}`);
  return [`IDEs: ${each.join(", ")}`];
}

function differingTexts(all: readonly DifferingSource[]): string[] {
  const texts = all.slice(0, differingShown).map((each) => clean(describeDifference(each)));
  const rest = all.length - texts.length;
  return rest > 0 ? [...texts, `and ${rest} more files differ`] : texts;
}

function stoppedText({ threads, since }: { readonly threads: number; readonly since: number }, now: number): string {
  return `${threads === 1 ? "a thread is" : `${threads} threads are`} stopped, for ${span(now - since)}`;
}
