// `debugtap export`: a trace in another form: every message (ndjson, mcap, pcapng), or the story of its hits (markdown, chrome, otlp), or the HTTP that
// went through it (har).
import { Command, Option } from "commander";
import { open } from "node:fs/promises";
import { DebugtapError } from "../../protocol/errors.ts";
import type { Trace, TraceHit, TraceMessage } from "../trace/index.ts";
import type { StoryQuery } from "../trace/export/index.ts";
import { printJson } from "./output.ts";
import { hitJson } from "./hit-lines.ts";
import { version } from "./version.ts";
import { drained, findSession, messageJson, tellProblems } from "./trace-lines.ts";

interface Options {
  readonly to: "ndjson" | "mcap" | "pcapng" | "markdown" | "chrome" | "otlp" | "har";
  readonly output?: string;
  readonly session?: readonly string[];
  readonly service?: readonly string[];
  readonly request?: string;
}

const examples = `
Examples:
  $ debugtap export latest --to ndjson | jq 'select(.message.command == "setBreakpoints")'
  $ debugtap export latest --to ndjson --session cinder-api#1 -o api.ndjson
  $ debugtap export latest --to ndjson | jq 'select(.hit).hit.snapshot.frames[0]'
  $ debugtap export latest --to mcap -o trace.mcap     opens in Foxglove and the mcap command

  $ debugtap export latest --to pcapng -o trace.pcapng opens in Wireshark: a packet a message, hits with comments
  $ debugtap export latest --to markdown -o report.md  the story of each request: for a bug report
  $ debugtap export latest --to chrome -o trace.json   opens in ui.perfetto.dev: services, stops, requests as arrows
  $ debugtap export latest --to har -o trace.har       HTTP of raw services, with the hits that it caused
  $ debugtap export latest --to otlp | curl -H 'Content-Type: application/json' -d @- http://127.0.0.1:4318/v1/traces

ndjson: one message a line, decoded, sessions interleaved as they ran, and hits (lines with "hit") among them. mcap: one sealed file with the
recorded chunks. markdown, chrome, otlp: hits, by the request that they belong to; --request takes the beginning of a request id.`;

export function exportCommand(): Command {
  return new Command("export")
    .description("write a trace in another form")
    .argument("<trace>", "directory of the trace, or `latest`")
    .addOption(
      new Option("--to <form>", "in which form")
        .choices(["ndjson", "mcap", "pcapng", "markdown", "chrome", "otlp", "har"])
        .makeOptionMandatory(),
    )
    .option("-o, --output <file>", "write there in place of stdout; a file that exists is not overwritten")
    .option("--session <name...>", "only these sessions")
    .option("--service <name...>", "only the sessions of these services")
    .option("--request <id>", "markdown, chrome, otlp: only hits of this request")
    .option("--json", "print errors as JSON")
    .addHelpText("after", examples)
    .action(async (name: string, options: Options) => {
      const { findTrace, openTrace } = await import("../trace/index.ts");
      const trace = await openTrace(findTrace(name));
      try {
        const sessions = selectSessions(trace, options);
        if (options.to === "ndjson") await toNdjson(trace, sessions, options.output);
        else if (options.to === "mcap") await toMcap(trace, sessions, options.output);
        else if (options.to === "pcapng") await toPackets(trace, sessions, options.output);
        else
          await toStory(
            trace,
            options.to,
            { ...(sessions === undefined ? {} : { sessions }), ...requestOf(options) },
            options.output,
          );
        tellProblems(trace);
      } finally {
        trace.close();
      }
    });
}

function selectSessions(trace: Trace, { session, service }: Options): ReadonlySet<number> | undefined {
  if (session === undefined && service === undefined) return undefined;
  const named = (session ?? []).map((name) => findSession(trace, name).facts.id);
  const known = trace.sessions();
  const ofServices = (service ?? []).flatMap((name) => {
    const found = known.filter(({ facts }) => facts.service === name).map(({ facts }) => facts.id);
    if (found.length > 0) return found;
    const names = [...new Set(known.map(({ facts }) => facts.service))].join(", ");
    throw new DebugtapError("DT_SERVICE_UNKNOWN", `the trace has no session of ${name}`, {
      why: `it has those of ${names}`,
    });
  });
  return new Set([...named, ...ofServices]);
}

function requestOf({ request }: Options): { readonly request?: string } {
  return request === undefined ? {} : { request };
}

async function toStory(
  trace: Trace,
  to: "markdown" | "chrome" | "otlp" | "har",
  query: StoryQuery,
  output: string | undefined,
): Promise<void> {
  const { storyOf, toChrome, toHar, toMarkdown, toOtlp } = await import("../trace/export/index.ts");
  const story = await storyOf(trace, query);
  const parts = await {
    markdown: () => toMarkdown(story, trace),
    chrome: () => [toChrome(story)],
    otlp: () => [toOtlp(story, version())],
    har: async () => [await toHar(trace, story, version(), query.sessions)],
  }[to]();
  const file = output === undefined ? undefined : await create(output);
  try {
    for (const part of parts) {
      if (file !== undefined) await file.write(part);
      else {
        process.stdout.write(part);
        await drained();
      }
    }
  } finally {
    await file?.close();
  }
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

async function toPackets(trace: Trace, sessions: ReadonlySet<number> | undefined, output?: string): Promise<void> {
  if (output === undefined && process.stdout.isTTY)
    throw new DebugtapError("DT_USAGE", "a capture is not text: name a file for it", { fix: "-o trace.pcapng" });
  const { toPcapng } = await import("../trace/export/index.ts");
  const file = output === undefined ? undefined : await create(output);
  async function* wanted(): AsyncGenerator<TraceMessage | TraceHit> {
    for await (const item of inOrder(trace, undefined))
      if (sessions === undefined || sessions.has(item.session.id)) yield item;
  }
  try {
    for await (const bytes of toPcapng(trace, wanted())) {
      if (file !== undefined) await file.write(bytes);
      else {
        process.stdout.write(bytes);
        await drained();
      }
    }
  } finally {
    await file?.close();
  }
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
