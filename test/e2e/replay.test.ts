// A recorded demo, with every service and the VM gone, in ordinary IDEs: what they show is what was seen live.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { basename, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { DebugClient } from "@vscode/debugadapter-testsupport";
import type { DebugProtocol } from "@vscode/debugprotocol";
import t, { type Test } from "tap";
import type { Hit as Seen } from "../../src/demo/hits.ts";
import { program } from "../helpers/relay-process.ts";
import { startReplay } from "../helpers/replay-process.ts";
import { freePort } from "../helpers/sockets.ts";

const env = { ...process.env, NODE_OPTIONS: "" };
const walk = fileURLToPath(new URL("../../../test/fixtures/emacs/walk.el", import.meta.url));
const services = fileURLToPath(new URL("../../../examples/services", import.meta.url));
const scriptedIde = fileURLToPath(new URL("../../../examples/ide-pydevd.mjs", import.meta.url));

interface Recorded {
  readonly trace: string;
  readonly seen: readonly Seen[];
}

/** Plays the demo with its IDEs; when this resolves, services, relay and VM are gone. */
async function recordDemo(t: Test): Promise<Recorded> {
  const demo = spawn(process.execPath, [program, "demo", "--json", "--trace", join(t.testdir(), "traces")], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.teardown(() => demo.kill("SIGKILL"));
  let [said, story] = ["", ""];
  demo.stdout.on("data", (text: Buffer) => (said += text.toString()));
  demo.stderr.on("data", (text: Buffer) => (story += text.toString()));
  const [code] = (await once(demo, "close")) as [number | null];
  t.equal(code, 0, story);
  return JSON.parse(said) as Recorded;
}

async function attach(port: number): Promise<DebugClient> {
  const client = new DebugClient("node", "unused", "replay");
  client.defaultTimeout = 20_000;
  await client.start(port);
  await Promise.all([
    client.waitForEvent("initialized"),
    client.initializeRequest().then(() => client.attachRequest({})),
  ]);
  return client;
}

/** Asks for a move and waits for the stop that follows. */
async function moved(client: DebugClient, ask: () => Promise<unknown>): Promise<DebugProtocol.StoppedEvent["body"]> {
  const [stopped] = await Promise.all([client.waitForEvent("stopped"), ask()]);
  return (stopped as DebugProtocol.StoppedEvent).body;
}

/** What an IDE shows of a stop, as the demo's IDEs print it. */
async function shown(client: DebugClient, threadId = 0): Promise<Omit<Seen, "service">> {
  const { body: stack } = await client.stackTraceRequest({ threadId, startFrame: 0, levels: 20 });
  const [top] = stack.stackFrames;
  const { body: scopes } = await client.scopesRequest({ frameId: top?.id ?? 0 });
  const reference = scopes.scopes[0]?.variablesReference ?? 0;
  const { body: values } = await client.variablesRequest({ variablesReference: reference });
  return {
    file: top?.source?.path ?? "",
    line: top?.line ?? 0,
    function: top?.name ?? "",
    stack: stack.stackFrames.map(({ name, source, line }) => ({ function: name, file: source?.path ?? "", line })),
    locals: Object.fromEntries(values.variables.map(({ name, value }) => [name, value])),
  };
}

function withoutService(seen: Seen): Omit<Seen, "service"> {
  const { file, line, function: name, stack, locals } = seen;
  return { file, line, function: name, stack, locals };
}

t.test("the demo's trace, with all services gone, in two IDEs", async (t) => {
  const { trace, seen } = await recordDemo(t);
  t.equal(seen.length, 3);

  await t.test("DAP: forwards to the last hit and back to the first, each as it was seen live", async (t) => {
    const port = await freePort();
    const replay = startReplay(t, trace, "--listen", String(port));
    t.match(await replay.next("listening"), { port, hits: 3, of: 3 });
    const client = await attach(port);
    let stop = await moved(client, () => client.configurationDoneRequest());
    for (const [i, live] of seen.entries()) {
      t.match(stop.text, `hit ${i + 1} of 3 · ${live.service} · req-`);
      t.equal(stop.reason, "breakpoint");
      t.strictSame(await shown(client, stop.threadId), withoutService(live), `hit ${i + 1}, forwards`);
      stop = await moved(client, () => client.continueRequest({ threadId: stop.threadId ?? 0 }));
    }
    t.match(stop.description, /^end of the recording · hit 3 of 3/);
    t.strictSame(await shown(client, stop.threadId), withoutService(seen[2] as Seen), "it stands where it stood");
    for (const at of [1, 0]) {
      stop = await moved(client, () => client.reverseContinueRequest({ threadId: stop.threadId ?? 0 }));
      t.strictSame(await shown(client, stop.threadId), withoutService(seen[at] as Seen), `hit ${at + 1}, backwards`);
    }
    stop = await moved(client, () => client.reverseContinueRequest({ threadId: stop.threadId ?? 0 }));
    t.match(stop.description, /^beginning of the recording · hit 1 of 3/);

    const file = seen[2]?.file ?? "";
    const { body: set } = await client.setBreakpointsRequest({
      source: { path: file },
      breakpoints: [{ line: seen[2]?.line ?? 0 }, { line: 1 }],
    });
    t.match(set.breakpoints, [
      { verified: true, message: "1 recorded hit" },
      { verified: false, message: /^never stopped here in this recording; the nearest is line/ },
    ]);
    stop = await moved(client, () => client.continueRequest({ threadId: stop.threadId ?? 0 }));
    t.match(stop.text, /^hit 3 of 3/, "the breakpoint is the only hit that Continue visits");
    const { body: text } = await client.sourceRequest({
      sourceReference: (await top(client, stop.threadId))?.source?.sourceReference ?? 0,
    });
    t.match(text.content, "def create_volume", "the source of a file that is gone");

    const shownByHand = client.waitForEvent("stopped");
    replay.type("1");
    t.match(await replay.next("shown"), { hit: 1, clients: 1 });
    t.match((await shownByHand).body, { reason: "goto", text: /^hit 1 of 3/ });
    replay.type("99");
    t.match(await replay.next("refused"), { why: /there is no hit 99/ });

    await client.disconnectRequest({});
    await replay.next("left");
    const again = await attach(port);
    t.match(
      (await moved(again, () => again.configurationDoneRequest())).text,
      /^hit 1 of 3/,
      "who comes back begins anew",
    );
    const over = again.waitForEvent("terminated");
    t.equal(await replay.end("SIGINT"), 0);
    await over;
  });

  await t.test("Emacs with dap-mode walks through the hits in their files, to the last and back", async (t) => {
    const port = await freePort();
    // Where the sources are here: Emacs opens them.
    const source = `${services}=${dirname(seen[0]?.file ?? "")}`;
    const replay = startReplay(t, trace, "--listen", String(port), "--source", source);
    await replay.next("listening");
    const emacs = spawn("emacs", ["--batch", "-l", walk, String(port), "3"], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [said, stderr] = ["", ""];
    emacs.stdout.on("data", (text: Buffer) => (said += text.toString()));
    emacs.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
    emacs.on("error", (error) => t.fail(`apt-get install emacs-nox elpa-dap-mode: ${error.message}`));
    const [code] = (await once(emacs, "close")) as [number | null];
    t.equal(code, 0, `${stderr}${said}`);
    const stops = seen.map((live) => `stop ${live.function} ${live.line} ${basename(live.file)}`);
    t.strictSame(said.trimEnd().split("\n"), [...stops, stops[1], stops[0], "walked 5"]);
    await replay.next("left");
  });

  await t.test("pydevd: a scripted debug server sees the same three hits", async (t) => {
    const port = await freePort();
    const ide = spawn(process.execPath, [scriptedIde, "--listen", String(port), "--hits", "3", "--json"], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    t.teardown(() => ide.kill("SIGKILL"));
    const closed = once(ide, "close") as Promise<[number | null]>;
    const lines: string[] = [];
    createInterface({ input: ide.stdout }).on("line", (line) => lines.push(line));
    await new Promise<void>((resolve) => {
      createInterface({ input: ide.stderr }).on("line", (line) => {
        if (line.includes("listening")) resolve();
      });
    });
    const replay = startReplay(t, trace, "--ide", String(port));
    t.match(await replay.next("client"), { from: `127.0.0.1:${port}` });
    const [code] = await closed;
    t.equal(code, 0);
    const hits = lines.map((line) => JSON.parse(line) as Seen);
    for (const [i, live] of seen.entries()) {
      const { locals, ...rest } = withoutService(hits[i] as Seen);
      const { locals: liveLocals, ...liveRest } = withoutService(live);
      t.strictSame(rest, liveRest, `hit ${i + 1}: stack`);
      // Without the quotes that debugpy shows and pydevd does not.
      const plain = Object.entries(liveLocals).map(([name, value]) => [name, value.replace(/^'(.*)'$/s, "$1")]);
      t.strictSame(locals, Object.fromEntries(plain), `hit ${i + 1}: locals`);
    }
    await replay.next("left");
  });
});

async function top(client: DebugClient, threadId = 0): Promise<DebugProtocol.StackFrame | undefined> {
  return (await client.stackTraceRequest({ threadId })).body.stackFrames[0];
}
