// `debugtap export`: a trace in another form: every message (ndjson, mcap, pcapng), or the story of its hits (markdown, chrome, otlp), or the HTTP that
// went through it (har).
import { Command, Option } from "commander";
import { DebugtapError } from "../../protocol/errors.ts";
import type { Trace, TraceHit, TraceMessage } from "../trace/index.ts";
import { hitJson } from "./hit-lines.ts";
import { version } from "./version.ts";
import { writeFile, writeOutput } from "./output-file.ts";
import { findSession, messageJson, parseTime, tellProblems } from "./trace-lines.ts";

interface Options {
  readonly to: "ndjson" | "mcap" | "pcapng" | "markdown" | "chrome" | "otlp" | "har";
  readonly output?: string;
  readonly session?: readonly string[];
  readonly service?: readonly string[];
  readonly request?: string;
  readonly since?: string;
  readonly until?: string;
}

/** What is meant of a trace; times are epoch milliseconds. */
interface Range {
  readonly sessions?: ReadonlySet<number>;
  /** With sessions, har alone: names of triggers that are meant too. */
  readonly triggers?: ReadonlySet<string>;
  readonly request?: string;
  readonly since?: number;
  readonly until?: number;
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
  $ debugtap export latest --to har -o trace.har       HTTP of triggers and raw services, with the hits that it caused
  $ debugtap export latest --to otlp | curl -H 'Content-Type: application/json' -d @- http://127.0.0.1:4318/v1/traces

ndjson: one message a line, decoded, sessions interleaved as they ran, and hits (lines with "hit") among them. mcap: one sealed file with the
recorded chunks. markdown, chrome, otlp: hits, by the request that they belong to, under the numbers of \`debugtap hits\`; --request takes the beginning of a
request id. har: with --service the HTTP of these services and triggers; with --request what set off hits of it.`;

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
    .option("--request <id>", "markdown, chrome, otlp, har: only hits of this request")
    .option("--since <time>", "12.5s or 3m after the trace's start, or an ISO date; not with mcap")
    .option("--until <time>", "as --since")
    .option("--json", "print errors as JSON")
    .addHelpText("after", examples)
    .action(async (name: string, options: Options) => {
      const { findTrace, openTrace } = await import("../trace/index.ts");
      const trace = await openTrace(findTrace(name));
      try {
        await run(trace, options, await rangeOf(trace, options));
        tellProblems(trace);
      } finally {
        trace.close();
      }
    });
}

/** Throws DT_USAGE where the form cannot leave out what is not asked for. */
async function rangeOf(trace: Trace, options: Options): Promise<Range> {
  const { to, request, since, until } = options;
  if (request !== undefined && ["ndjson", "mcap", "pcapng"].includes(to))
    throw new DebugtapError("DT_USAGE", `--to ${to} has no --request`, {
      why: "it has every message, and messages belong to no request",
      fix: "--to markdown --request ID, or --to ndjson --since 10s --until 20s",
    });
  if (to === "mcap" && (since ?? until) !== undefined)
    throw new DebugtapError("DT_USAGE", "--to mcap has no --since and --until", {
      why: "messages are read from their beginnings on",
      fix: "--to mcap --session NAME, or --to ndjson --since 10s",
    });
  const { service = [] } = options;
  const triggers = new Set(
    to === "har" && service.length > 0 ? (await trace.http()).map(({ through }) => through) : [],
  );
  const sessions = selectSessions(trace, options, triggers);
  return {
    triggers: new Set(service.filter((name) => triggers.has(name))),
    ...(sessions === undefined ? {} : { sessions }),
    ...(request === undefined ? {} : { request }),
    ...(since === undefined ? {} : { since: parseTime(since, trace.started) }),
    ...(until === undefined ? {} : { until: parseTime(until, trace.started) }),
  };
}

/** `triggers`: names that may be meant as well. */
function selectSessions(
  trace: Trace,
  { session, service }: Options,
  triggers: ReadonlySet<string>,
): ReadonlySet<number> | undefined {
  if (session === undefined && service === undefined) return undefined;
  const named = (session ?? []).map((name) => findSession(trace, name).facts.id);
  const known = trace.sessions();
  const ofServices = (service ?? []).flatMap((name) => {
    const found = known.filter(({ facts }) => facts.service === name).map(({ facts }) => facts.id);
    if (found.length > 0 || triggers.has(name)) return found;
    const names = [...new Set([...known.map(({ facts }) => facts.service), ...triggers])].join(", ");
    throw new DebugtapError("DT_SERVICE_UNKNOWN", `the trace has no session of ${name}`, {
      why: `it has those of ${names}`,
    });
  });
  return new Set([...named, ...ofServices]);
}

async function run(trace: Trace, { to, output }: Options, range: Range): Promise<void> {
  const { storyOf, toChrome, toHar, toMarkdown, toOtlp, toPcapng } = await import("../trace/export/index.ts");
  switch (to) {
    case "ndjson":
      return writeOutput(output, ndjson(trace, range));
    case "mcap":
      return toMcap(trace, range.sessions, output);
    case "pcapng":
      if (output !== undefined || !process.stdout.isTTY)
        return writeOutput(output, toPcapng(trace, inOrder(trace, range)));
      throw new DebugtapError("DT_USAGE", "a capture is not text: name a file for it", { fix: "-o trace.pcapng" });
    case "markdown":
      return writeOutput(output, toMarkdown(await storyOf(trace, range), trace));
    case "chrome":
      return writeOutput(output, [toChrome(await storyOf(trace, range))]);
    case "otlp":
      return writeOutput(output, [toOtlp(await storyOf(trace, range), version())]);
    case "har": {
      const { sessions: _, triggers: __, ...ofAll } = range;
      const query = { ...range, onlyWithHits: range.request !== undefined };
      return writeOutput(output, [await toHar(trace, await storyOf(trace, ofAll), version(), query)]);
    }
  }
}

async function* ndjson(trace: Trace, range: Range): AsyncGenerator<string> {
  for await (const item of inOrder(trace, range))
    yield `${JSON.stringify("hit" in item ? hitJson(item) : messageJson(item))}\n`;
}

/** Messages and hits by their times, which are those of their records. */
async function* inOrder(
  trace: Trace,
  { sessions, since = -Infinity, until = Infinity }: Range,
): AsyncGenerator<TraceMessage | TraceHit> {
  const one = sessions?.size === 1 ? [...sessions][0] : undefined;
  const query = one === undefined ? {} : { session: one };
  const isMeant = ({ session, time }: TraceMessage | TraceHit): boolean =>
    sessions?.has(session.id) !== false && time >= since && time <= until;
  const hits = trace.hits(query);
  let hit = await hits.next();
  for await (const message of trace.messages({ ...query, since, until })) {
    for (; hit.done !== true && hit.value.time < message.time; hit = await hits.next())
      if (isMeant(hit.value)) yield hit.value;
    if (isMeant(message)) yield message;
  }
  for (; hit.done !== true; hit = await hits.next()) if (isMeant(hit.value)) yield hit.value;
}

async function toMcap(trace: Trace, sessions: ReadonlySet<number> | undefined, output?: string): Promise<void> {
  if (output === undefined)
    throw new DebugtapError("DT_USAGE", "an MCAP file is not text: name a file for it", { fix: "-o trace.mcap" });
  const { writeMcap } = await import("../trace/index.ts");
  await writeFile(output, (file) => writeMcap(trace, file.fd, sessions));
}
