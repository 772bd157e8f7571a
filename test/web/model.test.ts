// The pure parts of the page, without a browser: where bars stand, what a window shows, what is made of hostile text.
import { fc } from "../helpers/property.ts";
import t from "tap";
import type { HitRowView, HttpView } from "../../protocol/api.ts";
import type { SnapshotFrame } from "../../protocol/hit.ts";
import { correlate } from "../../protocol/correlate.ts";
import { textOf } from "../../protocol/value-path.ts";
import { waitBefore } from "../../web/model/again.ts";
import { amount, bytes, counted, counting, duration } from "../../web/model/format.ts";
import { historyRows, sparkline } from "../../web/model/history.ts";
import { hitText } from "../../web/model/hit-text.ts";
import { Newest } from "../../web/model/newest.ts";
import { problemsOf } from "../../web/model/problems.ts";
import { requestRows } from "../../web/model/requests.ts";
import { formatRoute, parseRoute, type Route } from "../../web/model/route.ts";
import { sourceLines } from "../../web/model/source-lines.ts";
import { barAt, layOut, within } from "../../web/model/timeline-layout.ts";
import { centre, fit, pan, ticks, zoom } from "../../web/model/timeline-window.ts";
import { treeRows } from "../../web/model/value-tree.ts";
import { scrollTo, visibleRows } from "../../web/model/virtual.ts";
import { plainText, visible } from "../../web/model/visible-text.ts";
import { boardView, hitOf, storyTrace, variable } from "../helpers/board-story.ts";

const row = (number: number, at: number, more: Partial<HitRowView> = {}): HitRowView => ({
  number,
  name: `svc#1:${number}`,
  session: "svc#1",
  service: "svc",
  at,
  thread: "1",
  reason: "breakpoint",
  ...more,
});
const shown = (text: string, limit = 1000): string =>
  visible(text, { limit })
    .pieces.map((piece) => piece.text)
    .join("");

t.test("what a debuggee says is text that can be seen", async (t) => {
  t.equal(shown("a\u0000b\u001b[31m\n\t\u007f"), "a␀b␛[31m⏎⇥␡");
  t.equal(shown("\u202Egnp.exe\u200B\uFEFF\u2066"), "U+202Egnp.exeU+200BU+FEFFU+2066");
  t.equal(shown("\ud800 alone, \u{e0041}"), "U+D800 alone, U+E0041");
  t.equal(shown("<img src=x onerror=alert(1)>"), "<img src=x onerror=alert(1)>", "markup is text as any other");
  t.same(visible("a\nb", { limit: 10, lines: true }).pieces, [{ text: "a\nb" }]);
  t.same(visible("", { limit: 10 }), { pieces: [{ text: "" }], more: 0 });
  const huge = visible("x".repeat(50_000_000), { limit: 200 });
  t.same(huge, { pieces: [{ text: "x".repeat(200) }], more: 49_999_800 });
  t.equal(visible("ab😀", { limit: 3 }).more, 2, "a pair is not cut in two");
  t.equal(plainText("a".repeat(300), 5), "aaaaa…");
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 60 }), fc.integer({ min: 1, max: 80 }), (text, limit) => {
      const { pieces, more } = visible(text, { limit });
      const joined = pieces.map((piece) => piece.text).join("");
      return !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(joined) && more >= 0 && more <= text.length;
    }),
  );
});

t.test("amounts", async (t) => {
  t.strictSame([0, 340, 1240, 12_000, 247_000, 3_729_000, 273_600_000, -5, Number.NaN].map(duration), [
    "0 ms",
    "340 ms",
    "1.2 s",
    "12 s",
    "4:07",
    "1:02:09",
    "3 d 4 h",
    "0 ms",
    "0 ms",
  ]);
  t.strictSame([-1, 999, 1999, 59_999, 61_000].map(counted), ["0 s", "0 s", "1 s", "59 s", "1:01"]);
  t.strictSame([999, 1200, 999_600, 4_200_000, 1e12].map(bytes), ["999 B", "1.2 kB", "1.0 MB", "4.2 MB", "1.0 TB"]);
  t.equal(amount(1_234_567), "1,234,567");
  t.equal(counting(1, "hit"), "1 hit");
  t.equal(counting(0, "hit"), "0 hits");
});

