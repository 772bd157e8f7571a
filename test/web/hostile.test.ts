// Whatever a debuggee, a file or a request calls itself: the page shows it as text, everywhere, and runs nothing of it.
import type { Page } from "playwright-core";
import t, { type Test } from "tap";
import type { HitRowView } from "../../protocol/api.ts";
import { boardView, hitOf, sessionView, storyTrace, variable, type StoryTrace } from "../helpers/board-story.ts";
import { StandIn } from "../helpers/board-stand-in.ts";
import { startBrowser } from "../helpers/browser.ts";

const attacks = [
  "<img src=x onerror=alert(1)>",
  "<script>globalThis.hacked=1</script>",
  "\"'><svg onload=alert(1)>",
  "javascript:alert(1)",
  "{{constructor.constructor('alert(1)')()}}",
  "%3Cscript%3Ealert(1)%3C/script%3E",
] as const;
const attack = `${attacks.join(" ")} `;
/** It would turn what follows around, hide, and beep. */
const turned = "\u202Egnp.exe\u2066\u200B\u0007\u001b[2J\u0000end";
const turnedAsShown = "U+202Egnp.exeU+2066U+200B␇␛[2J␀end";
const evil = `${attack}${turned}`;
const huge = 50_000_000;

/** A trace in which everything that has a name has an evil one. */
function evilTrace(): StoryTrace {
  const story = storyTrace("evil", 2, { live: true });
  const row = (row: HitRowView): HitRowView => ({
    ...row,
    name: `${evil}:${row.number}`,
    service: evil,
    thread: evil,
    reason: evil,
    function: evil,
    text: evil,
    file: `/opt/${evil}.py`,
    request: evil,
    breakpoint: evil,
  });
  const frame = {
    name: evil,
    path: `/opt/${evil}.py`,
    line: 2,
    source: "e".repeat(64),
    scopes: [
      {
        name: evil,
        variables: [
          variable(evil, evil, { type: evil, children: [variable(`'${evil}'`, evil)] }),
          variable("huge", "A".repeat(huge)),
          variable("deep", "d", {
            children: [variable("__proto__", "p", { children: [variable("constructor", "c")] })],
          }),
          variable("שלום", "'שלום עולם 123'"),
        ],
      },
    ],
  };
  return {
    ...story,
    rows: story.rows.map(row),
    hitOf: (row) => hitOf(row, [frame, { name: evil, noSource: evil }]),
    https: story.https.map((http) => ({ ...http, through: evil, method: evil, path: evil, request: evil })),
    sessions: story.sessions.map((session) => ({ ...session, name: evil, service: evil })),
    messages: {
      count: 10,
      of: (ordinal) => ({ ordinal, at: 1, side: "debuggee", size: 1, summary: evil, detail: { [evil]: evil } }),
    },
    sources: new Map([["e".repeat(64), `first\n${evil}\n"""${evil}"""\n`]]),
  };
}

function evilView() {
  const view = boardView();
  const reason = { code: "DT_LINK_LOST", what: evil, why: evil, fix: evil } as const;
  return {
    ...view,
    version: evil,
    config: evil,
    trace: evil,
    hosts: view.hosts.map((host) => ({ ...host, name: evil, target: evil, reason })),
    services: view.services.map((service) => ({
      ...service,
      name: evil,
      ide: evil,
      vm: evil,
      host: evil,
      reason: { ...reason, what: `service ${evil}` },
    })),
    sessions: [
      sessionView("cinder-volume#2", {
        name: evil,
        service: evil,
        process: evil,
        reason: evil,
        stopped: { threads: 1, since: 1 },
        clients: [
          { id: 1, name: evil, drives: true },
          { id: 2, name: `other ${evil}`, drives: false },
        ],
        differs: [{ local: evil, remote: evil, localHash: "a", remoteHash: "b", changedLines: 1 }],
      }),
    ],
    triggers: view.triggers.map((trigger) => ({ ...trigger, name: evil, to: evil, listen: evil, host: evil })),
  };
}

