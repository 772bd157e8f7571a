// The page in a real Chromium, against a stand-in that speaks protocol/api.ts: each view by its texts, roles and keys, as a person uses it.
import { stat } from "node:fs/promises";
import axe from "axe-core";
import type { Page } from "playwright-core";
import t, { type Test } from "tap";
import { boardView, services, sessionView, storyTrace, type StoryTrace } from "../helpers/board-story.ts";
import { StandIn } from "../helpers/board-stand-in.ts";
import { startBrowser, type Browser } from "../helpers/browser.ts";

interface Scene {
  readonly t: Test;
  readonly server: StandIn;
  readonly page: Page;
}

/** A page at a place in it, and what is done there; nobody may have complained at the end. */
async function scene(
  t: Test,
  browser: Browser,
  name: string,
  { hash = "", traces = [storyTrace("live", 40)] }: { hash?: string; traces?: readonly StoryTrace[] },
  play: (scene: Scene) => Promise<void>,
): Promise<void> {
  await t.test(name, async (t) => {
    const server = await new StandIn(boardView(), traces).open();
    const page = await browser.open(server.url + hash);
    t.teardown(async () => {
      await page.close();
      await server.close();
    });
    await play({ t, server, page });
    t.strictSame(server.wrong, [], "the stand-in speaks the API");
    t.strictSame(browser.complaints.splice(0), [], "the page complains of nothing");
  });
}

/** Until the stand-in was asked for it. */
async function asked(server: StandIn, line: string, after = 0): Promise<void> {
  if (server.asked.slice(after).some((one) => one.startsWith(line))) return;
  await new Promise<void>((resolve) => server.on.set(line, resolve));
}

const sign = (name: string): RegExp => new RegExp(name.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));

const longStory = storyTrace("live", 1);
longStory.messages.count = 100_000;

