// `debugtap demo`: the founding scenario on this machine, told line by line. The story itself is src/demo/scenario.ts.
import { mkdtemp, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Command } from "commander";
import { DebugtapError } from "../../protocol/errors.ts";
import { listTrace, playScenario } from "../demo/scenario.ts";
import type { Outcome, Tell } from "../demo/scenario.ts";
import { playHeadless } from "../demo/headless.ts";
import { Stage } from "../demo/stage.ts";
import { whenOutputCloses } from "./output.ts";

interface Options {
  readonly trace?: string;
  readonly headless?: true;
  readonly json?: true;
}

const limitMs = 120_000;
const interrupted = 130;

export function demoCommand(): Command {
  return new Command("demo")
    .summary("three real services, three breakpoints, one request, on this machine")
    .description(
      "Plays the founding scenario on this machine, all real: a throwaway sshd is the VM, three small Python services run on\n" +
        "it under pydevd and debugpy, a scripted IDE stops each of them once. It explains itself and leaves only a trace.",
    )
    .option("--trace <dir>", "where the trace goes; default: a temporary directory")
    .option("--headless", "without any IDE: `debugtap record` sets the breakpoints and sends the request")
    .option("--json", "end with one JSON line on stdout, with what the IDEs saw; the story goes to stderr")
    .addHelpText(
      "after",
      `
Examples:
  $ debugtap demo
  $ debugtap demo --headless
  $ debugtap demo --json | tail -n 1
  $ debugtap demo --trace ./traces`,
    )
    .action(async (options: Options) => {
      process.exitCode = await demo(options);
    });
}

/** Plays the demo and gives the exit code. @throws DebugtapError when it could not be played to the end. */
async function demo(options: Options): Promise<number> {
  const out = options.json === true ? process.stderr : process.stdout;
  const say = (line: string): boolean => out.write(`${line}\n`);
  const tell = storyteller(say);
  const control = new AbortController();
  const interrupt = (): void => control.abort(new Interrupted());
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  whenOutputCloses(interrupt);
  const limit = setTimeout(() => control.abort(tooLong()), limitMs);
  const traces =
    options.trace === undefined ? await mkdtemp(join(tmpdir(), "debugtap-trace-")) : resolve(options.trace);
  const stage = new Stage(control.signal);
  const started = Date.now();
  say("debugtap demo: three services on a VM, a breakpoint in each, one request.\n");
  try {
    const outcome = await play(stage, traces, tell, options.headless === true);
    const verb = options.headless === true ? "hits" : "show";
    const listing = await listTrace(stage, verb, outcome.trace);
    tell("The trace: every byte of every session is in it.", [`$ debugtap ${verb} ${outcome.trace}`, ...listing]);
    say(`${((Date.now() - started) / 1000).toFixed(1)} s. Everything is stopped and removed but the trace.`);
    return finish(outcome, options.json === true, say);
  } catch (error) {
    if (options.trace === undefined) {
      await rmdir(traces).catch(() => say(`What was recorded until then is in ${traces}.`));
    }
    if (!(error instanceof Interrupted)) throw error;
    say("Interrupted. Everything is stopped.");
    return interrupted;
  } finally {
    clearTimeout(limit);
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}

async function play(stage: Stage, traces: string, tell: Tell, headless: boolean): Promise<Outcome> {
  try {
    return await (headless ? playHeadless : playScenario)(stage, traces, tell);
  } finally {
    await stage.close();
  }
}

function finish({ services, seen, trace, missed }: Outcome, json: boolean, say: (line: string) => void): number {
  const names = services.filter(({ hits }) => hits === 0).map(({ name }) => name);
  const error = new DebugtapError("DT_DEMO_MISSED", `the breakpoint of ${names.join(" and of ")} was not hit`, {
    why: missed.join("\n"),
    fix: `debugtap show ${trace}`,
  });
  if (missed.length > 0) say(`\n${error.format()}`);
  if (json) process.stdout.write(`${JSON.stringify({ services, trace, ...(seen.length === 0 ? {} : { seen }) })}\n`);
  return missed.length > 0 ? error.exit : 0;
}

/** Numbers the steps and indents what belongs to them. */
function storyteller(say: (line: string) => void): Tell {
  let step = 0;
  return (title, lines = []) => {
    step += 1;
    say(`${step}. ${title}`);
    for (const line of lines) say(`     ${line}`);
    say("");
  };
}

function tooLong(): DebugtapError {
  return new DebugtapError("DT_DEMO_FAILED", `the demo was not over after ${limitMs / 1000} s`, {
    why: "the last step above did not end; the machine may be very busy",
    fix: "debugtap demo",
  });
}

class Interrupted extends Error {}
