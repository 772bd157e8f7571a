import { EventEmitter, once } from "node:events";
import { stripVTControlCharacters } from "node:util";
import t from "tap";
import type {
  HostView,
  RelayEvent,
  RecorderView,
  RelayView,
  ServiceView,
  SessionView,
  TriggerView,
} from "../../protocol/control.ts";
import { summarizeHit, whereOf } from "../../protocol/hit-summary.ts";
import type { Hit } from "../../protocol/hit.ts";
import { renderBoard } from "../../src/cli/board.ts";
import { eventLine } from "../../src/cli/event-line.ts";
import { LiveBoard } from "../../src/cli/live-board.ts";
import { clip, hasColor, size, span, wrap } from "../../src/cli/paint.ts";

process.env["TZ"] = "UTC";
const now = Date.UTC(2026, 10, 24, 12, 0, 0);

const session = (more: Partial<SessionView> & { id: number }): SessionView => ({
  service: "cinder-api",
  ordinal: more.id,
  name: `cinder-api#${more.id}`,
  wire: "pydevd",
  debuggee: `devstack 127.0.0.1:${43210 + more.id}`,
  client: "127.0.0.1:5711",
  state: "open",
  since: now - 4000,
  mode: "cut-through",
  bytes: { client: 1234, debuggee: 84_000 },
  frames: { client: 3, debuggee: 40 },
  ...more,
});

const changed = {
  code: "DT_HOSTKEY_CHANGED",
  what: "the host key of nova.example.org differs from the one in known_hosts",
  why: "the machine was set up anew, or somebody is in between; the key that was seen is SHA256:uNiVztksCsDhcc0u9e8BrqpWzNoCRzRcPVJTxGZmHpI",
  fix: "ssh-keygen -R nova.example.org -f /home/me/.ssh/known_hosts && ssh -o StrictHostKeyChecking=ask stack@nova.example.org true",
} as const;

const hosts = {
  devstack: { name: "devstack", target: "stack@192.168.56.101", state: "up", since: now - 180_000 },
  nova: { name: "nova", target: "stack@nova.example.org", state: "down", since: now - 2000, reason: changed },
  local: { name: "local", target: "local", state: "local", since: now },
} as const satisfies Record<string, HostView>;

const services = {
  api: {
    name: "cinder-api",
    wire: "pydevd",
    host: "devstack",
    state: "listening",
    since: now,
    ide: "127.0.0.1:5711",
    vm: "127.0.0.1:5678",
    sessions: 3,
  },
  volume: {
    name: "cinder-volume",
    wire: "dap",
    host: "devstack",
    state: "listening",
    since: now,
    ide: "127.0.0.1:5713",
    vm: "127.0.0.1:5679",
    sessions: 0,
  },
  compute: {
    name: "nova-compute-with-a-long-name",
    wire: "dap",
    host: "nova",
    state: "failed",
    since: now,
    ide: "127.0.0.1:5714",
    vm: "0.0.0.0:5680",
    sessions: 0,
    reason: changed,
  },
  pdb: {
    name: "pdb",
    wire: "raw",
    host: "local",
    state: "starting",
    since: now,
    ide: "127.0.0.1:5715",
    vm: "127.0.0.1:4444",
    sessions: 0,
  },
} as const satisfies Record<string, ServiceView>;

const sessions = {
  open: session({ id: 1 }),
  held: session({
    id: 2,
    state: "held",
    reason: "waits for your IDE to listen on 127.0.0.1:5711",
    bytes: { client: 0, debuggee: 12 },
  }),
  opaque: session({ id: 3, mode: "opaque", reason: "the client sent bytes that are no frame" }),
};

const view: RelayView = {
  pid: 4242,
  started: now - 184_000,
  version: "0.1.0",
  config: "/home/me/debugtap.yml",
  trace: "/home/me/.local/state/debugtap/traces/2026-11-24T11-56-56",
  hosts: Object.values(hosts),
  services: Object.values(services),
  sessions: Object.values(sessions),
};

