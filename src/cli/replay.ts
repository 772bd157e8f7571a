// `debugtap replay`: a trace in an ordinary IDE. It attaches as to a debuggee, and walks through the hits, forwards and backwards.
import { Command } from "commander";
import { createInterface } from "node:readline";
import { Duplex } from "node:stream";
import { DebugtapError } from "../../protocol/errors.ts";
import { DapReplay } from "../../protocol/replay-dap.ts";
import type { Recording } from "../../protocol/replay-recording.ts";
import { stopText } from "../../protocol/replay-walk.ts";
import { whereOf } from "../../protocol/hit-summary.ts";
import type { Listener } from "../duplex.ts";
import type { SourceMapping } from "../../protocol/path-map.ts";
import { localFiles } from "../replay/local-files.ts";
import { serveDap } from "../replay/serve-dap.ts";
import type { ServedReplay } from "../replay/serve-dap.ts";
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
  readonly source?: readonly string[];
  readonly json?: true;
}

const examples = `
Examples:
  $ debugtap replay latest                              attach an IDE to localhost:5790
  $ debugtap replay latest --request req-5f1c           one request over all services
  $ debugtap replay latest --service cinder-volume --from 42
  $ debugtap replay latest --source ~/src/cinder=/opt/stack/cinder
  $ debugtap replay latest --stdio                      as the command of a debug adapter (Neovim, Emacs)

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
  const mappings = (options.source ?? []).map((text) => mappingOf(text));
  const replay = (): DapReplay => new DapReplay(recording, localFiles(mappings), from);
  if (options.stdio) {
    await serveDap(Duplex.from({ readable: process.stdin, writable: process.stdout }), replay()).ended;
    return;
  }
  const { listenTcp } = await import("../transport/tcp.ts");
  const served = new Set<ServedReplay>();
  const listener = await listenTcp(endpoint("--listen", options.listen, "replay latest"))(
    (stream, { address, port }) => {
      const one = serveDap(stream, replay());
      served.add(one);
      say(options, { type: "client", from: `${address}:${port}` }, `an IDE has attached from ${address}:${port}`);
      void one.ended.then(() => {
        served.delete(one);
        say(options, { type: "left", from: `${address}:${port}` }, `the IDE at ${address}:${port} has left`);
      });
    },
  );
  tellListening(listener, recording, options);
  await untilEnd(async (line) => {
    const place = recording.placeOf(Number(line.trim()));
    if (place === undefined) throw new DebugtapError("DT_USAGE", `there is no hit ${clean(line)} in this replay`);
    for (const one of served) await one.show(place);
    const { number } = recording.stop(place);
    say(options, { type: "shown", hit: number, clients: served.size }, placeText(recording, place));
  }, options);
  for (const one of served) one.end();
  await listener.close();
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

/** `onLine`: what was typed. Resolves at Ctrl-C, SIGTERM. */
function untilEnd(onLine: (line: string) => Promise<void>, { json }: Options): Promise<void> {
  return new Promise((resolve) => {
    const lines = createInterface({ input: process.stdin });
    const end = (): void => {
      lines.close();
      process.off("SIGINT", end).off("SIGTERM", end);
      resolve();
    };
    process.once("SIGINT", end).once("SIGTERM", end);
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

function mappingOf(text: string): SourceMapping {
  const [, local, remote] = /^(.+?)=(.+)$/.exec(text) ?? [];
  if (local !== undefined && remote !== undefined) return { local, remote };
  throw new DebugtapError("DT_USAGE", `--source ${text} is not LOCAL=REMOTE`, {
    fix: "--source ~/src/cinder=/opt/stack/cinder",
  });
}
