// `debugtap show`: the sessions of a trace, the messages or hits of one, decoded, or one hit in full.
//
// Rules
// - A number is a hit, unless an option asks for messages: then it is the id of a session, as it was before there were hits.
import { Command } from "commander";
import { DebugtapError } from "../../protocol/errors.ts";
import type { MessageQuery, Trace, TraceMessage } from "../trace/index.ts";
import { hitJson, hitLines } from "./hit-lines.ts";
import { printJson, printLine } from "./output.ts";
import { hasColor } from "./paint.ts";
import {
  drained,
  droppedJson,
  droppedText,
  findSession,
  messageJson,
  messageLine,
  parseCount,
  parseTime,
  sessionTable,
  tellProblems,
  wireBytes,
} from "./trace-lines.ts";

interface Options {
  readonly from?: string;
  readonly count?: string;
  readonly last?: string;
  readonly since?: string;
  readonly until?: string;
  readonly hits?: true;
  readonly follow?: true;
  readonly raw?: true;
  readonly frame?: string;
  readonly depth?: string;
  readonly find?: string;
  readonly page?: string;
  readonly json?: true;
}

const examples = `
Examples:
  $ debugtap show latest                               the sessions of the newest trace
  $ debugtap show latest cinder-api#1                  its messages, one line each
  $ debugtap show latest cinder-api#1 --last 20
  $ debugtap show latest cinder-api#1 --from 40 --count 10 --json
  $ debugtap show latest cinder-api#1 --hits           where it stopped, and the values there
  $ debugtap show latest 42                            one hit, by its number in \`debugtap hits\`: stack and values
  $ debugtap show latest cinder-api#1:3 --find size    the third hit of a session, the values called so
  $ debugtap show latest --since 10s --until 12s       all sessions, two seconds of them
  $ debugtap show latest --follow                      what happens now
  $ debugtap show latest cinder-api#1 --raw > wire.bin

TRACE is a directory, the name of one in the default place, or \`latest\`. Times count from the start of the trace.`;

export function showCommand(): Command {
  return new Command("show")
    .description("list the sessions of a trace, the messages or hits of one, or show one hit")
    .argument("<trace>", "directory of the trace, or `latest`")
    .argument("[session]", "a session's name, e.g. cinder-api#1, or a hit: 42 or cinder-api#1:3")
    .option("--from <n>", "begin with message N (from 1)")
    .option("--count <m>", "show at most M messages")
    .option("--last <m>", "show the last M messages")
    .option("--since <time>", "begin at this time: 12.5s, 3m, or a date")
    .option("--until <time>", "end at this time")
    .option("--hits", "hits in place of messages: stack, the text and the values of its top frame")
    .option("--follow", "go on with what is recorded now")
    .option("--raw", "print the bytes as they crossed the wire (with --json: add them in base64)")
    .option("--frame <n>", "of a hit, this frame only; 0 is the innermost")
    .option("--depth <n>", "of a hit, so many levels of values")
    .option("--find <name>", "of a hit, the values whose path has this in it")
    .option("--page <n>", "of a hit, page N; on a terminal the first is shown, elsewhere all")
    .option("--json", "print one JSON object a line")
    .addHelpText("after", examples)
    .action(async (name: string, session: string | undefined, options: Options) => {
      const { findTrace, openTrace } = await import("../trace/index.ts");
      const trace = await openTrace(findTrace(name));
      try {
        const wantsHit = isHit(session, options);
        const wantsMessages = session !== undefined || Object.keys(options).some((option) => option !== "json");
        if (wantsHit) await (await import("./show-hit.ts")).showHit(trace, session ?? "", options);
        else if (options.hits) await showHits(trace, session, options);
        else if (wantsMessages) await showMessages(trace, session, options);
        else showSessions(trace, options);
        tellProblems(trace);
      } finally {
        trace.close();
      }
    });
}

const ofMessages = ["from", "last", "since", "until", "hits", "follow", "raw"] as const;
const ofHit = ["frame", "depth", "find", "page"] as const;

