// What pydevd shows of Python objects beside their values, alike on both wires: debugpy has pydevd inside.
//
//   special variables, function variables, class variables    folders (DAP) or the `scope` of a var (pydevd)
//   __name__ …                                                where there are no folders
//   len()                                                     last child of a container: how many items it has
//   Unable to handle:, more                                   child of one with more items than pydevd lists
//
// Rules
// - None of these is kept. Names that begin with one underscore are: they are what a program works with.
// - Modules, classes and functions are named but not opened: hundreds of names, which the source has already.

const folders: ReadonlySet<string> = new Set(["special variables", "function variables", "class variables"]);
const code: ReadonlySet<string> = new Set([
  "module",
  "function",
  "method",
  "builtin_function_or_method",
  "method-wrapper",
  "type",
  "ABCMeta",
]);

/** `folder`: the scope of a pydevd var; in DAP the name of a variable without a type. */
export function isNoise(name: string, type: string, folder: string | undefined): boolean {
  return (
    (folder !== undefined && folders.has(folder)) ||
    (name.startsWith("__") && name.endsWith("__") && name.length > 4) ||
    name === "len()" ||
    name === "Unable to handle:" ||
    (name === "more" && /^MoreItems(?:Range)?$/.test(type))
  );
}

/** How many items a container has, by its pseudo-child. */
export function lengthSaid(name: string, value: string): number | undefined {
  return name === "len()" && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}

export function isCode(type: string | undefined): boolean {
  return type !== undefined && code.has(type);
}

/** What stands in the place of a value whose `__repr__` raised. debugpy does not tell of it: it shows object's own repr. */
export function isFailedRepr(value: string): boolean {
  return /^(?:Unable to get repr for |An exception was raised|<no repr available for |<error: )/.test(value);
}