t.test("the board says what is not recorded", async (t) => {
  const missed = { chunks: 2, bytes: 3.4e6, hits: 0 };
  const line = (recorder: RecorderView) => renderBoard({ ...view, recorder }, { width: 100, color: false, now })[2];
  t.equal(
    line({ state: "behind", since: now - 12_000, missed }),
    "       the recorder is behind, for 12s, 3.4 MB in 2 chunks not recorded",
  );
  const reason = { code: "DT_TRACE_DISK", what: "the trace /t cannot be written", why: "ENOSPC: no space" } as const;
  t.equal(
    line({ state: "failed", since: now - 2000, missed: { chunks: 0, bytes: 0, hits: 0 }, reason }),
    "       the trace cannot be written, for 2s: ENOSPC: no space",
  );
});

t.test("the board: who runs where, what waits for the user, what is wrong and how to mend it", async (t) => {
  const address = `http://127.0.0.1:5700/?token=${"x".repeat(60)}`;
  const addressed = renderBoard({ ...view, board: address }, { width: 72, color: false, now });
  t.equal(addressed[1], `board  ${address}`, "the address of the page can be pasted");
  const lines = renderBoard(view, { width: 80, color: false, now });
  t.equal(
    `\n${lines.map((line) => line.trimEnd()).join("\n")}\n`,
    `
debugtap 0.1.0  pid 4242  up 3m 4s  /home/me/debugtap.yml
trace  /home/me/.local/state/debugtap/traces/2026-11-24T11-56-56
hosts  devstack (stack@192.168.56.101) up 3m 0s
       nova (stack@nova.example.org) down 2s  local

SERVICE          WIRE    YOUR IDE       ON THE HOST       STATE      SESSIONS
cinder-api       pydevd  listens 5711   devstack:5678     listening  3, 1 held
  #2   held        4s      ide 0 B     vm 12 B    devstack 127.0.0.1:43212
       waits for your IDE to listen on 127.0.0.1:5711
  #1   open        4s      ide 1.2 kB  vm 84 kB   devstack 127.0.0.1:43211
  #3   open        4s      ide 1.2 kB  vm 84 kB   opaque, devstack 127.0.0.1:43…
       the client sent bytes that are no frame
cinder-volume    dap     attaches 5713  devstack:5679     listening  -
nova-compute-w…  dap     attaches 5714  nova 0.0.0.0:56…  failed     -
pdb              raw     5715           local:4444        starting   -

nova, nova-compute-with-a-long-name: DT_HOSTKEY_CHANGED: the host key of
  nova.example.org differs from the one in known_hosts
  why: the machine was set up anew, or somebody is in between; the key that was
    seen is SHA256:uNiVztksCsDhcc0u9e8BrqpWzNoCRzRcPVJTxGZmHpI
  fix: ssh-keygen -R nova.example.org -f /home/me/.ssh/known_hosts && ssh -o StrictHostKeyChecking=ask stack@nova.example.org true
`,
  );
  for (const line of lines) t.ok(line.length <= 80 || line.startsWith("  fix: "), line);
});

