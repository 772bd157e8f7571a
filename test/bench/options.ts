// The command line of the bench.
import { parseArgs } from "node:util";
import { pathKinds, type PathKind } from "./paths.ts";
import { workloads } from "./workloads.ts";

export interface BenchOptions {
  readonly suite: string;
  readonly reps: number;
  readonly quick: boolean;
  /** How long one workload runs on one path, ms. */
  readonly measure: number;
  /** Idle sessions. */
  readonly idle: number;
  /** Names of workloads; empty = all. */
  readonly only: readonly string[];
  readonly paths: readonly PathKind[];
  readonly json: string | undefined;
  readonly markdown: boolean;
}

const workloadNames = [
  ...workloads.map(({ name }) => name),
  "recorder",
  "idle",
  "times",
  "mixed",
  "slow",
  "stops",
  "watched",
];
/** With --quick, and without. */
const repetitions = { forward: ["3", "7"], faults: ["5", "20"] } as const;

export const usage = `npm run bench -- [SUITE] [options]
  SUITE             forward (default): what a message pays on its way
                    faults: how soon a broken link is noticed and back, beside autossh
                    record: how fast a loop of hits gets on under debugtap record, and whether hits are missed
                    capture: what it costs that stops are captured, and that all messages are looked at
                    hits: how soon hits are listed and found in a trace of 100,000 of them
                    replay: how soon a trace of 10 million messages is in an IDE, and answers (writes 320 MB, takes minutes)
                    board: how soon a stop is on the page, and what open pages cost (needs Chromium)
    diff: how soon two traces of 10,000 hits are compared
  --quick           about two minutes
  --reps N          repetitions; default 7 (faults: 20), with --quick 4 (5)
  --measure MS      how long one workload runs on one path each time; default 150
  --idle N          idle sessions; default 1000
  --only A,B        workloads: ${workloadNames.join(" ")}
  --paths A,B       kinds of path: ${pathKinds.join(" ")}
  --json FILE       where the figures go; default .debugtap/bench.json (bench-SUITE.json for the others)
  --markdown        print the short tables of the README`;

/** Throws an Error with the reason for what it does not know. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      reps: { type: "string" },
      measure: { type: "string", default: "150" },
      idle: { type: "string", default: "1000" },
      only: { type: "string", default: "" },
      paths: { type: "string", default: pathKinds.join(",") },
      json: { type: "string" },
      markdown: { type: "boolean", default: false },
    },
  });
  const suite = positionals[0] ?? "forward";
  return {
    suite,
    reps: count("reps", values.reps ?? repetitions[suite === "faults" ? "faults" : "forward"][values.quick ? 0 : 1]),
    quick: values.quick,
    measure: count("measure", values.measure),
    idle: count("idle", values.idle),
    only: list("only", values.only, workloadNames),
    paths: list("paths", values.paths, pathKinds),
    json: values.json,
    markdown: values.markdown,
  };
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${name} is a whole number from 1, not ${text}`);
}

function list<Name extends string>(option: string, text: string, known: readonly Name[]): Name[] {
  const names = text.split(",").filter((name) => name !== "");
  return names.map((name) => {
    const found = known.find((one) => one === name);
    if (found === undefined) throw new Error(`--${option} knows ${known.join(" ")}, not ${name}`);
    return found;
  });
}
