// A hit in a list, as the API has it. Apart from the rest, since a board that only watches needs no reader of traces.
import type { HitRowView } from "../../protocol/api.ts";
import type { HitRow } from "../trace/hit-row.ts";

/** `end`: epoch milliseconds at which its thread ran on, where that is known. */
export function rowView(row: HitRow, end: number | undefined): HitRowView {
  const { ordinal, threadId: _, correlated, ...rest } = row;
  const [, request] = correlated;
  return {
    ...rest,
    name: `${row.session}:${ordinal}`,
    ...(end === undefined ? {} : { end }),
    ...(request === undefined ? {} : { request }),
  };
}