t.test("the board: triggers, where they lead and how many requests are on their way", async (t) => {
  const trigger = (name: string, more: Partial<TriggerView>): TriggerView => ({
    name,
    host: "devstack",
    to: "127.0.0.1:8776",
    listen: "127.0.0.1:5780",
    state: "listening",
    open: 0,
    ...more,
  });
  const taken = { code: "DT_PORT_IN_USE", what: "127.0.0.1:5781 is in use", fix: "kill 7" } as const;
  const triggers = [
    trigger("cinder", { open: 1 }),
    trigger("horizon\u001b[2J", { to: "10.0.0.7:80", listen: "127.0.0.1:5781", state: "failed", reason: taken }),
    trigger("a-trigger-with-a-very-long-name-indeed-and-more", { state: "waiting", open: 12 }),
  ];
  const lines = renderBoard({ ...view, services: [], sessions: [], triggers }, { width: 80, color: false, now });
  const from = lines.findIndex((line) => line.startsWith("TRIGGER"));
  t.strictSame(
    lines.slice(from, from + 4).map((line) => line.trimEnd()),
    [
      "TRIGGER            HERE                   ON THE HOST        STATE      REQUESTS",
      "cinder             http://127.0.0.1:5780  devstack:8776      listening  1 open",
      "horizon [2J        http://127.0.0.1:5781  devstack:10.0.0.…  failed     -",
      "a-trigger-with-a…  http://127.0.0.1:5780  devstack:8776      waiting    12 open",
    ],
  );
  t.ok(lines.slice(from, from + 4).every((line) => line.length <= 80));
  t.match(lines.join("\n"), /horizon \[2J: DT_PORT_IN_USE: 127\.0\.0\.1:5781 is in use\n {2}fix: kill 7/);
  const [cinder, horizon] = triggers;
  const http = {
    id: 3,
    through: "cinder",
    method: "POST",
    path: "/v3",
    status: 202,
    at: now - 61_500,
    hits: [],
    again: true,
  };
  const said = (event: object) => eventLine({ at: now, ...event } as RelayEvent)?.slice(9);
  t.equal(
    said({ type: "trigger", trigger: cinder }),
    "trigger cinder ready: http://127.0.0.1:5780 is 127.0.0.1:8776 on devstack",
  );
  t.match(said({ type: "trigger", trigger: horizon }), /^trigger horizon \[2J failed: DT_PORT_IN_USE/);
  t.equal(said({ type: "http", http }), undefined, "its end says it all");
  t.equal(
    said({ type: "http", http: { ...http, end: now, hits: [4, 5] } }),
    "POST /v3 (cinder) 202 after 61.5 s, 2 hits",
  );
  t.equal(said({ type: "http", http: { ...http, status: 0, end: now } }), "POST /v3 (cinder) no answer after 61.5 s");
});

t.test("colours change nothing but colours; a wider terminal cuts nothing", async (t) => {
  const plain = renderBoard(view, { width: 120, color: false, now });
  const painted = renderBoard(view, { width: 120, color: true, now });
  t.strictSame(painted.map(stripVTControlCharacters), plain);
  t.not(painted.join(""), plain.join(""));
  t.notMatch(plain.join("\n"), /…/);
});

t.test("several IDEs of one session: who drives", async (t) => {
  const clients = [
    { id: 1, name: "Visual Studio Code", drives: true },
    { id: 2, name: "nvim-dap\u001b[31m", drives: false },
  ];
  const lines = (of: typeof clients): string[] =>
    renderBoard({ ...view, sessions: [session({ id: 1, clients: of })] }, { width: 80, color: false, now });
  t.match(lines(clients).join("\n"), /^ {7}IDEs: 1 Visual Studio Code drives, 2 nvim-dap[^\p{Cc}]* observes$/mu);
  t.notMatch(lines(clients.slice(0, 1)).join("\n"), /IDEs/);
});

t.test("many sessions: those that wait come first, the rest is counted", async (t) => {
  const sessions = Array.from({ length: 40 }, (_, index) =>
    session({ id: index + 1, state: index === 39 ? "held" : "open" }),
  );
  const lines = renderBoard({ ...view, sessions }, { width: 80, color: false, now });
  const at = lines.findIndex((line) => line.startsWith("cinder-api"));
  t.match(lines[at + 1], /^ {2}#40 {2}held/);
  t.ok(lines.includes("  and 32 more sessions"));
});

t.test("what comes from elsewhere cannot move the cursor", async (t) => {
  const bad = "\u001b[2J\r\nboo";
  const services = view.services.map((service) =>
    Object.assign({}, service, { name: bad, reason: { code: "DT_INTERNAL", what: bad, why: bad, fix: bad } }),
  );
  const sessions = [session({ id: 1, service: bad, name: bad, debuggee: bad, client: bad, reason: bad })];
  const text = renderBoard({ ...view, services, sessions, config: bad }, { width: 80, color: false, now }).join("");
  t.notMatch(text, /\p{Cc}/u);
  t.match(text, /boo/);
});

type Untimed<Event> = Event extends unknown ? Omit<Event, "at"> : never;

function told(event: Untimed<RelayEvent>): string | undefined {
  return eventLine(Object.assign({ at: now }, event));
}

t.test("events as plain lines", async (t) => {
  const { api, volume, compute, pdb } = services;
  const { open, held, opaque } = sessions;
  const frames = ["/opt/app/app.py", "C:\\app\\wsgi.py", undefined].map((path, i) => ({
    name: i === 0 ? "create" : "handle",
    ...(path === undefined ? {} : { path, line: 12 }),
  }));
  const snapshot = { frames, took: 95.2 };
  const hit: Hit = {
    number: 1,
    session: "cinder-api#1",
    service: "cinder-api",
    at: 0,
    thread: { id: 7, name: "MainThread" },
    reason: "breakpoint",
    snapshot,
  };
  const lost: Hit = {
    ...hit,
    thread: { id: 7 },
    reason: "pause",
    snapshot: { frames: [], took: 500, cut: { by: "time" } },
  };
  t.strictSame(
    frames.map((frame) => whereOf(frame)),
    ["create (app.py:12)", "handle (wsgi.py:12)", "handle"],
  );
  const events: Untimed<RelayEvent>[] = [
    { type: "host", host: hosts.devstack },
    { type: "host", host: hosts.nova },
    { type: "service", service: api },
    { type: "service", service: volume },
    { type: "service", service: { ...pdb, state: "listening" } },
    { type: "service", service: compute },
    { type: "session", session: held },
    { type: "session", session: open },
    { type: "session", session: { ...opaque, state: "closed", reason: "the debuggee reset the connection" } },
    { type: "note", session: "cinder-volume#1", kind: "rewritten", detail: "port 5679 became 5713 in debugpyAttach" },
    { type: "hit", session: "cinder-api#1", hit: summarizeHit(hit) },
    { type: "hit", session: "cinder-api#1", hit: summarizeHit(lost) },
    { type: "trace", state: "failed", dir: "/t", reason: { code: "DT_TRACE_DISK", what: "no space", fix: "df -h /t" } },
    { type: "trace", state: "caught-up", dir: "/t", missed: { chunks: 340, bytes: 12e6, hits: 1 } },
    { type: "trace", state: "dropped", dir: "/t", by: "max_size" },
    { type: "trace", state: "removed", dir: "/traces", traces: 3, bytes: 4.2e9 },
    { type: "trace", state: "closed", dir: "/t", missed: { chunks: 0, bytes: 0, hits: 2 } },
    { type: "error", error: { code: "DT_INTERNAL", what: "oh" } },
  ];
  const lines = events.map(told);
  t.equal(
    `\n${lines.join("\n")}\n`,
    `
12:00:00 host devstack up (stack@192.168.56.101)
12:00:00 host nova down, until something changes (stack@nova.example.org): DT_HOSTKEY_CHANGED: the host key of nova.example.org differs from the one in known_hosts
  why: the machine was set up anew, or somebody is in between; the key that was seen is SHA256:uNiVztksCsDhcc0u9e8BrqpWzNoCRzRcPVJTxGZmHpI
  fix: ssh-keygen -R nova.example.org -f /home/me/.ssh/known_hosts && ssh -o StrictHostKeyChecking=ask stack@nova.example.org true
12:00:00 service cinder-api ready: it dials 127.0.0.1:5678 on devstack, your IDE listens on 127.0.0.1:5711
12:00:00 service cinder-volume ready: it listens on 127.0.0.1:5679 on devstack, your IDE attaches to 127.0.0.1:5713
12:00:00 service pdb ready: it is at 127.0.0.1:4444 on local, your IDE is at 127.0.0.1:5715
12:00:00 service nova-compute-with-a-long-name failed: DT_HOSTKEY_CHANGED: the host key of nova.example.org differs from the one in known_hosts
  why: the machine was set up anew, or somebody is in between; the key that was seen is SHA256:uNiVztksCsDhcc0u9e8BrqpWzNoCRzRcPVJTxGZmHpI
  fix: ssh-keygen -R nova.example.org -f /home/me/.ssh/known_hosts && ssh -o StrictHostKeyChecking=ask stack@nova.example.org true
12:00:00 session cinder-api#2 held: waits for your IDE to listen on 127.0.0.1:5711
12:00:00 session cinder-api#1 open: devstack 127.0.0.1:43211 with 127.0.0.1:5711
12:00:00 session cinder-api#3 closed (ide 1.2 kB, vm 84 kB): the debuggee reset the connection
12:00:00 cinder-volume#1 rewritten: port 5679 became 5713 in debugpyAttach
12:00:00 cinder-api#1 stopped: breakpoint at create (app.py:12), MainThread; 3 frames captured in 95 ms
12:00:00 cinder-api#1 stopped: pause, 7; 0 frames captured in 500 ms, cut by time
12:00:00 trace failed /t: DT_TRACE_DISK: no space
  fix: df -h /t
12:00:00 trace caught-up /t: 12 MB in 340 chunks and 1 hit not recorded
12:00:00 trace dropped /t: its oldest part goes from now on, by record.max_size
12:00:00 trace removed /traces: 3 old traces, 4.2 GB freed, by record.max_age
12:00:00 trace closed /t: 2 hits not recorded
12:00:00 DT_INTERNAL: oh
`,
  );
  const silent: Untimed<RelayEvent>[] = [
    { type: "host", host: hosts.local },
    { type: "service", service: pdb },
    { type: "session", session: { ...open, state: "waiting" } },
    { type: "session", session: { ...open, state: "attaching" } },
    { type: "note", session: "x", kind: "held", detail: "" },
  ];
  t.strictSame(silent.map(told), [undefined, undefined, undefined, undefined, undefined]);
});

const escape = "\u001b";
const sequences = new RegExp(`(${escape}\\[[?\\d;]*[A-Za-z]|\\n|\\r)`);

/** A terminal that keeps what was written, and the screen that it would show. */
class Screen extends EventEmitter {
  columns = 80;
  rows = 40;
  writableNeedDrain = false;
  written: string[] = [];
  write(text: string): void {
    this.written.push(text);
    this.emit("written");
  }
  /** The rows that stand after all writes, for the few sequences that a board uses, wrapping as terminals do. */
  lines(): string[] {
    const rows: string[] = [""];
    let [row, column] = [0, 0];
    const before = (end: number) => (rows[row] ?? "").slice(0, end);
    for (const token of this.written.join("").split(sequences)) {
      const up = /\[(\d+)A$/.exec(token)?.[1];
      if (up !== undefined) row = Math.max(0, row - Number(up));
      else if (token === "\r") column = 0;
      else if (token === "\n") [row, column] = [row + 1, 0];
      else if (token.endsWith("[2J")) rows.length = 0;
      else if (token.endsWith("[H")) [row, column] = [0, 0];
      else if (token.endsWith("[K") || token.endsWith("[J")) {
        // Behind a full row the cursor still stands on its last character.
        rows[row] = before(Math.min(column, this.columns - 1));
        if (token.endsWith("[J")) rows.length = row + 1;
      } else if (!token.startsWith(escape)) {
        for (const character of token) {
          if (column === this.columns) [row, column] = [row + 1, 0];
          rows[row] = before(column) + character + (rows[row] ?? "").slice(column + 1);
          column += 1;
        }
      }
      rows[row] ??= "";
    }
    return rows;
  }
}

/** The rows that a view takes on a terminal of 80 columns; the cursor stands below. */
function rowsOf(shown: RelayView): string[] {
  const lines = renderBoard(shown, { width: 80, color: false, now });
  return [...lines.flatMap((line) => line.match(/.{1,80}/g) ?? [""]), ""];
}

/** The timers of a board do not keep a process alive; here nothing else does. */
function keepRunning(t: { teardown(action: () => void): void }): void {
  const timer = setInterval(() => undefined, 60_000);
  t.teardown(() => clearInterval(timer));
}

t.test(
  "a live board redraws in place, seldom and only when something changed, and gives the cursor back",
  async (t) => {
    keepRunning(t);
    const screen = new Screen();
    let shown: RelayView = { ...view, sessions: [] };
    const board = new LiveBoard({ view: () => shown, terminal: screen, color: false, now: () => now });
    board.start();
    t.strictSame(screen.lines(), rowsOf(shown));
    const draws = screen.written.length;
    for (let count = 0; count < 100; count++) board.refresh();
    shown = view;
    const before = performance.now();
    board.refresh();
    await once(screen, "written");
    t.ok(performance.now() - before > 50, "the next draw waits its turn");
    t.equal(screen.written.length, draws + 1, "a hundred changes are one draw");
    t.strictSame(screen.lines(), rowsOf(shown));
    t.ok(
      screen.written.at(-1)?.startsWith(`${escape}[?2026h`) && screen.written.at(-1)?.endsWith(`${escape}[?2026l`),
      "one update",
    );

    board.print("DT_TRACE_GAP: 12 bytes were left out\n  fix: a faster disk");
    t.strictSame(screen.lines(), ["DT_TRACE_GAP: 12 bytes were left out", "  fix: a faster disk", ...rowsOf(shown)]);
    shown = { ...view, services: [], sessions: [] };
    board.stop();
    board.stop();
    t.strictSame(screen.lines().slice(2), rowsOf(shown), "the last state stands");
    t.equal(screen.written[0], `${escape}[?25l`);
    t.equal(screen.written.at(-1), `${escape}[?25h`);
    const after = screen.written.length;
    board.refresh();
    screen.emit("resize");
    t.equal(screen.written.length, after, "a stopped board is silent");
    board.print("later");
    t.equal(screen.written.at(-1), "later\n");
  },
);

t.test(
  "a live board is never taller than the screen, starts over on a resize and waits for a slow terminal",
  async (t) => {
    keepRunning(t);
    const screen = new Screen();
    screen.rows = 8;
    const board = new LiveBoard({ view: () => view, terminal: screen, color: false, now: () => now });
    board.start();
    t.equal(screen.lines().length, 8);
    t.match(screen.lines()[6], /^and \d+ more lines: debugtap ps$/);
    screen.rows = 60;
    screen.emit("resize");
    await once(screen, "written");
    t.strictSame(screen.lines(), rowsOf(view));
    screen.writableNeedDrain = true;
    const draws = screen.written.length;
    board.stop();
    t.strictSame(screen.written.slice(draws), ["\u001b[?25h"]);
  },
);

t.test("measures and cuts", async (t) => {
  t.strictSame([0, 999, 1000, 9949, 9950, 123_456, 5e6, 4e12].map(size), [
    "0 B",
    "999 B",
    "1.0 kB",
    "9.9 kB",
    "10 kB",
    "123 kB",
    "5.0 MB",
    "4000 GB",
  ]);
  t.strictSame([-5, 59_999, 60_000, 3_600_000, 90_000_000].map(span), ["0s", "59s", "1m 0s", "1h 0m", "1d 1h"]);
  t.equal(clip("abcdef", 4), "abc…");
  t.strictSame(wrap("aa bb cc", 5, "", " "), ["aa bb", " cc"]);
  t.strictSame(wrap("x".repeat(7), 3, "", " "), ["xxx", "xxx", "x"]);
  t.equal(hasColor({ isTTY: false }) && process.env["FORCE_COLOR"] === undefined, false);
});
