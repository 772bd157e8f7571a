// `debugtap diff`: two traces of the same program, and what differs between their hits.
import { Command } from "commander";
import { DebugtapError } from "../../protocol/errors.ts";
import type { CompareOptions, Comparison, Trace } from "../trace/index.ts";
import { printJson, printLine } from "./output.ts";
import { hasColor } from "./paint.ts";
import { drained, parseCount, tellIndexing, tellProblems } from "./trace-lines.ts";

interface Options {
  readonly session?: readonly string[];
  readonly service?: readonly string[];
  readonly noise?: readonly string[];
  readonly html?: string;
  readonly count: string;
  readonly json?: true;
}

const examples = `
Examples:
  $ debugtap diff before after                      two recordings of the same command
  $ debugtap diff before after --service cinder-volume
  $ debugtap diff before after --noise before again  leaves out what differs between two runs of one version
  $ debugtap diff before after --html report.html    one page, to send to somebody
  $ debugtap diff before after --json | jq 'select(.type == "changed").values[].path'

Hits are paired by request, file, function and line; where the recorded texts of a file differ, its lines are translated first. Addresses,
ids of requests, UUIDs, masked secrets, numbers of processes, threads and ports may have other names in each run, the same one everywhere;
times are not compared. docs/diff.md says how.

Exit codes: 0 equal, 1 different, 2 usage.`;

export function diffCommand(): Command {
  return new Command("diff")
    .description("compare the hits of two traces")
    .argument("<a>", "directory of a trace, or `latest`")
    .argument("<b>", "the trace to compare it with")
    .option("--session <name...>", "only these sessions")
    .option("--service <name...>", "only the sessions of these services")
    .option("--noise <traces...>", "two traces of one version: what differs between them is left out")
    .option("--html <file>", "write the result as a page; a file that exists is not overwritten")
    .option("--count <n>", "how many of the differing hits to show", "20")
    .option("--json", "print one JSON object a line")
    .addHelpText("after", examples)
    .action(async (a: string, b: string, options: Options) => await run(a, b, options));
}

async function run(nameA: string, nameB: string, options: Options): Promise<void> {
  const count = parseCount("--count", options.count, 1);
  const noise = options.noise ?? [];
  if (noise.length !== 0 && noise.length !== 2)
    throw new DebugtapError("DT_USAGE", "--noise takes two traces", { fix: `--noise ${nameA} again` });
  const places = await noiseOf(noise, options);
  await withTraces(nameA, nameB, async (a, b) => {
    const { compareTraces } = await import("../trace/index.ts");
    const comparison = await compareTraces(a, b, { ...selected([a, b], options), volatile: places });
    if (options.json) await printAll(a, b, comparison);
    else {
      const { diffLines } = await import("./diff-lines.ts");
      const lines = diffLines({ dirs: [a.dir, b.dir], comparison, count, color: hasColor(process.stdout) });
      for (const line of lines) {
        printLine(line);
        await drained();
      }
    }
    if (options.html !== undefined) {
      const { diffHtml } = await import("./diff-html.ts");
      const { writeOutput } = await import("./output-file.ts");
      await writeOutput(options.html, diffHtml({ dirs: [a.dir, b.dir], comparison }));
    }
    // What cannot be read is not known to be equal.
    if (isDifferent(comparison) || comparison.unreadable > 0) process.exitCode = 1;
  });
}

async function noiseOf([c, d]: readonly string[], options: Options): Promise<ReadonlySet<string>> {
  if (c === undefined || d === undefined) return new Set();
  const { compareTraces } = await import("../trace/index.ts");
  let places: ReadonlySet<string> = new Set();
  await withTraces(c, d, async (one, other) => {
    ({ places } = await compareTraces(one, other, selected([one, other], options)));
  });
  return places;
}

async function withTraces(nameA: string, nameB: string, use: (a: Trace, b: Trace) => Promise<void>): Promise<void> {
  const { findTrace, openTrace } = await import("../trace/index.ts");
  const [dirA, dirB] = [findTrace(nameA), findTrace(nameB)];
  const a = await openTrace(dirA);
  try {
    const b = await openTrace(dirB);
    try {
      await use(a, b);
      for (const trace of [a, b]) tellProblems(trace);
    } finally {
      b.close();
    }
  } finally {
    a.close();
  }
}

/** Throws DT_USAGE or DT_SERVICE_UNKNOWN for what neither trace has. */
function selected(traces: readonly Trace[], { session, service }: Options): CompareOptions {
  const known = traces.flatMap((trace) => trace.sessions().map(({ facts }) => facts));
  const check = (names: readonly string[], has: readonly string[], what: "session" | "service"): void => {
    const unknown = names.find((name) => !has.includes(name));
    if (unknown === undefined) return;
    throw new DebugtapError(
      what === "session" ? "DT_USAGE" : "DT_SERVICE_UNKNOWN",
      `no trace has a ${what} ${unknown}`,
      {
        why: `they have ${[...new Set(has)].slice(0, 20).join(", ")}`,
        ...(has[0] === undefined ? {} : { fix: `--${what} ${has[0]}` }),
      },
    );
  };
  check(
    session ?? [],
    known.map(({ name }) => name),
    "session",
  );
  check(
    service ?? [],
    known.map((facts) => facts.service),
    "service",
  );
  return {
    onProgress: tellIndexing(),
    ...(session === undefined ? {} : { sessions: new Set(session) }),
    ...(service === undefined ? {} : { services: new Set(service) }),
  };
}

function isDifferent({ changedCount, onlyA, onlyB }: Comparison): boolean {
  return changedCount + onlyA.length + onlyB.length > 0;
}

/** docs/diff.md has the keys. */
async function printAll(a: Trace, b: Trace, comparison: Comparison): Promise<void> {
  const { rowJson } = await import("./hit-row-lines.ts");
  const { changed, onlyA, onlyB, first, hits, equal, changedCount, hidden, cut, unreadable, variables } = comparison;
  const sides = (pair: NonNullable<Comparison["first"]>): Record<string, unknown> => ({
    ...("a" in pair ? { a: rowJson(pair.a, a.started) } : {}),
    ...("b" in pair ? { b: rowJson(pair.b, b.started) } : {}),
  });
  for (const one of changed) {
    const { stack, values, hidden, cut } = one;
    printJson({ type: "changed", ...sides(one), stack, values, hidden: hidden.length, cut });
    await drained();
  }
  for (const row of onlyA) {
    printJson({ type: "only-a", ...sides({ a: row }) });
    await drained();
  }
  for (const row of onlyB) {
    printJson({ type: "only-b", ...sides({ b: row }) });
    await drained();
  }
  printJson({
    type: "summary",
    different: isDifferent(comparison),
    ...(first === undefined ? {} : { first: sides(first) }),
    hits: { a: hits[0], b: hits[1] },
    equal,
    changed: changedCount,
    onlyA: onlyA.length,
    onlyB: onlyB.length,
    hidden,
    cut,
    unreadable,
    variables: variables.slice(0, 100),
  });
}