t.test("addresses are read as they were written", async (t) => {
  const routes: readonly Route[] = [
    { view: "board" },
    { view: "timeline" },
    { view: "timeline", trace: "live", hit: 12 },
    { view: "hit", trace: "a b/c?d#e&f", hit: 3, frame: 2 },
    { view: "wire", trace: "live", session: "cinder-api#2" },
    { view: "traces", a: "x/y", b: "z&w" },
  ];
  for (const route of routes) t.strictSame(parseRoute(formatRoute(route)), route);
  for (const hash of ["", "#", "#/nowhere", "#/hit", "#/hit/live/x", "#/hit/%E0%A4%A/1e9"])
    t.strictSame(parseRoute(hash), { view: "board" }, hash);
  t.equal(parseRoute("#/timeline/%E0%A4%A").view, "timeline", "what is no UTF-8 is no crash");
});

t.test("only the newest are kept", async (t) => {
  const newest = new Newest<string>(3);
  for (const key of [1, 2, 3, 4, 2, 5]) newest.put(key, `v${key}`);
  t.strictSame(newest.values(), ["v3", "v4", "v5"], "one that came again keeps its place");
  t.equal(newest.dropped, 2);
  newest.put(4, "other");
  t.strictSame([newest.get(4), newest.size], ["other", 3]);
  newest.clear();
  t.strictSame([newest.size, newest.dropped], [0, 0]);
});

