// npm run bench: runs a suite, prints its tables and keeps its figures as JSON.
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { boardMarkdown, boardTables, boardTargets } from "./board-tables.ts";
import { runBoard } from "./board.ts";
import { captureMarkdown, captureTables, captureTargets } from "./capture-tables.ts";
import { runCapture } from "./capture.ts";
import { faultMarkdown, faultTables, faultTargets } from "./fault-tables.ts";
import { diffMarkdown, diffTables, diffTargets } from "./diff-tables.ts";
import { runDiff } from "./diff.ts";
import { runFaults } from "./faults.ts";
import { runForward } from "./forward.ts";
import { hitsMarkdown, hitsTables, hitsTargets } from "./hits-tables.ts";
import { runHits } from "./hits.ts";
import { parseOptions, usage, type BenchOptions } from "./options.ts";
import { recordMarkdown, recordTables, recordTargets } from "./record-tables.ts";
import { runRecord } from "./record.ts";
import { replayMarkdown, replayTables, replayTargets } from "./replay-tables.ts";
import { runReplay } from "./replay.ts";
import { fullTables, shortMarkdown } from "./tables.ts";
import { judge } from "./targets.ts";

type Say = (text: string) => void;
interface SuiteOutput {
  readonly text: string;
  readonly json: unknown;
}

const suites: Readonly<Record<string, (options: BenchOptions, say: Say) => Promise<SuiteOutput>>> = {
  forward: async (options, say) => {
    const result = await runForward(options, say);
    const targets = judge(result);
    const text = options.markdown ? shortMarkdown(result, targets) : fullTables(result, targets);
    return { text, json: { ...result, targets } };
  },
  faults: async (options, say) => {
    const result = await runFaults(options, say);
    const targets = faultTargets(result);
    const text = options.markdown ? faultMarkdown(result, targets) : faultTables(result, targets);
    return { text, json: { ...result, targets } };
  },
  capture: async (options, say) => {
    const result = await runCapture(options, say);
    const targets = captureTargets(result);
    const text = options.markdown ? captureMarkdown(result, targets) : captureTables(result, targets);
    return { text, json: { ...result, targets } };
  },
  hits: async (options, say) => {
    const result = await runHits(options, say);
    const targets = hitsTargets(result);
    const text = options.markdown ? hitsMarkdown(result, targets) : hitsTables(result, targets);
    return { text, json: { ...result, targets } };
  },
  replay: async (options, say) => {
    const result = await runReplay(options, say);
    const targets = replayTargets(result);
    const text = options.markdown ? replayMarkdown(result, targets) : replayTables(result, targets);
    return { text, json: { ...result, targets } };
  },
  diff: async (options, say) => {
    const result = await runDiff(options, say);
    const targets = diffTargets(result);
    const text = options.markdown ? diffMarkdown(result, targets) : diffTables(result, targets);
    return { text, json: { ...result, targets } };
  },
  board: async (options, say) => {
    const result = await runBoard(options, say);
    const targets = boardTargets(result);
    const text = options.markdown ? boardMarkdown(result, targets) : boardTables(result, targets);
    return { text, json: { ...result, targets } };
  },
  record: async (options, say) => {
    const result = await runRecord(options, say);
    const targets = recordTargets(result);
    const text = options.markdown ? recordMarkdown(result, targets) : recordTables(result, targets);
    return { text, json: { ...result, targets } };
  },
};

const say: Say = (text) => console.error(`bench: ${text}`);

try {
  const options = parseOptions(process.argv.slice(2));
  const suite = suites[options.suite];
  if (suite === undefined) throw new Error(`there is no suite ${options.suite}, only ${Object.keys(suites).join(" ")}`);
  const { text, json } = await suite(options, say);
  const file =
    options.json ?? join(".debugtap", options.suite === "forward" ? "bench.json" : `bench-${options.suite}.json`);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(json, undefined, 1)}\n`);
  console.log(text);
  say(`figures: ${file}`);
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  console.error(usage);
  process.exitCode = 1;
}