/** Whether one hit is meant. Throws DT_USAGE for options that do not go with what is. */
function isHit(name: string | undefined, options: Options): boolean {
  const messages = ofMessages.find((option) => options[option] !== undefined);
  const named = name !== undefined && /#\d+:\d+$/.test(name);
  const meant = named || (messages === undefined && name !== undefined && /^\d+$/.test(name));
  const wrong = meant ? messages : ofHit.find((option) => options[option] !== undefined);
  if (wrong === undefined) return meant;
  throw new DebugtapError("DT_USAGE", `--${wrong} ${meant ? "does not go with one hit" : "needs a hit"}`, {
    fix: `debugtap show latest ${meant ? name : "1 --depth 2"}`,
  });
}

function showSessions(trace: Trace, { json }: Options): void {
  const sessions = trace.sessions();
  const { dropped } = trace;
  if (json) {
    for (const { facts, ...session } of sessions) printJson({ ...facts, ...session });
    if (dropped !== undefined) printJson({ dropped: droppedJson(dropped) });
    return;
  }
  if (dropped !== undefined) printLine(droppedText(dropped, trace.started));
  if (sessions.length === 0) printLine(`no sessions in ${trace.dir}`);
  else printLine(sessionTable(sessions, hasColor(process.stdout)).join("\n"));
}

async function showMessages(trace: Trace, name: string | undefined, options: Options): Promise<void> {
  const color = hasColor(process.stdout);
  for await (const message of await selected(trace, name, options)) {
    if (options.json) printJson(messageJson(message, options.raw));
    else if (options.raw) process.stdout.write(wireBytes(message));
    else printLine(messageLine(message, color, name === undefined));
    await drained();
  }
}

async function showHits(trace: Trace, name: string | undefined, options: Options): Promise<void> {
  if (options.follow || options.raw)
    throw new DebugtapError("DT_USAGE", "--hits does not go with --follow or --raw", { fix: "--hits --json" });
  const color = hasColor(process.stdout);
  const textOf = (sha256: string) => trace.source(sha256);
  const total = (id?: number) => trace.hitCount(id);
  const { from, count = Infinity, since = -Infinity, until = Infinity, ...which } = query(trace, name, options, total);
  // Numbers have holes where a hit could not be stored, so the last ones are found by counting.
  let skip = options.last === undefined ? 0 : from - 1;
  let left = count;
  for await (const hit of trace.hits(skip > 0 ? which : { ...which, from })) {
    if (left <= 0 || hit.time > until) return;
    if (hit.time < since || skip-- > 0) continue;
    left--;
    if (options.json) printJson(hitJson(hit));
    else printLine(hitLines(hit, { color, named: name === undefined, textOf }).join("\n"));
    await drained();
  }
}

async function selected(
  trace: Trace,
  name: string | undefined,
  options: Options,
): Promise<AsyncIterable<TraceMessage>> {
  const { count, since, until } = options;
  const wanted = query(trace, name, options, (session) => trace.count(session));
  if (!options.follow) return trace.messages(wanted);
  if (since !== undefined || until !== undefined || count !== undefined)
    throw new DebugtapError("DT_USAGE", "--follow goes with --from or --last only", { fix: "--follow --last 20" });
  const { follow } = await import("../trace/index.ts");
  return follow(trace, wanted);
}

/** What the options ask for; `total` counts what there is, of a session or of the trace. */
function query(
  trace: Trace,
  name: string | undefined,
  { from, count, last, since, until }: Options,
  total: (session?: number) => number,
): MessageQuery & { readonly from: number } {
  const session = name === undefined ? undefined : findSession(trace, name).facts.id;
  if (last !== undefined && (from !== undefined || count !== undefined))
    throw new DebugtapError("DT_USAGE", "--last does not go with --from or --count", { fix: "--last 20" });
  return {
    ...(session === undefined ? {} : { session }),
    from:
      last === undefined
        ? parseCount("--from", from ?? "1", 1)
        : Math.max(1, total(session) - parseCount("--last", last, 0) + 1),
    ...(count === undefined ? {} : { count: parseCount("--count", count, 0) }),
    ...(since === undefined ? {} : { since: parseTime(since, trace.started) }),
    ...(until === undefined ? {} : { until: parseTime(until, trace.started) }),
  };
}
