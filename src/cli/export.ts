// `debugtap export`: a trace as lines of JSON, or as one MCAP file.
import { Command, Option } from "commander";
import { open } from "node:fs/promises";
import { DebugtapError } from "../../protocol/errors.ts";
import type { Trace, TraceHit, TraceMessage } from "../trace/index.ts";
import { printJson } from "./output.ts";
import { hitJson } from "./hit-lines.ts";
import { drained, findSession, messageJson, tellProblems } from "./trace-lines.ts";

interface Options {
  readonly to: "ndjson" | "mcap";
  readonly output?: string;
  readonly session?: readonly string[];
}

const examples = `
Examples:
  $ debugtap export latest --to ndjson | jq 'select(.message.command == "setBreakpoints")'
  $ debugtap export latest --to ndjson --session cinder-api#1 -o api.ndjson
  $ debugtap export latest --to ndjson | jq 'select(.hit).hit.snapshot.frames[0]'
  $ debugtap export latest --to mcap -o trace.mcap     opens in Foxglove and the mcap command

ndjson: one message a line, decoded, sessions interleaved as they ran, and hits (lines with "hit") among them. mcap: one sealed file with the recorded chunks.`;

export function exportCommand(): Command {
  return new Command("export")
    .description("write a trace in another form")
    .argument("<trace>", "directory of the trace, or `latest`")
    .addOption(new Option("--to <form>", "ndjson or mcap").choices(["ndjson", "mcap"]).makeOptionMandatory())
    .option("-o, --output <file>", "write there in place of stdout; a file that exists is not overwritten")
    .option("--session <name...>", "only these sessions")
    .option("--json", "print errors as JSON")
    .addHelpText("after", examples)
    .action(async (name: string, options: Options) => {
      const { findTrace, openTrace } = await import("../trace/index.ts");
      const trace = await openTrace(findTrace(name));
      try {
        const wanted = options.session?.map((session) => findSession(trace, session).facts.id);
        const sessions = wanted === undefined ? undefined : new Set(wanted);
        if (options.to === "ndjson") await toNdjson(trace, sessions, options.output);
        else await toMcap(trace, sessions, options.output);
        tellProblems(trace);
      } finally {
        trace.close();
      }
    });
}

async function toNdjson(trace: Trace, sessions: ReadonlySet<number> | undefined, output?: string): Promise<void> {
  const only = sessions?.size === 1 ? [...sessions][0] : undefined;
  const file = output === undefined ? undefined : await create(output);
  try {
    for await (const item of inOrder(trace, only)) {
      if (sessions !== undefined && !sessions.has(item.session.id)) continue;
      const json = "hit" in item ? hitJson(item) : messageJson(item);
      if (file !== undefined) await file.write(`${JSON.stringify(json)}\n`);
      else {
        printJson(json);
        await drained();
      }
    }
  } finally {
    await file?.close();
  }
}

/** Messages and hits by their times, which are those of their records. */
async function* inOrder(trace: Trace, session: number | undefined): AsyncGenerator<TraceMessage | TraceHit> {
  const query = session === undefined ? {} : { session };
  const hits = trace.hits(query);
  let hit = await hits.next();
  for await (const message of trace.messages(query)) {
    for (; hit.done !== true && hit.value.time < message.time; hit = await hits.next()) yield hit.value;
    yield message;
  }
  if (hit.done !== true) yield hit.value;
  yield* hits;
}

async function toMcap(trace: Trace, sessions: ReadonlySet<number> | undefined, output?: string): Promise<void> {
  if (output === undefined)
    throw new DebugtapError("DT_USAGE", "an MCAP file is not text: name a file for it", { fix: "-o trace.mcap" });
  const file = await create(output);
  try {
    const { writeMcap } = await import("../trace/index.ts");
    await writeMcap(trace, file.fd, sessions);
  } finally {
    await file.close();
  }
}

async function create(path: string): ReturnType<typeof open> {
  try {
    return await open(path, "wx", 0o600);
  } catch (error) {
    const exists = error instanceof Error && "code" in error && error.code === "EEXIST";
    throw new DebugtapError("DT_USAGE", `${path} cannot be created`, {
      why: exists ? "it is there already" : error instanceof Error ? error.message : String(error),
      fix: exists ? `rm ${path}` : "-o FILE in a directory of yours",
    });
  }
}
