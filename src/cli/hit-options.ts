// What the options of `debugtap hits` ask for.
import { DebugtapError } from "../../protocol/errors.ts";
import { parseCount, type WantedHits } from "../trace/hit-query.ts";

export { wantedOf } from "../trace/hit-query.ts";

export interface HitsOptions extends WantedHits {
  readonly page?: string;
  readonly count?: string;
  readonly follow?: true;
  readonly json?: true;
}

/** Which part of a list to show. On a terminal a page, elsewhere all unless told otherwise. Throws DT_USAGE. */
export function pageOf(
  { page, count, follow }: Pick<HitsOptions, "page" | "count" | "follow">,
  size: number,
): { readonly from: number; readonly to: number; readonly page: number } {
  if (follow && (page !== undefined || count !== undefined))
    throw new DebugtapError("DT_USAGE", "--follow does not go with --page or --count", { fix: "--follow --since 10s" });
  const whole = follow === true || (page === undefined && count === undefined && !process.stdout.isTTY);
  const length = whole ? Infinity : count === undefined ? size : parseCount("--count", count, 1);
  const number = page === undefined ? 1 : parseCount("--page", page, 1);
  const from = number === 1 ? 0 : (number - 1) * length;
  return { from, to: from + length, page: number };
}