t.test("bars of a timeline", async (t) => {
  await t.test("lanes, tracks, arrows", async (t) => {
    const { rows, https } = storyTrace("live", 3, { begin: 1000 });
    const layout = layOut(rows, https, () => true);
    t.strictSame(
      layout.lanes.map(({ name, kind, tracks }) => [name, kind, tracks.length]),
      [
        ["HTTP", "http", 1],
        ["cinder-api", "service", 1],
        ["cinder-scheduler", "service", 1],
        ["cinder-volume", "service", 1],
      ],
    );
    t.strictSame(
      layout.arrows.map(({ from, to }) => [from.number, to.number]),
      [
        [1, 2],
        [2, 3],
        [4, 5],
        [5, 6],
        [7, 8],
        [8, 9],
      ],
    );
    t.ok(layout.arrows.every(({ from, to }) => from.end <= to.start));
    t.equal(layout.hits.get(9)?.end, Infinity, "it stands");
    t.equal(layOut(rows, https, () => false).hits.get(9)?.end, rows[8]?.at, "its end was not seen");
    t.ok(layout.standing);
    t.strictSame([layout.start, layout.https.get(1)?.lane], [1000, 0]);
  });
  await t.test("what overlaps has tracks of its own, up to five", async (t) => {
    const rows = Array.from({ length: 8 }, (_, at) => row(at + 1, 10 + at, { end: 100 }));
    const { lanes } = layOut([...rows, row(9, 200, { end: 210 })], [], () => false);
    t.strictSame(
      lanes[0]?.tracks.map(({ bars }) => bars.map(({ number }) => number)),
      [[1, 9], [2], [3], [4], [5, 6, 7, 8]],
    );
  });
  await t.test("what is in a window is found, whatever overlaps", async () => {
    const hit = fc.record({
      at: fc.integer({ min: 0, max: 500 }),
      took: fc.option(fc.integer({ min: 0, max: 300 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(
        fc.array(hit, { maxLength: 60 }),
        fc.integer({ min: -50, max: 600 }),
        fc.integer({ min: 0, max: 200 }),
        (hits, start, width) => {
          const rows = hits.map(({ at, took }, place) =>
            row(place + 1, at, took === undefined ? {} : { end: at + took }),
          );
          const { lanes } = layOut(rows, [], () => true);
          return (lanes[0]?.tracks ?? []).every((track) => {
            const { first, last } = within(track, start, start + width);
            return track.bars.every(
              (bar, at) => !(bar.start <= start + width && bar.end >= start) || (at >= first && at <= last),
            );
          });
        },
      ),
    );
  });
  await t.test("the bar under the mouse", async (t) => {
    const [track] =
      layOut([row(1, 10, { end: 90 }), row(2, 100, { end: 100 })], [], () => false).lanes[0]?.tracks ?? [];
    if (track === undefined) throw new Error("no track");
    t.strictSame(
      [5, 50, 95, 102].map((time) => barAt(track, time, 3)?.number),
      [undefined, 1, undefined, 2],
    );
  });
  t.strictSame(layOut([], [], () => true).lanes, [], "nothing is nothing");
});

t.test("a window over time", async (t) => {
  const span = { start: 1_000_000, end: 1_100_000 };
  const whole = fit(span);
  t.ok(whole.start < span.start && whole.start + whole.width > span.end);
  const near = zoom(whole, 0.1, 0.25, span);
  t.ok(
    Math.abs(near.start + near.width * 0.25 - (whole.start + whole.width * 0.25)) < 1e-3,
    "what is under the mouse stays there",
  );
  fc.assert(
    fc.property(
      fc.array(fc.record({ zooms: fc.boolean(), by: fc.double({ min: -3, max: 3, noNaN: true }) }), { maxLength: 50 }),
      (moves) => {
        let window = whole;
        for (const { zooms, by } of moves)
          window = zooms ? zoom(window, Math.exp(by), 0.5, span) : pan(window, by, span);
        return window.width >= 2 && window.start < span.end && window.start + window.width > span.start;
      },
    ),
  );
  t.equal(centre(near, span.end).start, span.end - near.width / 2);
  t.strictSame(
    ticks({ start: 0, width: 10_000 }, 5).map(({ at }) => at),
    [0, 2000, 4000, 6000, 8000, 10_000],
  );
  t.ok(ticks({ start: 0, width: 1e15 }, 7).length <= 8, "never too many, however wide");
});

t.test("requests and what they caused", async (t) => {
  const hits = [
    row(1, 5, { request: "req-a" }),
    row(2, 6),
    row(3, 7, { trigger: 1 }),
    row(4, 8, { request: "req-a" }),
    row(5, 9),
  ];
  const http = (id: number, more: Partial<HttpView> = {}): HttpView => ({
    id,
    through: "api",
    method: "GET",
    path: "/",
    status: 200,
    at: 4 + id,
    hits: [],
    again: false,
    ...more,
  });
  const rows = requestRows(
    hits,
    [http(1, { request: "req-a", again: true, hits: [1] }), http(2, { hits: [2] })],
    [{ id: 1, at: 1, argv: ["curl", "x"] }],
  );
  t.strictSame(
    rows.map(({ key, again, hits }) => [key, again, hits.map(({ number }) => number)]),
    [
      ["command 1", undefined, [3]],
      ["id req-a", 1, [1, 4]],
      ["http 2", undefined, [2]],
    ],
  );
  const joined = requestRows(hits, [http(7, { hits: [1, 4] })], []);
  t.strictSame(
    joined.map(({ key, https, hits }) => [key, https.length, hits.length]),
    [["id req-a", 1, 2]],
    "by the id that its hits have, where it has none",
  );
});

t.test("problems, each once, what is wrong now before what was told", async (t) => {
  const reason = { code: "DT_PORT_IN_USE", what: "port 1 is taken" } as const;
  const view = boardView();
  const broken = { ...view, hosts: view.hosts.map((host) => ({ ...host, reason })) };
  const found = problemsOf(broken, [
    { at: 1, type: "error", error: reason },
    { at: 2, type: "error", error: { code: "DT_LINK_LOST", what: "gone" } },
  ]);
  t.strictSame(
    found.map(({ of, reason }) => [of, reason.code]),
    [
      ["host devstack", "DT_PORT_IN_USE"],
      ["debugtap", "DT_LINK_LOST"],
    ],
  );
  t.strictSame(problemsOf(undefined, []), []);
});

t.test("values as a tree", async (t) => {
  const [story] = storyTrace("live", 1).rows;
  const [frame] = story === undefined ? [] : hitOf(story).snapshot.frames;
  if (frame === undefined) throw new Error("no frame");
  const names = (opened: readonly string[], search?: string): string[] =>
    treeRows(frame, new Set(opened), search).map(({ name }) => name);
  t.strictSame(names([]), ["Locals", "self", "context", "volume", "size", "Globals"]);
  t.strictSame(names(["0/1", "1"]), [
    "Locals",
    "self",
    "context",
    "request_id",
    "project_id",
    "is_admin",
    "roles",
    "volume",
    "size",
    "Globals",
    "LOG",
    "80 of 81 are not here: the capture takes so many of one value",
  ]);
  t.strictSame(
    names([], "ADMIN"),
    ["Locals", "context", "is_admin", "roles", "0", "310 of 312 are not here: the capture takes so many of one value"],
    "what leads to a find is open",
  );
  t.strictSame(names([], "nowhere"), []);
  const paths = treeRows(frame, new Set(["0/1", "0/1/3", "0/2"])).flatMap(({ path, value }) =>
    path === undefined ? [] : [{ path, value }],
  );
  t.match(
    paths.map(({ path }) => path),
    [
      "self",
      "context",
      "context.request_id",
      "context.project_id",
      "context.is_admin",
      "context.roles",
      "context.roles[0]",
      "context.roles[1]",
      "volume",
      "volume['id']",
    ],
  );
  for (const { path, value } of paths)
    t.equal(correlate([path], { frames: [frame] })[path], textOf({ value }), `${path} finds it again`);

  const odd: SnapshotFrame = {
    name: "f",
    scopes: [
      {
        name: "Locals",
        variables: [
          variable("special variables", "", { children: [variable("__doc__", "None")] }),
          variable("x", "1", { cut: { by: "string", of: 50_000_000 } }),
        ],
      },
    ],
  };
  t.strictSame(
    treeRows(odd, new Set()).map(({ path }) => path),
    [undefined, undefined, "x"],
    "what is no name has no history",
  );
  const many: SnapshotFrame = {
    name: "f",
    scopes: [{ name: "Locals", variables: Array.from({ length: 30_000 }, (_, at) => variable(`v${at}`, "1")) }],
  };
  t.match(treeRows(many, new Set()).at(-1), { kind: "note", name: /first 20,000 rows/ });
});

t.test("one variable over hits", async (t) => {
  const points = [1, 2, 3, 4].map((number) => ({ number, at: number, value: String(number * number) }));
  t.equal(sparkline(points, 90, 15), "0,15 30,12 60,7 90,0");
  t.equal(
    sparkline(
      points.map((point) => ({ ...point, value: "7" })),
      90,
      10,
    ),
    "0,5 30,5 60,5 90,5",
  );
  for (const values of [["1"], ["1", "'2'"], ["1", "1e999"], [undefined, "1"]]) {
    const given = values.map((value, at) => ({ number: at, at, ...(value === undefined ? {} : { value }) }));
    t.equal(sparkline(given, 90, 10), undefined, String(values));
  }
  const rows = historyRows([
    { number: 1, at: 1, value: "a" },
    { number: 2, at: 2, value: "a" },
    { number: 3, at: 3 },
  ]);
  t.strictSame(
    rows.map(({ changed }) => changed),
    [false, false, true],
  );
});

t.test("a hit as text", async (t) => {
  const [story] = storyTrace("live", 1).rows;
  if (story === undefined) throw new Error("no hit");
  const text = hitText({ row: story, hit: { ...hitOf(story), text: "ValueError: \u202Ehm" } });
  t.match(text, /^cinder-api#1:1 {2}breakpoint {2}\d{4}-/);
  t.match(text, "ValueError: U+202Ehm");
  t.match(text, /#0 create {2}\/opt\/stack\/cinder\/api\/v3\/volumes\.py:12\n {4}Locals\n/);
  t.match(text, "        'size' = 11");
  t.match(text, "310 of 312 are not here");
  t.match(text, "38 of 41 are not here: the capture takes so many frames");
});

t.test("sources as lines", async (t) => {
  const python = 'def f():  # why\r\n    """two\n    lines"""\n    return 1.5';
  const lines = sourceLines(python, true);
  t.strictSame(
    lines.map((line) => line.map(({ text }) => text).join("")),
    python.split(/\r?\n/),
    "nothing is lost",
  );
  t.strictSame(lines[2], [{ text: '    lines"""', kind: "string" }]);
  t.match(lines[0]?.[0], { text: "def", kind: "keyword" });
  t.strictSame(sourceLines("def f", false), [[{ text: "def f" }]]);
  t.match(sourceLines("x".repeat(5000), true)[0]?.[0]?.text, / … 4000 characters more$/);
});

t.test("long lists", async (t) => {
  t.strictSame(visibleRows(100_000, 22, 0, 440), { first: 0, end: 26, offset: 0, height: 2_200_000 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5_000_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (count, share) => {
      const viewport = 440;
      const { height } = visibleRows(count, 22, 0, viewport);
      const top = share * Math.max(0, height - viewport);
      const { first, end, offset } = visibleRows(count, 22, top, viewport);
      // The screen is covered by rows, or the list ends.
      const covered = offset <= top + 1 && (end === count || offset + (end - first) * 22 >= top + viewport - 1);
      return first >= 0 && end <= count && end - first < 40 && covered;
    }),
  );
  const last = visibleRows(3_000_000, 22, 8_000_000, 440);
  t.equal(last.end, 3_000_000, "the last of millions can be reached");
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2_999_999 }), (wanted) => {
      const to = scrollTo(wanted, 3_000_000, 22, 0, 440) ?? 0;
      const { first, end } = visibleRows(3_000_000, 22, to, 440);
      return wanted >= first && wanted < end;
    }),
  );
  t.equal(scrollTo(3, 100, 20, 0, 400), undefined, "it is seen");
  t.equal(scrollTo(20, 100, 20, 0, 400), 20, "by the least that shows it");
});

t.test("a lost connection is tried soon, and then ever later", async (t) => {
  const waits = [0, 1, 2, 3, 4, 5, 6, 60].map((tries) => waitBefore(tries, 0.5));
  t.strictSame(waits, [500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
  t.strictSame([waitBefore(0, 0), waitBefore(0, 1)], [375, 625]);
});
