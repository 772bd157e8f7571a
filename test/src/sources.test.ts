// Which files are read for a hit, and when; and what the debuggee is asked for. Files and debuggee are the test's, and so is the time.
import t from "tap";
import type { Answer, Ask } from "../../protocol/exchange.ts";
import { Sources } from "../../src/addons/sources.ts";
import type { FoundSource } from "../../src/observer.ts";
import { SourceAsker } from "../../src/source-asker.ts";
import type { SourceFacts } from "../../src/trace/index.ts";
import { factsOf, hitOf } from "../trace/recording.ts";

/** Timers that the test lets run. */
class Timers {
  readonly #waiting = new Map<number, { readonly ms: number; readonly run: () => void }>();
  #last = 0;

  after = (ms: number, run: () => void): (() => void) => {
    const id = ++this.#last;
    this.#waiting.set(id, { ms, run });
    return () => this.#waiting.delete(id);
  };

  /** Those of at most so many milliseconds, then lets what they began come to rest. */
  async run(most: number): Promise<void> {
    for (const [id, { ms, run }] of this.#waiting)
      if (ms <= most) {
        this.#waiting.delete(id);
        run();
      }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function setUp() {
  const timers = new Timers();
  const files = new Map<string, { size: number; mtime: number; text: string } | Error>();
  const calls: string[] = [];
  const stored: (SourceFacts & { text?: string })[] = [];
  const room = { left: true };
  const find = (what: string, path: string) => {
    calls.push(`${what} ${path}`);
    const found = files.get(path);
    return found instanceof Error ? Promise.reject(found) : Promise.resolve(found);
  };
  const sources = new Sources({
    store: (_, about, bytes) => {
      if (room.left) stored.push(bytes === undefined ? about : { ...about, text: new TextDecoder().decode(bytes) });
      return room.left;
    },
    files: ({ host }) =>
      host === "vm"
        ? {
            stat: (path) => find("stat", path),
            read: async (path) => {
              const found = await find("read", path);
              return found && { ...found, bytes: new TextEncoder().encode(found.text) };
            },
          }
        : undefined,
    there: (_, path) => path.replace(/^\/home\/me/, "/opt"),
    after: timers.after,
  });
  sources.sessionOpened({ ...factsOf(1, "dap"), host: "vm" });
  sources.sessionOpened({ ...factsOf(2, "dap"), host: "elsewhere" });
  /** What came of a hit in these files, in calls and in what was stored. */
  const taken = () => ({ calls: calls.splice(0), stored: stored.splice(0) });
  return { timers, files, room, sources, taken };
}

function hitIn(number: number, ...paths: string[]) {
  const hit = hitOf(1, number);
  return { ...hit, snapshot: { ...hit.snapshot, frames: paths.map((path) => ({ name: "f", path, line: 1 })) } };
}

t.test("each file once, after the hit, and again only when its size or time is another", async (t) => {
  const { timers, files, sources, taken } = setUp();
  const since = hitOf(1, 1).at;
  files.set("/opt/a.py", { size: 1, mtime: 10, text: "a" });
  sources.hit(1, hitIn(1, "/home/me/a.py", "/home/me/a.py", "<string>", "C:\\a.py", "/opt/gone.py"));
  t.strictSame(taken(), { calls: [], stored: [] }, "nothing in the turn of the hit");
  await timers.run(0);
  const first = taken();
  t.strictSame(first.calls, ["stat /opt/a.py", "stat /opt/gone.py", "read /opt/a.py"]);
  t.strictSame(first.stored, [
    { host: "vm", path: "/home/me/a.py", since, size: 1, mtime: 10, text: "a" },
    { host: "vm", path: "/opt/gone.py", since, why: "there is no such file" },
  ]);

  for (let n = 2; n < 100; n++) sources.hit(1, hitIn(n, "/home/me/a.py", "/opt/gone.py"));
  await timers.run(0);
  t.strictSame(taken().calls, [], "not before a quarter of a second is over");
  await timers.run(250);
  t.strictSame(taken(), { calls: ["stat /opt/a.py", "stat /opt/gone.py"], stored: [] });

  files.set("/opt/a.py", { size: 2, mtime: 10, text: "ab" });
  files.set("/opt/gone.py", { size: 3 << 20, mtime: 11, text: "" });
  sources.hit(1, hitIn(100, "/home/me/a.py", "/opt/gone.py"));
  await timers.run(250);
  t.match(taken(), {
    calls: ["stat /opt/a.py", "stat /opt/gone.py", "read /opt/a.py"],
    stored: [
      { path: "/home/me/a.py", since: hitOf(1, 100).at, text: "ab" },
      { path: "/opt/gone.py", why: "it has 3145728 bytes, more than 2097152" },
    ],
  });
  sources.sessionClosed(1);
  sources.hit(1, hitIn(101, "/opt/new.py"));
  sources.hit(2, hitIn(1, "/opt/new.py"));
  await timers.run(250);
  t.strictSame(taken().calls, [], "neither of a session that is over, nor of a machine whose files cannot be had");
});

t.test("what cannot be read is told with its reason, what finds no room comes again", async (t) => {
  const { timers, files, room, sources, taken } = setUp();
  files.set("/opt/a.py", new Error("Permission denied"));
  sources.hit(1, hitIn(1, "/opt/a.py"));
  await timers.run(0);
  t.match(taken().stored, [{ path: "/opt/a.py", why: "Permission denied" }]);
  files.set("/opt/a.py", { size: 1, mtime: 1, text: "a" });
  room.left = false;
  sources.hit(1, hitIn(2, "/opt/a.py"));
  await timers.run(250);
  room.left = true;
  t.strictSame(taken().stored, []);
  sources.hit(1, hitIn(3, "/opt/a.py"));
  await timers.run(250);
  t.match(taken().stored, [{ text: "a" }]);
});

t.test("settling waits for what hits asked for, not for longer than it is told", async (t) => {
  const { timers, files, sources, taken } = setUp();
  files.set("/opt/a.py", { size: 1, mtime: 1, text: "a" });
  sources.hit(1, hitIn(1, "/opt/a.py"));
  const settled = sources.settle(1000);
  await timers.run(0);
  await timers.run(0);
  await settled;
  t.match(taken().stored, [{ text: "a" }]);

  const never = setUp();
  never.files.set("/opt/a.py", { size: 1, mtime: 1, text: "a" });
  never.sources.hit(1, hitIn(1, "/opt/a.py"));
  const late = never.sources.settle(1000);
  await never.timers.run(1000);
  await late;
  t.pass("late");
});

t.test("the debuggee is asked for each text once, one at a time, and no longer than two seconds", async (t) => {
  const timers = new Timers();
  const asked: Ask[] = [];
  const answers: ((answer: Answer) => void)[] = [];
  const found: FoundSource[] = [];
  const asker = new SourceAsker({
    clock: { now: () => 0, wall: () => 0, after: timers.after },
    exchange: {
      ask: (ask, answered) => {
        asked.push(ask);
        let open = true;
        const once = (answer: Answer): void => {
          if (open) answered(answer);
          open = false;
        };
        answers.push(once);
        return () => once({ wire: "none", why: "given up" });
      },
    },
    onSource: (source) => found.push(source),
  });
  const wanted = new Map([
    ["<made>", 3],
    ["/late.py", 4],
    ["/last.py", 5],
  ]);
  asker.want(wanted, 7);
  asker.want(wanted, 8);
  t.strictSame(asked, [
    {
      wire: "dap",
      command: "source",
      arguments: { source: { path: "<made>", sourceReference: 3 }, sourceReference: 3 },
    },
  ]);
  answers[0]?.({ wire: "dap", success: true, body: { content: "made = 1\n" } });
  await timers.run(0);
  t.equal(asked.length, 2);
  await timers.run(2000);
  await timers.run(0);
  t.equal(asked.length, 3, "after one that does not answer the next");
  answers[2]?.({ wire: "dap", success: false });
  await timers.run(0);
  t.strictSame(found, [{ path: "<made>", since: 7, text: "made = 1\n" }]);
  t.equal(asked.length, 3);
});
