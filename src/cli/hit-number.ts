// HIT on the command line: `42`, or `cinder-api#1:3`.
import { DebugtapError } from "../../protocol/errors.ts";
import type { HitIndex } from "../trace/index.ts";

/** The number of the hit in its trace, whose directory is `dir`. Throws DT_USAGE where there is none such. */
export function hitNumber(index: HitIndex, name: string, dir: string): number {
  const [, session, ordinal] = /^(.+):(\d+)$/.exec(name) ?? [];
  const number = session === undefined ? Number(name) : index.numberOf(session, Number(ordinal));
  if (number !== undefined && number >= index.first && number <= index.size) return number;
  throw new DebugtapError("DT_USAGE", `the trace has no hit ${name}`, {
    why: index.size < index.first ? "it has no hits" : `it has ${index.first} to ${index.size}`,
    fix: `debugtap hits ${dir}`,
  });
}
