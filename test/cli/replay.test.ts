// `debugtap replay` as it is run: what it refuses, its three ways to an IDE, and how it ends.
import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { join } from "node:path";
import t from "tap";
import { decodeDap, encodeDap, isEvent, isResponse } from "../../protocol/dap.ts";
import type { DapMessage } from "../../protocol/dap.ts";
import { FrameReader } from "../../protocol/frame-reader.ts";
import { encodePydevd } from "../../protocol/pydevd.ts";
import { TraceWriter } from "../../src/trace/index.ts";
import { startCli } from "../helpers/cli.ts";
import { program } from "../helpers/relay-process.ts";
import { startReplay } from "../helpers/replay-process.ts";
import { decoded, stopIn } from "../helpers/replayed.ts";
import { connect, freePort, listen } from "../helpers/sockets.ts";
import { factsOf, hitOf } from "../trace/recording.ts";

const trace = join(t.testdir(), "trace");
const debugtap = startCli(t);

t.before(async () => {
  const writer = await TraceWriter.open({ dir: trace, facts: { version: "0" } });
  for (const id of [1, 2]) writer.session(factsOf(id, "dap"));
  for (let i = 1; i <= 6; i++) writer.hit(1 + (i % 2), hitOf(1 + (i % 2), i));
  await writer.close();
});

function requests(...commands: readonly (readonly [command: string, args?: object])[]): Uint8Array {
  return Buffer.concat(
    commands.map(([command, args = {}], i) => encodeDap({ seq: i + 1, type: "request", command, arguments: args })),
  );
}

function messagesIn(bytes: Uint8Array): DapMessage[] {
  const reader = new FrameReader("dap");
  const messages = reader.push(bytes).map((frame) => decodeDap(frame) as DapMessage);
  if (reader.heldBytes > 0) throw new Error(`no DAP: ${Buffer.from(reader.rest()).toString()}`);
  return messages;
}

/** All that a connection is told until it ends. */
async function allOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function texts(messages: readonly DapMessage[]): string[] {
  return messages.flatMap((each) => (isEvent(each) && each.event === "stopped" ? [each.body.text] : []));
}

t.test("usage errors say what to write", async (t) => {
  const port = await listen();
  t.teardown(() => port.close());
  const refused = await freePort();
  const wrong: readonly [words: readonly string[], status: number, said: RegExp][] = [
    [["--from", "7"], 2, /there is no hit 7 in this replay[\s\S]*it has 6, from hit 1 on[\s\S]*debugtap hits/],
    [["--from", "1", "--session", "api#1"], 2, /there is no hit 1 in this replay[\s\S]*it has 3, from hit 2 on/],
    [["--from", "1", "--service", "none"], 2, /there is no hit 1 in this replay[\s\S]*it has none/],
    [["--from", "x"], 2, /--from x is no whole number from 1 on/],
    [["--source", "nowhere"], 2, /--source nowhere is not LOCAL=REMOTE[\s\S]*--source ~\/src\/cinder=/],
    [["--source", "=/opt"], 2, /is not LOCAL=REMOTE/],
    [["--since", "never"], 2, /never is no time/],
    [["--listen", "0"], 2, /--listen 0 is not a port/],
    [["--listen", "70000"], 2, /--listen 70000 is not a port/],
    [["--ide", "x"], 2, /--ide x is not a port/],
    [["--nothing"], 2, /unknown option '--nothing'/],
    [["--listen", `${port.port}`], 3, /DT_PORT_IN_USE: 127\.0\.0\.1:\d+ is in use/],
    [["--ide", `${refused}`], 3, /DT_DIAL_REFUSED/],
  ];
  for (const [words, status, said] of wrong) {
    const run = await debugtap("replay", trace, ...words);
    t.match(
      { status: run.status, stderr: run.stderr, stdout: run.stdout },
      { status, stderr: said, stdout: "" },
      words.join(" "),
    );
  }
  t.match(await debugtap("replay", join(trace, "nothing")), { status: 2, stderr: /DT_TRACE_MISSING/ });
  const help = await debugtap("replay", "--help");
  t.match(help, { status: 0, stdout: /--stdio[\s\S]*Examples:[\s\S]*debugtap replay latest --ide 5711/ });
});

