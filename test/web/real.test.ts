// The page before the real program: the demo's three services on its VM, debuggers and all; a stop is read on the page and let go, the
// request is sent again, and the trace is shown as a file afterwards.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DebugClient } from "@vscode/debugadapter-testsupport";
import t from "tap";
import { setScene } from "../../src/demo/headless.ts";
import { startServices } from "../../src/demo/scenario.ts";
import { Stage } from "../../src/demo/stage.ts";
import { startBrowser } from "../helpers/browser.ts";
import { startRelay, type RelayProcess } from "../helpers/relay-process.ts";
import { freePort } from "../helpers/sockets.ts";

/** dist/test/web, so three up. */
const examples = new URL("../../../examples/", import.meta.url).pathname;

/** With its token. */
async function address(relay: RelayProcess, runtime: string): Promise<string> {
  await relay.event("board", () => true);
  const file = JSON.parse(await readFile(join(runtime, "debugtap", `${relay.pid}.board`), "utf8")) as {
    address: string;
  };
  return file.address;
}

t.test("the demo on the page, live and as a file", async (t) => {
  const [dir, runtime] = [await mkdtemp(join(tmpdir(), "debugtap-test-")), await mkdtemp(join(tmpdir(), "dt-"))];
  t.teardown(async () => await Promise.all([dir, runtime].map((each) => rm(each, { recursive: true, force: true }))));
  const stage = new Stage(AbortSignal.timeout(150_000));
  t.teardown(async () => await stage.close());
  const scene = await setScene(stage, join(dir, "traces"), () => undefined);
  const { port: apiPort } = new URL(scene.request.find((word) => word.startsWith("http")) ?? "");
  const listen = await freePort();
  const config = join(dir, "debugtap.yml");
  const triggers = `triggers:\n  cinder: { host: vm, to: "127.0.0.1:${apiPort}", listen: ${listen} }\n`;
  await writeFile(config, (await readFile(scene.config, "utf8")) + triggers);
  const env = { XDG_RUNTIME_DIR: runtime, XDG_STATE_HOME: join(dir, "state"), NODE_OPTIONS: "" };
  const relay = startRelay(["up", "--config", config, "--board", "0"], env);
  t.teardown(async () => {
    relay.kill("SIGKILL");
    await relay.exit;
  });
  await relay.listening(scene.services.map(({ name }) => name));

  // Two scripted IDEs that let their services run on at once; the third is a person's, who looks at the page.
  for (const { name, wire, idePort, source, breakpoint } of scene.services) {
    if (wire === "dap") continue;
    const at = `${scene.vm.dir}/${source}:${breakpoint.line}`;
    const ide = stage.start({
      name: `the IDE of ${name}`,
      command: process.execPath,
      args: [`${examples}ide-pydevd.mjs`, "--listen", String(idePort), "--break", at, "--service", name],
      end: "SIGTERM",
    });
    await stage.until("the IDE listened", () => ide.said("listening on") || undefined);
  }
  await startServices(stage, scene.vm, scene.services);
  const volume = scene.services.find(({ name }) => name === "cinder-volume");
  if (volume === undefined) throw new Error("no cinder-volume");
  const client = new DebugClient("node", "", "python");
  await client.start(volume.idePort);
  const initialized = client.waitForEvent("initialized", 20_000);
  await client.initializeRequest();
  const attached = client.attachRequest({ justMyCode: true } as never);
  await initialized;
  await client.setBreakpointsRequest({
    source: { path: `${scene.vm.dir}/${volume.source}` },
    breakpoints: [{ line: volume.breakpoint.line }],
  });
  await client.configurationDoneRequest();
  await attached;

  const browser = await startBrowser(t);
  const page = await browser.open(await address(relay, runtime));
  await page.getByText("connected", { exact: true }).waitFor();
  t.notOk(page.url().includes("token"), "the token is not left in the address");
  const row = page.getByRole("row").filter({ has: page.getByRole("rowheader", { name: /^cinder-volume#\d/ }) });
  await row.getByText("running").waitFor();
  await page.getByRole("rowheader", { name: "cinder", exact: true }).waitFor();

  const url = `http://127.0.0.1:${listen}/v3/volumes`;
  const posted = await fetch(url, { method: "POST", body: '{"volume":{"name":"demo","size":1}}' });
  t.equal(posted.status, 202);
  const { volume: made } = (await posted.json()) as { volume: { id: string } };
  await row.getByText("1 thread stopped").waitFor();
  await page.getByRole("status", { name: "New stops" }).getByText("cinder-volume stopped in create_volume").waitFor();

  await t.test("its frame and a variable are read", async () => {
    await row.getByRole("link", { name: `create_volume volume.py:${volume.breakpoint.line}` }).click();
    await page.getByRole("heading", { name: "create_volume cinder-volume" }).waitFor();
    await page.locator(".marked").getByText("path = self.driver.create_volume(volume)").waitFor();
    await page.getByRole("treeitem", { name: `volume_id = '${made.id}'` }).waitFor();
    await page.getByRole("treeitem", { name: /^▸?context = / }).waitFor();
    await page.getByRole("option", { name: /^create_volume volume\.py/ }).waitFor();
  });
  await t.test("its request has three hits in one row", async (t) => {
    await page.getByRole("link", { name: "In the timeline" }).click();
    const first = page
      .getByRole("list", { name: /^Requests/ })
      .getByRole("listitem")
      .filter({ hasText: "POST" });
    await first.getByRole("link").nth(2).waitFor();
    t.match(await first.getByRole("link").allTextContents(), [/^cinder-api /, /^cinder-scheduler /, /^cinder-volume /]);
    await page.getByText("stands", { exact: true }).first().waitFor();
  });
  await t.test("resumed on the page it goes on", async (t) => {
    await page.keyboard.press("1");
    const continued = client.waitForEvent("continued", 20_000);
    await page.getByRole("button", { name: /^Resume cinder-volume/ }).click();
    await continued;
    await row.getByText("running").waitFor();
    for (;;) {
      const { volume } = (await (await fetch(`http://127.0.0.1:${apiPort}/v3/volumes/${made.id}`)).json()) as {
        volume: { status: string };
      };
      if (volume.status === "available") break;
    }
    t.pass("the volume is made");
  });
  await t.test("sent again from the page it stops again, and has three hits in a row of its own", async (t) => {
    await page.keyboard.press("2");
    await page.getByRole("button", { name: "Again: POST /v3/volumes" }).first().click();
    const rows = page
      .getByRole("list", { name: /^Requests/ })
      .getByRole("listitem")
      .filter({ hasText: "POST" });
    await rows.nth(1).waitFor();
    await rows.first().getByRole("link").nth(2).waitFor();
    t.match(await rows.first().getByRole("link").allTextContents(), [
      /^cinder-api /,
      /^cinder-scheduler /,
      /^cinder-volume /,
    ]);
    t.equal(await rows.count(), 2);
    await page.keyboard.press("1");
    await page.getByRole("button", { name: /^Resume cinder-volume/ }).click();
    await row.getByText("running").waitFor();
  });
  t.strictSame(browser.complaints, [], "the page complains of nothing");

  await t.test("the trace as a file, with nothing else running", async (t) => {
    const { dir: trace } = await relay.event("trace", ({ state }) => state === "open");
    await client.disconnectRequest({});
    relay.kill("SIGINT");
    t.equal(await relay.exit, 0, relay.stderr());
    await page
      .getByRole("alert")
      .getByText(/^offline/)
      .waitFor();
    const file = startRelay(["open", trace, "--board", "0"], env);
    t.teardown(async () => {
      file.kill("SIGKILL");
      await file.exit;
    });
    const shown = await browser.open(await address(file, runtime));
    await shown.getByRole("group", { name: /^Timeline of 6 hits/ }).waitFor();
    await shown
      .getByRole("list", { name: /^Requests/ })
      .getByRole("link", { name: /^cinder-volume/ })
      .first()
      .click();
    await shown.getByRole("heading", { name: "create_volume cinder-volume" }).waitFor();
    await shown.getByRole("treeitem", { name: /^volume_id = '/ }).click();
    await shown.getByRole("button", { name: "Over all hits of this line" }).click();
    await shown.getByText("2 hits of this line, 1 change").waitFor();
    await shown.getByRole("button", { name: "Replay in the IDE" }).click();
    const said = shown.getByText("Attach your IDE (DAP) to");
    await said.waitFor();
    const port = Number(/127\.0\.0\.1:(\d+)/.exec((await said.textContent()) ?? "")?.[1]);
    const replayed = new DebugClient("node", "", "python");
    await replayed.start(port);
    const stopped = replayed.waitForEvent("stopped", 20_000);
    await replayed.initializeRequest();
    const ready = replayed.attachRequest({});
    await replayed.configurationDoneRequest();
    await ready;
    const { body } = await stopped;
    const { body: stack } = await replayed.stackTraceRequest({ threadId: (body as { threadId: number }).threadId });
    t.equal(stack.stackFrames[0]?.name, "create_volume", "the IDE stands where the page does");
    await replayed.disconnectRequest({});

    await shown.keyboard.press("3");
    await shown.getByRole("option", { name: /^cinder-volume#1/ }).click();
    await shown
      .getByRole("listbox", { name: "Messages of cinder-volume#1" })
      .getByText(/setBreakpoints/)
      .first()
      .waitFor();
    await shown.keyboard.press("4");
    await shown.getByRole("textbox", { name: "Directory of a trace" }).fill("/nowhere/at/all");
    await shown.getByRole("button", { name: "Open", exact: true }).click();
    await shown
      .getByText(/nowhere/)
      .first()
      .waitFor();
    await shown
      .getByRole("button", { name: /as the first of the comparison/ })
      .first()
      .click();
    await shown
      .getByRole("button", { name: /as the second of the comparison/ })
      .first()
      .click();
    await shown.getByText("no difference").waitFor();
  });
});
