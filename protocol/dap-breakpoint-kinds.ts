// The three requests that replace a whole list of breakpoints and can be merged, taken apart into items and put together again.
//
//   setBreakpoints           source, breakpoints[] (or the older lines[])   a list for each source
//   setFunctionBreakpoints   breakpoints[]                                  one list
//   setExceptionBreakpoints  filters[], filterOptions[], exceptionOptions[] one list; the response has one entry for each
//                                                                           filter, then one for each option
// Rules
// - Items with the same key are one breakpoint upstream: a line and column, a function's name, a filter.
import type { DebugProtocol } from "./dap.ts";
import { elements, isObject, member } from "./json.ts";

export interface Item {
  readonly key: string;
  readonly list: "breakpoints" | "filters" | "filterOptions" | "exceptionOptions";
  readonly value: unknown;
}

const commands: ReadonlySet<string> = new Set(["setBreakpoints", "setFunctionBreakpoints", "setExceptionBreakpoints"]);

/** Which list this request replaces; undefined for one that is not merged. */
export function listOf(request: DebugProtocol.Request): string | undefined {
  if (!commands.has(request.command) || !isObject(request.arguments)) return undefined;
  if (request.command !== "setBreakpoints") return request.command;
  const source = member(request.arguments, "source");
  const path = member(source, "path");
  const reference = member(source, "sourceReference");
  if (typeof reference === "number" && reference > 0) return `reference ${reference}`;
  return nameOfSource(typeof path === "string" ? path : JSON.stringify(member(source, "name") ?? null));
}

/** The list of a source with this path. */
export function nameOfSource(path: string): string {
  return `path ${path}`;
}

export function itemsOf(request: DebugProtocol.Request): Item[] {
  const given: unknown = request.arguments;
  if (request.command === "setExceptionBreakpoints") {
    return [
      ...elements(given, "filters").map((value): Item => ({ key: `f ${keyOf(value)}`, list: "filters", value })),
      ...elements(given, "filterOptions").map((value): Item => {
        return { key: `o ${keyOf(member(value, "filterId"))}`, list: "filterOptions", value };
      }),
      ...elements(given, "exceptionOptions").map((value): Item => {
        return { key: `x ${keyOf(value)}`, list: "exceptionOptions", value };
      }),
    ];
  }
  const listed = Array.isArray(member(given, "breakpoints"))
    ? elements(given, "breakpoints")
    : elements(given, "lines").map((line) => ({ line }));
  const named = request.command === "setFunctionBreakpoints";
  return listed.map((value): Item => {
    const key = named ? keyOf(member(value, "name")) : keyOf([member(value, "line"), member(value, "column")]);
    return { key, list: "breakpoints", value };
  });
}

/** The arguments of a request for all `items`, otherwise as in `given`. */
export function argumentsFor(command: string, given: unknown, items: readonly Item[]): unknown {
  const of = (list: Item["list"]): unknown[] => items.filter((item) => item.list === list).map(({ value }) => value);
  const base = isObject(given) ? given : {};
  if (command !== "setExceptionBreakpoints") {
    const breakpoints = of("breakpoints");
    const lines = Object.hasOwn(base, "lines") ? { lines: breakpoints.map((each) => member(each, "line")) } : {};
    return { ...base, breakpoints, ...lines };
  }
  const { filterOptions: _options, exceptionOptions: _exceptions, ...rest } = base;
  const filterOptions = of("filterOptions");
  const exceptionOptions = of("exceptionOptions");
  return {
    ...rest,
    filters: of("filters"),
    ...(filterOptions.length === 0 ? {} : { filterOptions }),
    ...(exceptionOptions.length === 0 ? {} : { exceptionOptions }),
  };
}

/** The items in the order in which a response lists them. */
export function inOrder(items: readonly Item[]): Item[] {
  const lists: readonly Item["list"][] = ["breakpoints", "filters", "filterOptions", "exceptionOptions"];
  return lists.flatMap((list) => items.filter((item) => item.list === list));
}

function keyOf(value: unknown): string {
  return JSON.stringify(value) ?? "";
}
