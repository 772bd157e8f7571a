// `debugtap replay`: a trace in an ordinary IDE. It attaches as to a debuggee, and walks through the hits, forwards and backwards.
import { Command } from "commander";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import type { Duplex } from "node:stream";
import { DebugtapError } from "../../protocol/errors.ts";
import { DapReplay } from "../../protocol/replay-dap.ts";
import type { Recording } from "../../protocol/replay-recording.ts";
import { stopText } from "../../protocol/replay-walk.ts";
import { whereOf } from "../../protocol/hit-summary.ts";
import { PydevdReplay } from "../../protocol/replay-pydevd.ts";
import { ReplaySessions } from "../../protocol/replay-sessions.ts";
import { endWithin, type Listener } from "../duplex.ts";
import type { SourceMapping } from "../../protocol/path-map.ts";
import { localFiles } from "../replay/local-files.ts";
import { serveDap, servePydevd, type Connection, type DapPlayer, type Served } from "../replay/serve.ts";
import { wantedOf } from "./hit-options.ts";
import { printJson, printLine } from "./output.ts";
import { clean } from "./paint.ts";
import { endpoint } from "./services.ts";
import { parseCount, tellIndexing, tellProblems } from "./trace-lines.ts";

interface Options {
  readonly service?: string;
  readonly session?: string;
  readonly request?: string;
  readonly since?: string;
  readonly until?: string;
  readonly from?: string;
  readonly listen: string;
  readonly stdio?: true;
  readonly ide?: string;
  readonly sessions?: true;
  readonly pace?: string;
  readonly source?: readonly string[];
  readonly json?: true;
}

/** Milliseconds that an IDE has to end its side. */
const patience = 2000;

const examples = `
Examples:
  $ debugtap replay latest                              attach an IDE to localhost:5790
  $ debugtap replay latest --request req-5f1c           one request over all services
  $ debugtap replay latest --service cinder-volume --from 42
  $ debugtap replay latest --source ~/src/cinder=/opt/stack/cinder
  $ debugtap replay latest --sessions                   each recorded session in one of its own, as they were live
  $ debugtap replay latest --pace 1                     Continue takes as long as it took; --pace 10: a tenth of it
  $ debugtap replay latest --ide 5711                   PyCharm's or PyDev's debug server listens on 5711
  $ debugtap replay latest --stdio                      as the command of a debug adapter (Neovim, Emacs)

--sessions: one IDE session asks the IDE to begin the others (startDebugging), one for each recorded session, with its threads and hits only.
An IDE that cannot is given all in one, and told so.

VS Code, launch.json:   { "type": "debugpy", "request": "attach", "name": "replay", "connect": { "port": 5790 } }
Continue goes to the next hit, Reverse to the previous, Step Back to the previous of the thread; breakpoints say which hits Continue stops
at. Nothing runs: values, stacks and sources are those that were recorded, and what was not is said. Type a hit's number here, or
\`hit 42\` in the debug console, to go to it.`;

export function replayCommand(): Command {
  return new Command("replay")
    .description("open a trace in an IDE, as if the debuggee still stood at its hits")
    .argument("<trace>", "directory of the trace, or `latest`")
    .option("--service <name>", "only hits of this service")
    .option("--session <name>", "only hits of this session, e.g. cinder-api#1")
    .option("--request <id>", "only hits with a correlated value that begins so")
    .option("--since <time>", "only hits from this time on: 12.5s, 3m, or a date")
    .option("--until <time>", "only hits up to this time")
    .option("--from <hit>", "begin at this hit, by its number in `debugtap hits`")
    .option("--listen <[host:]port>", "where IDEs attach", "5790")
    .option("--stdio", "speak DAP on stdin and stdout, for one IDE that starts this command")
    .option("--ide <[host:]port>", "dial an IDE that listens there and speaks pydevd: PyCharm, PyDev")
    .option("--sessions", "a session of the IDE for each recorded one")
    .option("--pace <times>", "keep the time between hits on Continue, so many times as fast; at most a minute")
    .option("--source <local=remote...>", "where sources of the debuggee are here")
    .option("--json", "print what happens as JSON, one event a line")
    .addHelpText("after", examples)
    .action(async (name: string, options: Options) => {
      const { findTrace, openTrace, recordedStops } = await import("../trace/index.ts");
      const trace = await openTrace(findTrace(name));
      try {
        const { filter } = wantedOf(options, trace.started);
        const recording = await recordedStops(trace, filter, tellIndexing());
        try {
          tellProblems(trace);
          await run(recording, options);
        } finally {
          recording.index.close();
        }
      } finally {
        trace.close();
      }
    });
}