/** Elements that no view of the page makes, and what ran. */
async function harm(page: Page): Promise<unknown> {
  return await page.evaluate(() => ({
    made: [
      ...document.querySelectorAll(
        "main img, main script, main iframe, main object, main embed, main svg:not([role=img]), [onload], [onerror]",
      ),
    ].map(({ outerHTML }) => outerHTML.slice(0, 100)),
    links: [...document.querySelectorAll("a")]
      .map((link) => link.href)
      .filter((href) => !href.startsWith(location.origin)),
    ran: "hacked" in globalThis,
    // A control or a mark of direction, as itself: in texts, and in what is read aloud.
    labels: [...document.querySelectorAll("main *")]
      .flatMap((element) => ["title", "aria-label", "placeholder"].map((name) => element.getAttribute(name) ?? ""))
      .filter((text) => /[\p{Cc}\p{Cf}]/u.test(text)),
    bare: [...document.querySelectorAll("main *")]
      .flatMap((element) =>
        [...element.childNodes]
          .filter((node) => node.nodeType === Node.TEXT_NODE)
          .map((node) => node.textContent ?? ""),
      )
      .filter((text) => /[\p{Cc}\p{Cf}]/u.test(text.replaceAll(/[\n\t]/g, ""))),
  }));
}
const unharmed = { made: [], links: [], ran: false, labels: [], bare: [] };

