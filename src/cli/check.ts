// `debugtap check`: whether the hits of a trace are as a file expects them.
import { readFile, stat } from "node:fs/promises";
import { Command } from "commander";
import { DebugtapError } from "../../protocol/errors.ts";
import { expectedText, type Expectation } from "../../protocol/expect.ts";
import type { CheckResult, Failure } from "../expect/check.ts";
import type { Trace } from "../trace/index.ts";
import { placeOf } from "./diff-lines.ts";
import { failureLine, resultLine } from "./check-lines.ts";
import { printJson, printLine } from "./output.ts";
import { hasColor } from "./paint.ts";
import { drained, tellProblems } from "./trace-lines.ts";

interface Options {
  readonly junit?: string;
  readonly update?: true;
  readonly json?: true;
}

const examples = `
Examples:
  $ debugtap check latest expect.yml --update          writes what the trace has
  $ debugtap check latest expect.yml                   one line for each thing that is not so
  $ debugtap check latest expect.yml --junit check.xml  for a CI system

A file of expected hits:
  order: strict            # or any
  extra: allow             # or refuse
  hits:
    - function: create_volume
      file: cinder/volume/api.py
      values: { size: 1, context.project_id: demo }
    - service: cinder-volume
      line: self.driver.create_volume(
      where: len(tags) > 2
      times: ">= 2"

docs/check.md has all keys. Exit codes: 0 as expected, 1 not, 2 usage or a file that cannot be understood.`;

export function checkCommand(): Command {
  return new Command("check")
    .description("check the hits of a trace, their order and values, against a file")
    .argument("<trace>", "directory of the trace, or `latest`")
    .argument("<expect>", "file of expected hits, YAML")
    .option("--junit <file>", "also write the result as JUnit XML, over what was there")
    .option("--update", "write the file from the trace in place of checking; ids, addresses and times are left out")
    .option("--json", "print one JSON object a line")
    .addHelpText("after", examples)
    .action(async (name: string, file: string, options: Options) => {
      if (options.update && options.junit !== undefined)
        throw new DebugtapError("DT_USAGE", "--update does not check, so there is nothing for --junit", {
          fix: `debugtap check ${name} ${file} --junit ${options.junit}`,
        });
      const { findTrace, openTrace } = await import("../trace/index.ts");
      const trace = await openTrace(findTrace(name));
      try {
        if (options.update) await update(trace, file, options);
        else await check(trace, file, options);
        tellProblems(trace);
      } finally {
        trace.close();
      }
    });
}

async function check(trace: Trace, file: string, { junit, json }: Options): Promise<void> {
  const expectation = await read(file);
  const { checkTrace } = await import("../expect/check.ts");
  const result = await checkTrace(trace, expectation);
  const color = hasColor(process.stdout);
  for (const failure of result.failures) {
    if (json) printJson(failureJson(failure, expectation));
    else printLine(failureLine(failure, expectation, color));
    await drained();
  }
  if (json) printJson({ type: "summary", ...sums(result, expectation) });
  else printLine(resultLine(result, expectation, color));
  if (junit !== undefined) {
    const { toJunit } = await import("./junit.ts");
    const { replaceOutput } = await import("./output-file.ts");
    await replaceOutput(junit, toJunit(result, expectation, { name: file, at: new Date() }));
  }
  if (result.failures.length > 0) process.exitCode = 1;
}

/** Keeps `order` and `extra` of a file that is there and can be understood. */
async function update(trace: Trace, file: string, { json }: Options): Promise<void> {
  const { formatExpectation, mostText } = await import("../expect/file.ts");
  const { expectationOf } = await import("../expect/update.ts");
  const { replaceOutput } = await import("./output-file.ts");
  const isThere = await stat(file).then(
    () => true,
    () => false,
  );
  const rules = isThere ? await read(file) : ({ order: "strict", extra: "refuse" } as const);
  const expectation = await expectationOf(trace, rules);
  const text = formatExpectation(expectation);
  if (text.length > mostText)
    throw new DebugtapError("DT_USAGE", `${expectation.hits.length} hits are too many for a file of expectations`, {
      why: `it would have more than ${mostText / 1024 / 1024} MiB`,
      fix: `debugtap diff ${trace.dir} OTHER`,
    });
  await replaceOutput(file, text);
  const { length } = expectation.hits;
  if (json) printJson({ type: "updated", file, expectations: length });
  else printLine(`${file}: ${length} expected hit${length === 1 ? "" : "s"}`);
}

async function read(file: string): Promise<Expectation> {
  const { parseExpectation } = await import("../expect/file.ts");
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new DebugtapError("DT_EXPECT", `${file} cannot be read`, {
      why: cause instanceof Error ? cause.message : String(cause),
      fix: `debugtap check latest ${file} --update`,
      cause,
    });
  });
  return parseExpectation(text.replace(/^\uFEFF/, ""), file);
}

function failureJson(failure: Failure, { hits }: Expectation): Record<string, unknown> {
  const { kind, ...rest } = failure;
  const one = "number" in failure ? hits[failure.number - 1] : undefined;
  return {
    type: kind,
    ...rest,
    ...(one === undefined ? {} : { expectation: expectedText(one) }),
    ...("hit" in failure ? { hit: failure.hit.number, place: placeOf(failure.hit) } : {}),
  };
}

function sums({ failures, hits, extra }: CheckResult, expectation: Expectation): Record<string, unknown> {
  return {
    passed: failures.length === 0,
    expectations: expectation.hits.length,
    hits,
    failures: failures.length,
    extra,
  };
}