async function run(recording: Recording, options: Options): Promise<void> {
  const from = options.from === undefined ? undefined : placeOf(recording, options.from);
  const files = localFiles((options.source ?? []).map((text) => mappingOf(text)));
  const pace = options.pace === undefined ? undefined : paceOf(options.pace);
  if (options.ide !== undefined && (options.sessions || pace !== undefined))
    throw new DebugtapError("DT_USAGE", "--ide goes with neither --sessions nor --pace", {
      why: "they are made of DAP",
      fix: "debugtap replay latest --sessions",
    });
  const player = (): DapPlayer =>
    options.sessions ? new ReplaySessions(recording, files, from) : new DapReplay(recording, files, from);
  if (options.stdio) {
    const { stdin, stdout } = process;
    const connection = { readable: stdin, writable: stdout, finish: () => void stdin.destroy() };
    return serveDap(connection, player(), pace).ended;
  }
  const served = new Set<Served>();
  const serve = (one: Served, who: string): void => {
    served.add(one);
    say(options, { type: "client", from: who }, `the IDE at ${who} has the replay`);
    void forget(one, who);
  };
  const forget = async (one: Served, who: string): Promise<void> => {
    await one.ended;
    served.delete(one);
    say(options, { type: "left", from: who }, `the IDE at ${who} has left`);
  };
  const over = new AbortController();
  const close = await (options.ide === undefined
    ? listen(options, recording, (connection, who) => serve(serveDap(connection, player(), pace), who))
    : dial(options.ide, over.signal, options, (connection, who) => {
        const one = servePydevd(connection, new PydevdReplay(recording, files, from));
        serve(one, who);
        void one.ended.then(() => over.abort());
      }));
  await untilEnd(over.signal, options, async (line) => {
    const place = recording.placeOf(Number(line.trim()));
    if (place === undefined) throw new DebugtapError("DT_USAGE", `there is no hit ${clean(line)} in this replay`);
    for (const one of served) await one.show(place);
    const { number } = recording.stop(place);
    say(options, { type: "shown", hit: number, clients: served.size }, placeText(recording, place));
  });
  for (const one of served) one.end();
  await close();
}

type OnConnection = (connection: Connection, who: string) => void;

async function listen(
  options: Options,
  recording: Recording,
  onConnection: OnConnection,
): Promise<() => Promise<void>> {
  const { hostPort, listenTcp } = await import("../transport/tcp.ts");
  const at = endpoint("--listen", options.listen, "replay latest");
  const listener = await listenTcp(at)((stream, peer) => {
    onConnection(connectionOf(stream), hostPort(peer.address, peer.port));
  });
  tellListening(listener, recording, options);
  return () => listener.close();
}

async function dial(
  ide: string,
  signal: AbortSignal,
  options: Options,
  onConnection: OnConnection,
): Promise<() => Promise<void>> {
  const { dialTcp, hostPort } = await import("../transport/tcp.ts");
  const { host, port } = endpoint("--ide", ide, "replay latest");
  const stream = await dialTcp({ host, port })(signal);
  onConnection(connectionOf(stream), hostPort(host, port));
  say(options, { type: "dialled", port }, "A hit's number goes to it; Ctrl-C ends.");
  return () => Promise.resolve();
}

function connectionOf(stream: Duplex): Connection {
  return { readable: stream, writable: stream, finish: () => void endWithin(stream, patience) };
}

function tellListening({ address, port }: Listener, recording: Recording, options: Options): void {
  const { count, total } = recording;
  const some = count === total ? `${count}` : `${count} of ${total}`;
  say(
    options,
    { type: "listening", address, port, hits: count, of: total },
    `${some} hits, ${recording.threads.length} threads. IDEs attach to ${address} (DAP). A hit's number goes to it; Ctrl-C ends.`,
  );
  if (count > 0) return;
  process.stderr.write("there is nothing to replay: no hit is meant, or none was recorded\n");
}

/** `onLine`: what was typed. Resolves at Ctrl-C, SIGTERM, or when it is over. */
function untilEnd(over: AbortSignal, { json }: Options, onLine: (line: string) => Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const lines = createInterface({ input: process.stdin });
    const end = (): void => {
      lines.close();
      process.stdin.destroy();
      process.off("SIGINT", end).off("SIGTERM", end);
      resolve();
    };
    process.once("SIGINT", end).once("SIGTERM", end);
    over.addEventListener("abort", end);
    if (over.aborted) end();
    lines.on("line", (line) => {
      if (line.trim() === "") return;
      onLine(line).catch((error: unknown) => {
        const text = error instanceof DebugtapError ? error.format() : String(error);
        if (json) printJson({ type: "refused", why: text });
        else process.stderr.write(`${text}\n`);
      });
    });
  });
}

function say({ json }: Options, event: object, text: string): void {
  if (json) printJson(event);
  else printLine(text);
}

function placeText(recording: Recording, place: number): string {
  const { function: name = "?", file, line } = recording.stop(place);
  const where = whereOf({
    name,
    ...(file === undefined ? {} : { path: file }),
    ...(line === undefined ? {} : { line }),
  });
  return clean(`${stopText(recording, place)}  ${where}`);
}

function placeOf(recording: Recording, from: string): number {
  const place = recording.placeOf(parseCount("--from", from, 1));
  if (place !== undefined) return place;
  throw new DebugtapError("DT_USAGE", `there is no hit ${from} in this replay`, {
    why: recording.count === 0 ? "it has none" : `it has ${recording.count}, from hit ${recording.stop(0).number} on`,
    fix: "debugtap hits latest",
  });
}

function paceOf(text: string): number {
  const times = Number(text);
  if (times > 0 && times < Infinity) return times;
  throw new DebugtapError("DT_USAGE", `--pace ${text} is no number above 0`, { fix: "--pace 1" });
}

function mappingOf(text: string): SourceMapping {
  const [, local, remote] = /^(.+?)=(.+)$/.exec(text) ?? [];
  if (local !== undefined && remote !== undefined) return { local: resolve(local), remote };
  throw new DebugtapError("DT_USAGE", `--source ${text} is not LOCAL=REMOTE`, {
    fix: "--source ~/src/cinder=/opt/stack/cinder",
  });
}
