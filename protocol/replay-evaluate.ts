// What an expression is at a recorded stop: as it was recorded, or told from the values that were. Nothing runs.
//
//   in this order   a name or a path of the snapshot, or of what clients opened
//                   the same expression, evaluated by a client at this stop: its result, or its error
//                   comparisons, arithmetic, len(), in, indexing over recorded values: marked as computed
//                   else: not recorded here, and where it was last seen
import { compute } from "./where.ts";
import { parseWhere } from "./where-parse.ts";
import type { Condition } from "./where-parse.ts";
import type { SnapshotFrame, SnapshotVariable } from "./hit.ts";
import type { Recording } from "./replay-recording.ts";
import { withOpened } from "./replay-opened.ts";
import { isOpen, shownValue } from "./replay-values.ts";
import { findShown } from "./value-path.ts";
import { firstAfter } from "./sorted.ts";

export type Evaluated =
  | {
      readonly value: string;
      readonly type?: string;
      /** To be opened. */
      readonly variable?: SnapshotVariable;
      /** Told from recorded values, not recorded itself. */
      readonly computed?: true;
    }
  | { readonly failure: string };

/** Earlier stops that are read to find where an expression was last seen. */
const mostRead = 20;

/** `frame`: of the stack, from 0. */
export async function evaluateAt(
  recording: Recording,
  place: number,
  frame: number,
  expression: string,
): Promise<Evaluated> {
  const { number } = recording.stop(place);
  const hit = await recording.hit(place);
  const captured = hit?.snapshot.frames[frame];
  const parsed = parse(expression);
  const known = shown(parsed, captured);
  // What can be opened may have been opened by a client.
  if (known !== undefined && !isOpen(known)) return ofVariable(known);
  const asked = await recording.asked(place);
  const at = captured && withOpened(captured, frame, asked);
  const found = shown(parsed, at);
  if (found !== undefined) return ofVariable(found);
  const answer = asked.expressions.findLast(
    (each) => each.expression.trim() === expression.trim() && (each.frame ?? frame) === frame,
  );
  if (answer?.value !== undefined)
    return { value: answer.value, ...(answer.type === undefined ? {} : { type: answer.type }) };
  if (answer?.failure !== undefined) return { failure: answer.failure };
  const computed = at === undefined ? undefined : told(parsed, at);
  if (computed !== undefined) return computed;
  if (parsed === undefined)
    return {
      failure: `not recorded at hit ${number}: a recording tells names, attributes, indexes, comparisons, arithmetic, in and len(); nothing runs`,
    };
  const seen = at === undefined ? "" : await lastSeen(recording, { place, frame, at }, parsed);
  return { failure: `not recorded at hit ${number}${seen}` };
}

function parse(expression: string): Condition | undefined {
  try {
    return parseWhere(expression);
  } catch {
    return undefined;
  }
}

function shown(parsed: Condition | undefined, frame: SnapshotFrame | undefined): SnapshotVariable | undefined {
  return parsed?.kind === "path" && frame !== undefined ? findShown(parsed.steps, frame) : undefined;
}

function told(parsed: Condition | undefined, frame: SnapshotFrame): Evaluated | undefined {
  if (parsed === undefined) return undefined;
  const computed = compute(parsed, frame);
  if (computed === undefined) return undefined;
  // An item that was recorded is that, whichever way it was found.
  if (computed.variable !== undefined) return ofVariable(computed.variable);
  const { value, type } = computed;
  return { value, ...(type === undefined ? {} : { type }), computed: true };
}

function ofVariable(variable: SnapshotVariable): Evaluated {
  const { type } = variable;
  return { value: shownValue(variable), ...(type === undefined || type === "" ? {} : { type }), variable };
}

/** In the same function of earlier stops whose innermost function is that of this one. */
async function lastSeen(
  recording: Recording,
  { place, frame, at }: { readonly place: number; readonly frame: number; readonly at: SnapshotFrame },
  parsed: Condition,
): Promise<string> {
  const { function: name = "", file } = recording.stop(place);
  const places = recording.functions.get(name) ?? [];
  const last = firstAfter(places, place - 1) - 1;
  for (let i = last; i >= 0 && i > last - mostRead; i--) {
    const earlier = places[i] ?? 0;
    const stop = recording.stop(earlier);
    if (stop.file !== file) continue;
    const before = (await recording.hit(earlier))?.snapshot.frames[frame];
    const isSame = before !== undefined && before.name === at.name && before.path === at.path;
    const found = isSame ? told(parsed, before) : undefined;
    if (found !== undefined && "value" in found) return `; last seen at hit ${stop.number}: ${found.value}`;
  }
  return "";
}