t.test("the page", async (t) => {
  const browser = await startBrowser(t);

  await scene(
    t,
    browser,
    "board: who is stopped and for how long, and what can be done",
    {},
    async ({ t, server, page }) => {
      const row = (name: string) =>
        page.getByRole("row").filter({ has: page.getByRole("rowheader", { name: sign(name) }) });
      await row("cinder-volume#2").getByText("1 thread stopped").waitFor();
      const counted = row("cinder-volume#2").getByTestId("stopped-for");
      const before = await counted.textContent();
      t.match(before, /^2:\d\d$/);
      await page.waitForFunction(
        (before) => document.querySelector('[data-testid="stopped-for"]')?.textContent !== before,
        before,
      );
      t.match(await row("cinder-volume#2").textContent(), /VS Code drives.*Neovim looks on/);
      await row("cinder-volume#2").getByRole("link", { name: "create_volume manager.py:14" }).waitFor();

      await page.getByRole("button", { name: "Resume cinder-volume#2" }).click();
      await asked(server, "POST sessions/cinder-volume%232/resume");
      const [api, scheduler, volume] = server.view.sessions;
      if (api === undefined || scheduler === undefined || volume === undefined) throw new Error("no sessions");
      const clients = volume.clients ?? [];
      server.tellView({ ...server.view, sessions: [api, scheduler, sessionView(volume.name, { clients })] });
      await row("cinder-volume#2").getByText("running").waitFor();
      t.equal(await page.getByText("thread stopped").count(), 0);
      await page.getByRole("button", { name: "Release cinder-scheduler#1" }).click();
      await asked(server, "POST sessions/cinder-scheduler%231/release");
      await page.getByRole("button", { name: "Let Neovim drive cinder-volume#2" }).click();
      await asked(server, 'POST sessions/cinder-volume%232/drive {"client":"2"}');

      const said = page.getByRole("status", { name: "New stops" });
      t.equal(await said.textContent(), "");
      const hit = storyTrace("x", 1).rows[0];
      if (hit === undefined) throw new Error("no hit");
      server.tell({ type: "hit", row: { ...hit, number: 121, end: undefined } as never });
      await said.getByText("cinder-api stopped in create line 12").waitFor();

      server.tell({
        type: "event",
        event: {
          at: Date.now(),
          type: "error",
          error: { code: "DT_PORT_IN_USE", what: "port 5713 is taken", fix: "ss -ltnp" },
        },
      });
      await page.getByRole("region", { name: "Problems" }).getByText("port 5713 is taken").waitFor();
      await page.getByRole("button", { name: "Copy the fix" }).click();
      await page.getByRole("status").getByText("Copied the fix").waitFor();
      t.equal(await page.evaluate(() => navigator.clipboard.readText()), "ss -ltnp");
      await page.getByRole("button", { name: "Stop recording" }).click();
      await asked(server, 'POST recording {"on":false}');
      await page.getByRole("textbox", { name: "A new breakpoint" }).fill("api.py:3");
      await page.keyboard.press("Enter");
      await asked(server, 'PUT breakpoints {"specs":["manager.py:14","api.py:3"]}');
      // Once since it was set, and again for their hits.
      for (const _ of ["set", "hits"]) await asked(server, "GET breakpoints", server.asked.length);
      await page.getByRole("button", { name: "Clear manager.py:14" }).click();
      await asked(server, 'PUT breakpoints {"specs":[]}');
    },
  );

  await scene(
    t,
    browser,
    "timeline: keys, wheel, drag and pinch move it, a click goes to the hit",
    { hash: "#/timeline" },
    async ({ t, page }) => {
      const box = page.getByRole("group", { name: /^Timeline of 120 hits in 4 lanes/ });
      await box.waitFor();
      const window = async () => ({
        start: Number(await box.getAttribute("data-start")),
        width: Number(await box.getAttribute("data-width")),
      });
      const whole = await window();
      const press = async (key: string) => {
        const before = await box.getAttribute("aria-label");
        const [start, width] = [await box.getAttribute("data-start"), await box.getAttribute("data-width")];
        await page.keyboard.press(key);
        await page.waitForFunction(
          ([start, width]) => {
            const box = document.querySelector(".timeline-box");
            return box?.getAttribute("data-start") !== start || box?.getAttribute("data-width") !== width;
          },
          [start, width],
        );
        t.not(await box.getAttribute("data-start"), `${before}`, key);
        return await window();
      };
      await box.focus();
      const near = await press("+");
      t.ok(near.width < whole.width * 0.7);
      t.ok((await press("ArrowLeft")).start < near.start);
      t.ok(Math.abs((await press("ArrowRight")).start - near.start) <= near.width / 100, "there and back");
      t.ok((await press("-")).width > near.width);
      t.ok((await press("Home")).width >= whole.width);

      const area = await box.boundingBox();
      if (area === null) throw new Error("no box");
      const middle = { x: area.x + area.width / 2, y: area.y + 100 };
      await page.mouse.move(middle.x, middle.y);
      const changed = async (act: () => Promise<void>) => {
        const before = await box.getAttribute("data-start");
        await act();
        await page.waitForFunction(
          (before) => document.querySelector(".timeline-box")?.getAttribute("data-start") !== before,
          before,
        );
        return await window();
      };
      const wheeled = await changed(() => page.mouse.wheel(0, -400));
      t.ok(wheeled.width < whole.width, "the wheel zooms");
      const dragged = await changed(async () => {
        await page.mouse.down();
        await page.mouse.move(middle.x + 100, middle.y, { steps: 4 });
        await page.mouse.up();
      });
      t.ok(dragged.start < wheeled.start && Math.abs(dragged.width - wheeled.width) <= 1, "dragging moves");
      const touch = await page.context().newCDPSession(page);
      const fingers = async (type: "touchStart" | "touchMove" | "touchEnd", apart: number) =>
        await touch.send("Input.dispatchTouchEvent", {
          type,
          touchPoints:
            type === "touchEnd" ? [] : [-1, 1].map((side, id) => ({ x: middle.x + side * apart, y: middle.y, id })),
        });
      const pinched = await changed(async () => {
        await fingers("touchStart", 40);
        for (const apart of [60, 80, 120]) await fingers("touchMove", apart);
        await fingers("touchEnd", 0);
      });
      t.ok(pinched.width < dragged.width * 0.8, "two fingers apart zoom in");

      await page.keyboard.press("Home");
      await box.focus();
      await page.keyboard.press("ArrowUp");
      await page.waitForURL(/hit=120$/);
      await page.getByText("stands").first().waitFor();
      await page.keyboard.press("ArrowUp");
      await page.waitForURL(/hit=119$/);
      await page.keyboard.press("Enter");
      await page.waitForURL(/#\/hit\/live\/119$/);
      await page.goBack();
      await page.waitForURL(/timeline/);

      // The standing bar is the last of the lowest lane: at the right edge of all there is.
      await page.goto(`${page.url().split("#")[0]}#/timeline/live`);
      await box.focus();
      await page.keyboard.press("Home");
      await page.waitForFunction(
        (width) => Number(document.querySelector(".timeline-box")?.getAttribute("data-width")) >= width,
        whole.width,
      );
      const height = await page.locator("canvas").evaluate((canvas) => canvas.getBoundingClientRect().height);
      t.ok(height > 100);
      await page.mouse.move(area.x + area.width - 22, area.y + 26 + 54 * 3 + 20);
      await page.locator(".tip").getByText("cinder-volume#2:40").waitFor();
      await page.mouse.down();
      await page.mouse.up();
      await page.waitForURL(/hit=120$/);
      await page.getByRole("link", { name: "Open hit 120" }).waitFor();
    },
  );

  await scene(
    t,
    browser,
    "a request is sent again, and its three hits are in one row",
    { hash: "#/timeline", traces: [storyTrace("live", 2)] },
    async ({ t, server, page }) => {
      const list = page.getByRole("list", { name: /^Requests/ });
      await list.getByRole("listitem").nth(1).waitFor();
      t.equal(await list.getByRole("listitem").count(), 2);
      await list.getByRole("button", { name: "Again: POST /v3/volumes" }).first().click();
      await asked(server, 'POST triggers/2/again {"yes":true}');
      const begin = Date.now();
      const fresh = storyTrace("live", 3, { begin: begin - 2000 });
      const request = "req-again-1";
      const http = { ...fresh.https[2], id: 3, request, hits: [] } as (typeof fresh.https)[number];
      server.tell({ type: "http", http });
      for (const row of fresh.rows.slice(6)) server.tell({ type: "hit", row: { ...row, request } });
      const row = list.getByRole("listitem").filter({ hasText: request });
      await row.getByRole("link").nth(2).waitFor();
      t.strictSame(
        await row.getByRole("link").allTextContents(),
        services.map((name, at) => `${name} :${[12, 9, 14][at]}`),
      );
      t.equal(await list.getByRole("listitem").first().getByText(request).count(), 1, "the newest is first");
      server.tell({ type: "http", http: { ...http, status: 202, end: Date.now() } });
      await row.getByText("202").waitFor();
    },
  );

  await scene(
    t,
    browser,
    "10,000 hits: few elements, all can be reached",
    { hash: "#/timeline", traces: [storyTrace("live", 3334)] },
    async ({ t, page }) => {
      await page.getByRole("group", { name: /^Timeline of 10002 hits/ }).waitFor();
      t.ok((await page.evaluate(() => document.querySelectorAll("*").length)) < 700);
      const painted = await page.locator("canvas").evaluate((canvas) => {
        if (!(canvas instanceof HTMLCanvasElement)) return 0;
        const { data } = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
        let count = 0;
        for (let at = 3; at < data.length; at += 4) if ((data[at] ?? 0) > 0) count++;
        return count;
      });
      t.ok(painted > 10_000, `${painted} pixels are painted`);
      await page.getByRole("tab", { name: /^Requests/ }).focus();
      await page.keyboard.press("ArrowRight");
      const hits = page.getByRole("listbox", { name: "Hits" });
      await hits.focus();
      await page.keyboard.press("End");
      const last = hits.getByRole("option", { selected: true });
      await last.waitFor();
      t.equal(await last.getAttribute("aria-posinset"), "10002");
      t.equal(await hits.getAttribute("aria-activedescendant"), await last.getAttribute("id"));
      await page.keyboard.press("Enter");
      await page.waitForURL(/#\/hit\/live\/10002/);
    },
  );

  await scene(
    t,
    browser,
    "hit: stack, source, values, history, ways on, as text, in the IDE",
    { hash: "#/hit/live/118" },
    async ({ t, server, page }) => {
      await page.getByRole("heading", { name: "create cinder-api" }).waitFor();
      const marked = page.locator(".marked");
      await marked.waitFor();
      t.match(await marked.textContent(), /^stopped here, 12 {12}LOG\.error\("create volume %s"/);
      const tree = page.getByRole("tree", { name: "Values" });
      await tree.focus();
      const down = async (times: number) => {
        for (let nth = 0; nth < times; nth++) await page.keyboard.press("ArrowDown");
      };
      await down(4);
      await page.keyboard.press("ArrowRight");
      await page.getByRole("treeitem", { name: "'size' = 13" }).waitFor();
      await down(2);
      const value = page.getByRole("region", { name: "The chosen value" });
      await value.getByText("volume['size']").waitFor();
      await value.getByRole("button", { name: "Over all hits of this line" }).click();
      await value.getByText("40 hits of this line, 39 changes").waitFor();
      await value.getByRole("img", { name: /over the hits, as a line/ }).waitFor();
      await tree.focus();
      await page.keyboard.press("ArrowLeft");
      await value.getByText("'id': 'vol-7c31'").waitFor();
      t.equal(await page.getByRole("treeitem", { selected: true }).getAttribute("aria-level"), "2", "to what it is in");

      await page.keyboard.press("/");
      await page.keyboard.type("admin");
      await page.getByRole("treeitem", { name: "is_admin = True" }).waitFor();
      t.equal(await page.getByRole("treeitem", { name: "self =" }).count(), 0);
      await page.getByText("310 of 312 are not here: the capture takes so many of one value").waitFor();
      await page.keyboard.press("Escape");

      const stack = page.getByRole("listbox", { name: /^Frames/ });
      await stack.getByRole("option", { name: /_dispatch/ }).click();
      await page.getByText("The text is not in the trace: it is larger than is kept").waitFor();
      await page.getByRole("treeitem", { name: "args = {}" }).waitFor();
      await stack.focus();
      await page.keyboard.press("End");
      await page.getByText("The values of this frame were not asked for").waitFor();
      t.match(page.url(), /frame=2$/);

      await page.keyboard.press("[");
      await page.waitForURL(/#\/hit\/live\/115$/);
      await page.getByRole("button", { name: "Next › hit of this line" }).click();
      await page.waitForURL(/#\/hit\/live\/118$/);
      await page.getByText("cinder-api#1:40").waitFor();
      t.ok(await page.getByRole("button", { name: "Next › hit of this line" }).isDisabled());
      await page.getByRole("button", { name: "Copy as text" }).click();
      await page.getByRole("status").getByText("Copied the hit as text").waitFor();
      t.match(
        await page.evaluate(() => navigator.clipboard.readText()),
        /^cinder-api#1:40 {2}breakpoint[^]*'size' = 13/,
      );
      await page.getByRole("button", { name: "Replay in the IDE" }).click();
      await page.getByText("127.0.0.1:45711").waitFor();
      await asked(server, 'POST traces/live/replay {"from":118}');
    },
  );

  await scene(
    t,
    browser,
    "wire: 100,000 messages, by place, by word, by side",
    { hash: "#/wire/live/cinder-api%231", traces: [longStory] },
    async ({ t, page }) => {
      const list = page.getByRole("listbox", { name: "Messages of cinder-api#1" });
      await list.getByRole("option", { name: /setBreakpoints manager\.py:3$/ }).waitFor();
      await list.focus();
      await page.keyboard.press("End");
      await list.getByRole("option", { name: /stopped breakpoint thread 5$/, selected: true }).waitFor();
      t.match(await list.getByRole("option", { selected: true }).textContent(), /^100000/);
      t.ok((await page.evaluate(() => document.querySelectorAll("*").length)) < 900);
      await page.getByRole("region", { name: "Message 100000" }).getByText('"seq": 100000').waitFor();
      await page.keyboard.press("/");
      await page.keyboard.type("manager.py:99999");
      await page.getByText("1 found in 100,000 messages").waitFor();
      t.match(await list.getByRole("option").allTextContents(), [/^99999.*IDE →.*setBreakpoints manager\.py:99999$/]);
      await page.getByRole("searchbox").fill("");
      await page.getByRole("button", { name: "IDE →" }).click();
      await list.getByRole("option").nth(3).waitFor();
      t.ok((await list.getByRole("option").allTextContents()).every((text) => text.includes("setBreakpoints")));
    },
  );

  await scene(
    t,
    browser,
    "traces: opened by path, two compared, with signs as well as colours",
    { hash: "#/traces", traces: [storyTrace("live", 2), storyTrace("before", 3, { live: false })] },
    async ({ t, server, page }) => {
      server.diff = {
        equal: false,
        lines: [
          { kind: "head", text: "request 1" },
          { kind: "same", text: "cinder-api create:12" },
          { kind: "removed", text: "size = 12" },
          { kind: "added", text: "size = 13" },
        ],
      };
      await page.getByRole("textbox", { name: "Directory of a trace" }).fill("/tmp/before");
      await page.getByRole("button", { name: "Open", exact: true }).click();
      await asked(server, 'POST traces {"dir":"/tmp/before"}');
      await page.getByRole("button", { name: "A: live as the first of the comparison" }).click();
      await page.getByRole("button", { name: "B: before as the second of the comparison" }).click();
      await page.getByText("1 line removed, 1 added").waitFor();
      const lines = page.getByRole("list", { name: "Difference" }).getByRole("listitem");
      t.strictSame(await lines.allTextContents(), [
        "request 1",
        " cinder-api create:12",
        "−removed: size = 12",
        "+added: size = 13",
      ]);
      t.match(page.url(), /#\/traces\?a=live&b=before$/);
    },
  );

  await t.test("a file with nothing running begins with its hits", async (t) => {
    const server = new StandIn(boardView({ hosts: [], services: [], sessions: [], triggers: [], recording: false }), [
      storyTrace("before", 3, { live: false }),
    ]);
    await server.open();
    const page = await browser.open(server.url);
    t.teardown(async () => {
      await page.close();
      await server.close();
    });
    await page.getByRole("group", { name: /^Timeline of 9 hits/ }).waitFor();
    t.equal(await page.getByText("stands").count(), 0, "nothing stands in a file");
    t.strictSame(browser.complaints.splice(0), []);
  });

  await scene(
    t,
    browser,
    "offline it says so, and comes back with what was missed",
    { hash: "#/timeline", traces: [storyTrace("live", 2)] },
    async ({ server, page }) => {
      await page.getByText("connected", { exact: true }).waitFor();
      await server.close();
      await page
        .getByRole("alert")
        .getByText(/^offline/)
        .waitFor();
      server.traces.set("live", storyTrace("live", 5));
      await server.open();
      await page.getByText("connected", { exact: true }).waitFor();
      await page.getByRole("group", { name: /^Timeline of 15 hits/ }).waitFor();

      const before = server.asked.length;
      server.traces.set("live", storyTrace("live", 6));
      server.tell({ type: "missed", messages: 12 });
      await asked(server, "GET traces/live/hits", before);
      await page.getByRole("group", { name: /^Timeline of 18 hits/ }).waitFor();

      for (const odd of [
        "",
        "{",
        "null",
        "[]",
        '{"type":"from-the-future","x":1}',
        '{"type":"hit","row":{}}',
        '{"type":"event","event":{"at":1,"type":"new"}}',
      ])
        server.tellRaw(odd);
      server.tellView({ ...server.view, sessions: [sessionView("cinder-api#9")] });
      await page.keyboard.press("1");
      await page.getByRole("rowheader", { name: "cinder-api#9" }).waitFor();

      server.locked = true;
      await server.close();
      await server.open();
      await page.getByRole("alert").getByText("offline: open the address that debugtap printed").waitFor();
    },
  );

  await scene(
    t,
    browser,
    "a day's worth of hits and events: the newest are kept",
    { hash: "#/timeline", traces: [storyTrace("live", 1)] },
    async ({ t, server, page }) => {
      await page.getByRole("group", { name: /^Timeline of 3 hits/ }).waitFor();
      const { rows } = storyTrace("live", 21_000);
      let told = 3;
      const hours = (hits: number, events: number): void => {
        for (const row of rows.slice(told, hits))
          server.tell({ type: "hit", row: { ...row, end: row.end ?? row.at + 1 } });
        told = hits;
        for (let nth = events - 6000; nth < events; nth++)
          server.tell({
            type: "event",
            event: { at: nth, type: "note", session: "s#1", kind: "nth", detail: `event ${nth}` },
          });
      };
      hours(21_000, 6000);
      await page.getByRole("group", { name: /^Timeline of 20000 hits/ }).waitFor();
      await page.getByText("1,000 older hits are not shown: this page keeps the newest 20,000").waitFor();
      await page.keyboard.press("1");
      const events = page.getByRole("list", { name: "Events" });
      await events.getByText("nth: event 5999").waitFor();
      t.equal(await events.getByRole("listitem").last().getAttribute("aria-setsize"), "5000");
      const devtools = await page.context().newCDPSession(page);
      const heap = async (): Promise<number> => {
        await devtools.send("HeapProfiler.collectGarbage");
        return (await devtools.send("Runtime.getHeapUsage")).usedSize / 1e6;
      };
      // Once more than it keeps: what the timeline drew when it was last seen is still there.
      const heaps: number[] = [];
      for (const more of [2, 3]) {
        hours(more * 21_000, more * 6000);
        await events.getByText(`nth: event ${more * 6000 - 1}`).waitFor();
        heaps.push(await heap());
      }
      const [full = 0, later = Infinity] = heaps;
      t.ok(later < full * 1.15, `what comes when it is full costs no memory: ${full} MB, then ${later} MB`);
    },
  );

  await scene(t, browser, "keys alone: views, help, colours, focus that is seen", {}, async ({ t, page }) => {
    await page.getByRole("heading", { name: "Sessions" }).waitFor();
    await page.keyboard.press("Tab");
    const focused = () => page.evaluate(() => document.activeElement?.textContent ?? "");
    t.equal(await focused(), "To the content");
    t.equal(await page.evaluate(() => getComputedStyle(document.activeElement ?? document.body).outlineStyle), "solid");
    await page.keyboard.press("Enter");
    t.equal(await page.evaluate(() => document.activeElement?.id), "main");
    const reached: string[] = [];
    for (let nth = 0; nth < 60; nth++) {
      await page.keyboard.press("Tab");
      reached.push(
        await page.evaluate(
          () => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent ?? "",
        ),
      );
    }
    for (const name of [
      "Resume cinder-volume#2",
      "Release cinder-scheduler#1",
      "Let Neovim drive cinder-volume#2",
      "Stop recording",
    ])
      t.ok(reached.includes(name), `Tab reaches ${name}`);
    await page.keyboard.press("?");
    const help = page.getByRole("dialog", { name: "Keys" });
    await help.getByText("Previous and next hit of this line").waitFor();
    await page.keyboard.press("Escape");
    await help.waitFor({ state: "detached" });
    for (const [key, view] of [
      ["2", "Timeline"],
      ["3", "Wire"],
      ["4", "Traces"],
      ["1", "Board"],
    ] as const) {
      await page.keyboard.press(key);
      await page.getByRole("navigation").locator("[aria-current=page]").getByText(view).waitFor();
    }
    await page.goBack();
    await page.getByRole("navigation").locator("[aria-current=page]").getByText("Traces").waitFor();
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    t.equal(await background(), "rgb(255, 255, 255)");
    await page.keyboard.press("t");
    await page.keyboard.press("t");
    t.equal(await background(), "rgb(20, 23, 28)");
    await page.reload();
    await page.getByRole("button", { name: "Dark colours" }).waitFor();
    t.equal(await background(), "rgb(20, 23, 28)", "it is kept");
    await page.getByRole("button", { name: "Dark colours" }).click();
  });

  await scene(
    t,
    browser,
    "names and contrasts in every view, light and dark",
    { traces: [storyTrace("live", 5), storyTrace("before", 3, { live: false })] },
    async ({ t, server, page }) => {
      server.diff = {
        equal: false,
        lines: [
          { kind: "removed", text: "a" },
          { kind: "added", text: "b" },
          { kind: "note", text: "c" },
        ],
      };
      await page.getByRole("heading", { name: "Sessions" }).waitFor();
      server.tell({
        type: "event",
        event: {
          at: Date.now(),
          type: "error",
          error: { code: "DT_PORT_IN_USE", what: "port 5713 is taken", fix: "ss" },
        },
      });
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        for (const [hash, sign] of [
          ["#/", "port 5713 is taken"],
          ["#/timeline/live?hit=15", "Open hit 15"],
          ["#/hit/live/13", "LOG"],
          ["#/wire/live", "setBreakpoints manager.py:3"],
          ["#/traces?a=live&b=before", "1 line removed, 1 added"],
        ] as const) {
          await page.evaluate((hash) => (location.hash = hash), hash);
          await page.getByText(sign).first().waitFor();
          const found = await page.evaluate(async (source) => {
            // oxlint-disable-next-line no-eval -- the page's own rules forbid scripts that are not its own
            if (!("axe" in globalThis)) (0, eval)(source);
            const { axe } = globalThis as unknown as { axe: typeof import("axe-core") };
            const { violations } = await axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] });
            return violations.map(
              ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" | ")}`,
            );
          }, axe.source);
          t.strictSame(found, [], `${colorScheme} ${hash}`);
        }
      }
    },
  );

  // DEBUGTAP_PICTURES=docs/images draws them anew.
  await scene(t, browser, "pictures for README", {}, async ({ t, page }) => {
    const dir = process.env["DEBUGTAP_PICTURES"] ?? t.testdir();
    await page.getByText("1 thread stopped").waitFor();
    // Between two of its tables.
    await page.setViewportSize({ width: 1200, height: 672 });
    await page.screenshot({ path: `${dir}/board.png` });
    await page.setViewportSize({ width: 1200, height: 700 });
    await page.evaluate(() => (location.hash = "#/timeline/live?hit=120"));
    const box = page.getByRole("group", { name: /^Timeline/ });
    await box.focus();
    for (let nth = 0; nth < 5; nth++) await page.keyboard.press("+");
    await page.getByText("Open hit 120").waitFor();
    await page.keyboard.press("ArrowRight");
    await box.blur();
    await page.screenshot({ path: `${dir}/timeline.png` });
    await page.evaluate(() => (location.hash = "#/hit/live/118"));
    await page.getByRole("tree").focus();
    for (const key of ["Down", "Down", "Down", "Down", "Right", "Down", "Down"])
      await page.keyboard.press(`Arrow${key}`);
    await page.getByRole("button", { name: "Over all hits of this line" }).click();
    await page.getByRole("img").waitFor();
    await page.screenshot({ path: `${dir}/hit.png` });
    for (const name of ["board", "timeline", "hit"]) {
      const { size } = await stat(`${dir}/${name}.png`);
      t.ok(size > 10_000 && size < 150_000, `${name}: ${size} bytes`);
    }
  });
  t.strictSame([...browser.hosts], ["127.0.0.1"], "it works without network: nobody else was asked for anything");
});