t.test("--stdio: nothing but DAP on stdout, and it ends with its IDE", async (t) => {
  const run = async (input: Uint8Array, ...words: string[]) => {
    const child = spawn(process.execPath, [program, "replay", trace, "--stdio", ...words], {
      env: { ...process.env, NODE_OPTIONS: "" },
    });
    t.teardown(() => child.kill("SIGKILL"));
    child.stdin.on("error", () => undefined);
    child.stdin.write(input);
    const [out, stderr, [code]] = await Promise.all([allOf(child.stdout), allOf(child.stderr), once(child, "close")]);
    return { messages: messagesIn(out), stderr: stderr.toString(), code };
  };
  const walked = await run(
    requests(["initialize"], ["attach"], ["configurationDone"], ["continue"], ["reverseContinue"], ["disconnect"]),
    "--from",
    "3",
  );
  t.strictSame(texts(walked.messages), [
    "hit 3 of 6 · api · req-1",
    "hit 4 of 6 · api · req-1",
    "hit 3 of 6 · api · req-1",
  ]);
  t.match([walked.code, walked.stderr], [0, ""]);
  t.match(walked.messages.at(-1), { command: "disconnect", success: true });
  const garbage = await run(Buffer.from("Content-Type: nonsense\r\n\r\n{}"));
  t.strictSame([garbage.messages, garbage.code], [[], 0]);

  const child = spawn(process.execPath, [program, "replay", trace, "--stdio"], {
    env: { ...process.env, NODE_OPTIONS: "" },
  });
  child.stdin.end(requests(["attach"], ["configurationDone"]));
  const [out, [code]] = await Promise.all([allOf(child.stdout), once(child, "close")]);
  t.strictSame([texts(messagesIn(out)), code], [["hit 1 of 6 · api · req-1"], 0], "an IDE that has gone");
});

t.test("several IDEs on the port, strangers among them; Ctrl-C tells them and leaves nothing", async (t) => {
  const port = await freePort();
  const replay = startReplay(t, trace, "--listen", `${port}`, "--session", "api#1");
  t.match(await replay.next("listening"), { address: `127.0.0.1:${port}`, port, hits: 3, of: 6 });
  const ides = [await connect(port), await connect(port)];
  for (const ide of ides) t.teardown(() => ide.destroy());
  const said = ides.map((ide) => allOf(ide));
  for (const ide of ides) ide.write(requests(["attach"], ["configurationDone"], ["continue"]));
  const stranger = await connect(port);
  stranger.on("error", () => undefined);
  stranger.on("end", () => stranger.end()).resume();
  stranger.write("GET / HTTP/1.1\r\n\r\n");
  await once(stranger, "close");
  for (let i = 0; i < 3; i++) await replay.next("client");
  t.match(await replay.next("left"), { from: /^127\.0\.0\.1:\d+$/ });
  replay.type("hit?");
  t.match(await replay.next("refused"), { why: /DT_USAGE: there is no hit hit\? in this replay/ });
  replay.type(" 6 ");
  t.match(await replay.next("shown"), { hit: 6, clients: 2 });
  t.equal(await replay.end("SIGINT"), 0);
  for (const bytes of await Promise.all(said)) {
    const messages = messagesIn(bytes);
    t.strictSame(texts(messages), [
      "hit 2, 1 of 3 · api · req-1",
      "hit 4, 2 of 3 · api · req-1",
      "hit 6, 3 of 3 · api · req-1",
    ]);
    t.match(messages.at(-1), { event: "terminated" });
    t.equal(messages.filter(isResponse).length, 3);
  }
  t.equal(replay.stderr(), "");
  const free = net.createServer().listen(port, "127.0.0.1");
  await once(free, "listening");
  free.close();
});

t.test("SIGTERM ends it too, while an IDE does not close its side; without hits it says so", async (t) => {
  const port = await freePort();
  const replay = startReplay(t, trace, "--listen", `${port}`, "--service", "none");
  await replay.next("listening");
  const ide = await connect(port);
  t.teardown(() => ide.destroy());
  ide.write(requests(["attach"], ["configurationDone"]));
  for (;;) {
    const [chunk] = (await once(ide, "data")) as [Buffer];
    if (chunk.includes("this recording has no hits")) break;
  }
  t.equal(await replay.end("SIGTERM"), 0);
  t.match(replay.stderr(), /there is nothing to replay: no hit is meant, or none was recorded/);
});

t.test("--ide dials, plays, and ends with the IDE", async (t) => {
  const port = await listen();
  t.teardown(() => port.close());
  const replay = startReplay(t, trace, "--ide", `${port.port}`, "--source", "src=/opt/app");
  const ide = await port.next();
  t.match(await replay.next("client"), { from: `127.0.0.1:${port.port}` });
  ide.write(Buffer.concat([501, 101].map((id, i) => encodePydevd(id, 2 * i + 1, "1.1\tUNIX\tID", { side: "client" }))));
  let got = Buffer.alloc(0);
  while (!got.includes("\n105\t")) got = Buffer.concat([got, ((await once(ide, "data")) as [Buffer])[0]]);
  const frames = new FrameReader("pydevd").push(got).map(({ bytes }) => bytes);
  t.match(stopIn(decoded(frames)), {
    id: "pid_1_id_1",
    frames: [{ file: join(process.cwd(), "src/app.py"), line: 12 }],
  });
  replay.type("2");
  t.match(await replay.next("shown"), { hit: 2, clients: 1 });
  ide.destroy();
  await replay.next("left");
  t.equal(await replay.ended, 0, "its IDE has gone");
});
