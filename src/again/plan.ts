// What `debugtap again` will do with a trace: what it sends, which breakpoints it sets in which services, what it needs for that.
import type { BreakpointSpec } from "../../protocol/breakpoint-spec.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import { isUnreadable, maskedWords, type MaskedWord } from "../../protocol/masked-words.ts";
import { isSafeCommand, isSafeRequest } from "../../protocol/plainly-safe.ts";
import { commandLine } from "../../protocol/shell.ts";
import type { StoryHit } from "../trace/export/index.ts";
import type { Trace } from "../trace/index.ts";
import { breakpointsOf } from "./breakpoints.ts";
import { findCause, type Cause } from "./cause.ts";
import { freshId, requestIdHeaders, requestOf, textsOf, type HttpRequest } from "./http-request.ts";

/** With markers where secrets go. `service`: of wire `raw`, or `trigger`: which the request went through. */
export type Sent =
  | { readonly kind: "command"; readonly argv: readonly string[] }
  | {
      readonly kind: "http";
      readonly service?: string;
      readonly trigger?: string;
      readonly request: HttpRequest;
    };

export interface AgainPlan {
  readonly sent: Sent;
  /** It can change nothing. */
  readonly safe: boolean;
  readonly secrets: readonly MaskedWord[];
  readonly specs: readonly BreakpointSpec[];
  /** Names of services: those that were debugged. */
  readonly services: readonly string[];
  /** Hits that are to come again, in order. */
  readonly hits: readonly StoryHit[];
  /** Hits of it at no breakpoint, which are not looked for. */
  readonly others: number;
  /** How long each may be waited for after the one before, ms. */
  readonly patience: readonly number[];
}

/** Each hit: ten seconds, or three times as long as it took then. */
const leastPatience = 10_000;
const patienceFactor = 3;
/** A longer text may have been cut where the trace had no room for it: see jsonPayload in trace/batch.ts. */
const longestWord = 4096;

/** `number`: of the hit that is meant. Rejects with DT_NOTHING_TO_SEND, and DT_SPEC for a breakpoint that cannot be understood. */
export async function planAgain(trace: Trace, number?: number): Promise<AgainPlan> {
  const cause = await findCause(trace, number);
  const sent = sentOf(cause);
  const debugged = trace.sessions().filter(({ facts }) => facts.wire !== "raw");
  return {
    sent,
    safe: sent.kind === "command" ? isSafeCommand(sent.argv) : isSafeRequest(sent.request.method, sent.request.headers),
    secrets: maskedWords(sent.kind === "command" ? sent.argv : textsOf(sent.request)),
    specs: await breakpointsOf(trace, cause.hits),
    services: [...new Set(debugged.map(({ facts }) => facts.service))],
    hits: cause.hits,
    others: cause.others,
    patience: patienceOf(cause),
  };
}

function sentOf(cause: Cause): Sent {
  if (cause.kind === "command") return { kind: "command", argv: argvOf(cause.trigger.argv) };
  const known = cause.hits.flatMap(({ hit }) => Object.values(hit.correlated ?? {}))[0];
  const { service, trigger } = cause.found;
  const through = trigger === undefined ? (service === undefined ? {} : { service }) : { trigger };
  return { kind: "http", ...through, request: requestOf(cause.found, known) };
}

/** The command with a fresh request id, where it gave one. */
function argvOf(recorded: readonly string[]): string[] {
  const why = recorded.some((word) => isUnreadable(word))
    ? "a part of it could not be looked through for secrets, and was not recorded"
    : recorded.some((word) => word.length === longestWord + 1 && word.endsWith("…"))
      ? "it was too long to be kept whole"
      : undefined;
  if (why !== undefined)
    throw new DebugtapError("DT_NOTHING_TO_SEND", `${commandLine(recorded).slice(0, 80)} cannot be sent again`, {
      why,
    });
  const header = new RegExp(`^((?:-H|--header=)?(?:${requestIdHeaders.join("|")}):\\s*)(\\S+)$`, "i");
  return recorded.map((word) => word.replace(header, (_, name: string, id: string) => name + freshId(id)));
}

function patienceOf({ hits, began }: Cause): number[] {
  let before = began;
  return hits.map(({ hit, end }) => {
    const took = Math.max(0, hit.at - before);
    before = Math.max(before, end ?? hit.at);
    return Math.max(leastPatience, patienceFactor * took);
  });
}
