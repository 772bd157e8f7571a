// Sends again what set off recorded hits, with the breakpoints that were in force, and says which of them come again.
//
//   plan.ts what to send → record as `debugtap record` does, into a new trace → compare by protocol/recurrence.ts
//
// Rules
// - Each hit is waited for as plan.ts says, so that a slow service is no missing one.
// - An HTTP request goes through the relay to its service of wire `raw`, so that it is in the new trace too.
// - Events have the command as it stands in the old trace: with markers for its secrets.
import { DebugtapError } from "../../protocol/errors.ts";
import { unmasked } from "../../protocol/masked-words.ts";
import { recurrence, type Recurrence } from "../../protocol/recurrence.ts";
import type { Config } from "../config.ts";
import { record, type RecordingEvent, type RecordingOptions } from "../headless/recording.ts";
import { storyOf, type StoryHit } from "../trace/export/index.ts";
import { openTrace } from "../trace/index.ts";
import { differingHits, type DifferingHit } from "./differences.ts";
import { requestBytes } from "./http-request.ts";
import type { AgainPlan } from "./plan.ts";
import { rulesFor } from "./secrets.ts";
import { sendHttp, type HttpAnswer } from "./send-http.ts";

export type AgainEvent = RecordingEvent | { readonly type: "answer"; readonly answer: HttpAnswer | undefined };

export interface AgainOptions extends Pick<
  RecordingOptions,
  "version" | "traceDir" | "readyWithin" | "settle" | "stop" | "onOutput" | "prompt"
> {
  readonly plan: AgainPlan;
  /** By marker. */
  readonly secrets: ReadonlyMap<string, string>;
  /** Of the services of the plan. */
  readonly config: Config;
  readonly on: (event: AgainEvent) => void;
}

export interface AgainResult extends Recurrence<StoryHit, StoryHit> {
  /** Of the recurring ones. */
  readonly differing: readonly DifferingHit[];
  /** The new trace. */
  readonly trace?: string;
  /** Why it was not done as it should have been; else DT_NOT_RECURRED where hits are missing. */
  readonly error?: DebugtapError;
}

/** Rejects as `record`. */
export async function sendAgain({ plan, secrets, config, on, ...options }: AgainOptions): Promise<AgainResult> {
  const { sent, specs, patience } = plan;
  const request = sent.kind === "http" ? requestBytes(sent.request, secrets) : undefined;
  const rules = rulesFor(plan.secrets, config.record.secrets);
  const result = await record({
    ...options,
    config: { ...config, record: { ...config.record, enabled: true, capture: true, secrets: rules } },
    specs,
    patience,
    capture: true,
    ...(sent.kind === "command" ? { command: sent.argv.map((word) => unmasked(word, secrets)) } : {}),
    ...(sent.kind === "http" && request !== undefined
      ? {
          send: async (connect, signal) =>
            on({ type: "answer", answer: await sendHttp(connect(sent), request, signal) }),
        }
      : {}),
    on: (event) => {
      if (event.type === "trigger" && sent.kind === "command")
        on({ ...event, trigger: { ...event.trigger, argv: sent.argv } });
      else on(event);
    },
  });
  const now = result.trace === undefined ? [] : await hitsOf(result.trace);
  const compared = recurrence(plan.hits, now);
  const error = result.error ?? notRecurred(compared, result.trace);
  return {
    ...compared,
    differing: differingHits(compared.recurring),
    ...(result.trace === undefined ? {} : { trace: result.trace }),
    ...(error === undefined ? {} : { error }),
  };
}

async function hitsOf(dir: string): Promise<readonly StoryHit[]> {
  const trace = await openTrace(dir);
  try {
    return (await storyOf(trace)).hits;
  } finally {
    trace.close();
  }
}

function notRecurred(
  { recurring, missing }: Recurrence<StoryHit, StoryHit>,
  trace: string | undefined,
): DebugtapError | undefined {
  if (missing.length === 0) return undefined;
  return new DebugtapError(
    "DT_NOT_RECURRED",
    `${recurring.length} of ${recurring.length + missing.length} hits recur`,
    {
      why: "the program did not come to the others, or not in that order",
      ...(trace === undefined ? {} : { fix: `debugtap hits ${trace}` }),
    },
  );
}