t.test("hostile values", async (t: Test) => {
  const browser = await startBrowser(t);
  const story = evilTrace();
  const server = await new StandIn(evilView(), [story]).open();
  server.diff = {
    equal: false,
    lines: (["head", "same", "removed", "added", "note"] as const).map((kind) => ({ kind, text: evil })),
  };
  const page = await browser.open(server.url);
  t.teardown(async () => {
    await page.close();
    await server.close();
  });
  const look = async (hash: string, wanted: readonly string[]): Promise<void> => {
    await page.evaluate((hash) => (location.hash = hash), hash);
    for (const text of wanted) await page.getByText(text).first().waitFor();
    await page.getByText(turnedAsShown).first().waitFor();
    t.strictSame(await harm(page), unharmed, hash);
  };

  await t.test("on the board", async () => {
    await page.getByRole("heading", { name: "Sessions" }).waitFor();
    server.tell({ type: "event", event: { at: 1, type: "note", session: evil, kind: evil, detail: evil } });
    server.tell({
      type: "event",
      event: {
        at: 1,
        type: "hit",
        session: evil,
        hit: { number: 1, reason: evil, thread: evil, where: evil, frames: 1, took: 1 },
      },
    });
    server.tell({
      type: "event",
      event: { at: 1, type: "error", error: { code: "DT_LINK_LOST", what: `event ${evil}`, why: evil, fix: evil } },
    });
    const row = story.rows.at(-1);
    if (row !== undefined) server.tell({ type: "hit", row: { ...row, number: 7 } });
    await page.getByRole("list", { name: "Events" }).waitFor();
    await look("#/", [...attacks, "Problems", "Let other"]);
    const said = page.getByRole("status", { name: "New stops" });
    await said.getByText(/stopped in <img src=x onerror=alert\(1\)> /).waitFor();
  });
  await t.test("in the timeline, in its lists and under the mouse", async () => {
    await look("#/timeline/evil?hit=1", ["<img src=x onerror=alert(1)>", "Open hit 1"]);
    const area = await page.locator(".timeline-box").boundingBox();
    if (area === null) throw new Error("no timeline");
    for (let x = area.x + 134; x < area.x + area.width && (await page.locator(".tip").count()) === 0; x += 3)
      await page.mouse.move(x, area.y + 100);
    await page.locator(".tip").getByText("<img src=x onerror=alert(1)>").first().waitFor();
    t.strictSame(await harm(page), unharmed, "under the mouse");
    await page.getByRole("tab", { name: /^Hits/ }).click();
    await page.getByRole("listbox", { name: "Hits" }).getByRole("option").first().waitFor();
    t.strictSame(await harm(page), unharmed, "in the list of hits");
  });
  await t.test("in a hit: frames, source, values", async (t) => {
    await look("#/hit/evil/1", attacks);
    const tree = page.getByRole("tree");
    await tree.focus();
    for (const key of ["ArrowDown", "ArrowDown", "ArrowRight"]) await page.keyboard.press(key);
    const value = page.getByRole("region", { name: "The chosen value" });
    await value.getByText("<script>globalThis.hacked=1</script>").first().waitFor();
    await value.getByText(turnedAsShown).first().waitFor();
    t.strictSame(await harm(page), unharmed, "one value");

    await page.getByRole("treeitem", { name: /^huge = A+ … 49,999,800 characters more/ }).click();
    await value.getByText("Shown are the first 100,000 characters").waitFor();
    await value.getByText("50,000,000 characters", { exact: true }).waitFor();
    t.ok(((await value.locator("pre").textContent()) ?? "").length < 101_000);
    t.ok((await page.evaluate(() => document.body.textContent?.length ?? 0)) < 300_000, "50 MB are not in the page");
    const hebrew = page.getByRole("treeitem", { name: /שלום/ });
    t.match(await hebrew.textContent(), "שלום = 'שלום עולם 123'");
    t.equal(await hebrew.locator(".name").evaluate((name) => getComputedStyle(name).unicodeBidi), "isolate");
    await page.getByRole("searchbox").fill("constructor('alert");
    await page.getByRole("treeitem").nth(1).waitFor();
    await page.getByRole("searchbox").fill("__proto__");
    await page.getByRole("treeitem", { name: "__proto__ = p" }).waitFor();
    t.strictSame(await harm(page), unharmed, "a search");
  });
  await t.test("on the wire, in traces, in a difference", async () => {
    await look("#/wire/evil", ["<img src=x onerror=alert(1)>"]);
    await page
      .getByRole("listbox", { name: /^Messages/ })
      .getByRole("option")
      .first()
      .click();
    await page.getByRole("region", { name: "Message 1" }).getByText("javascript:alert(1)").first().waitFor();
    t.strictSame(await harm(page), unharmed, "one message");
    await look("#/traces?a=evil&b=evil", attacks);
  });
  await t.test("in the address", async () => {
    for (const [hash, sign] of [
      [`#/hit/${attack}/1`, /Sessions/],
      [`#/hit/${encodeURIComponent(attack)}/1`, /there is no traces/],
      [`#/timeline/${encodeURIComponent(evil)}`, /there is no traces/],
      [`#/wire/evil/${encodeURIComponent(evil)}`, /10 messages/],
      ["#/traces?a=%3Cimg%20src=x%20onerror=alert(1)%3E&b=2", /<img src=x onerror=alert\(1\)> → 2/],
    ] as const) {
      await page.evaluate((hash) => (location.hash = hash), hash);
      await page.getByText(sign).first().waitFor();
      t.strictSame(await harm(page), unharmed, hash);
    }
  });
  await t.test("its policy lets no foreign script run, nor anything leave", async (t) => {
    const blocked = await page.evaluate(async () => {
      const script = document.createElement("script");
      script.textContent = "globalThis.hacked = 1";
      document.body.append(script);
      const image = await new Promise<string>((resolve) => {
        const image = new Image();
        image.addEventListener("error", () => resolve("blocked"));
        image.addEventListener("load", () => resolve("loaded"));
        image.src = "http://127.0.0.1:9/x.png";
      });
      const fetched = await fetch("http://127.0.0.1:9/").then(
        () => "answered",
        () => "blocked",
      );
      return { ran: "hacked" in globalThis, image, fetched };
    });
    t.strictSame(blocked, { ran: false, image: "blocked", fetched: "blocked" });
    t.ok(
      browser.complaints.filter((line) => /Content Security Policy/.test(line)).length >= 2,
      "and the browser says why",
    );
  });
  const others = browser.complaints.filter((line) => !/Content Security Policy/.test(line));
  t.strictSame(others, [], "no dialog, no error");
  t.strictSame(server.wrong, [], "the stand-in speaks the API");
});
