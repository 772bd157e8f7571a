// Every place of a DAP message that has a path, and the message with these as the other side says them.
//
//   client -> debuggee    requests of `fromClient`: source.path, configurations of launch and attach, pydevd's own requests
//   debuggee -> client    `responses`, `events` and `reverse` requests of fromDebuggee
//
// Rules
// - Only the bytes of the paths change (and the header's length): numbers, spaces and unknown keys stay as they came.
// - A Source with a sourceReference above 0 keeps its path: its text comes from the debuggee, not from a file here. Names, origins
//   and checksums are never touched; paths inside the text of outputs and values neither.
// - Paths are mapped once: of the client's own mappings (pathMappings; delve's substitutePath) those that overlap one of ours do not
//   reach the debuggee, the others do.
// - An environment's PATH and PYTHONPATH are lists, of `;` where there is a Windows path in it, else of `:`.
import { decodeDap, isEvent, isRequest } from "./dap.ts";
import type { DapMessage } from "./dap.ts";
import { frameBody } from "./frame.ts";
import type { Frame, Side } from "./frame.ts";
import { parseJson } from "./json.ts";
import { items, members, spaceEnd } from "./json-spans.ts";
import type { Span } from "./json-spans.ts";
import { isWindowsPath } from "./path-map.ts";
import type { PathMap } from "./path-map.ts";
import { byteText, editOf, splicedFrame, textAt } from "./splice.ts";
import type { Edit } from "./splice.ts";

/**
 * `path`: a path. `list`: a list of paths in one string. `traceback`: text with `File "PATH"` in it. An array stands for its items.
 * `mappings`: an array of pairs of roots.
 */
type Leaf = "path" | "list" | "traceback" | "mappings";

/** What stands at a place of a message. */
type Place = Leaf | "source" | { readonly each: Place } | Fields;
interface Fields {
  readonly fields: Readonly<Record<string, Place>>;
  /** For the keys that `fields` lacks. */
  readonly others?: Place;
}

const sourceFields: Fields = { fields: { path: "path", sources: { each: "source" } } };
const withSource: Fields = { fields: { source: "source" } };
const module: Fields = { fields: { path: "path", symbolFilePath: "path" } };
const env: Fields = { fields: { PATH: "list", PYTHONPATH: "list" }, others: "path" };

/** Arguments of launch and attach, as far as the known adapters have paths in them. */
const configuration: Fields = {
  fields: {
    program: "path",
    cwd: "path",
    python: "path",
    pythonPath: "path",
    debugAdapterPython: "path",
    debugLauncherPython: "path",
    env,
    rules: { each: { fields: { path: "path" } } },
    pathMappings: "mappings",
    substitutePath: "mappings",
  },
};

/** debugpy's: the traceback is one text, and causes nest. */
const details: { fields: Record<string, Place> } = { fields: { source: "path", stackTrace: "traceback" } };
details.fields["innerException"] = { each: details };

const inArguments = (place: Place): Fields => ({ fields: { arguments: place } });
const inBody = (place: Place): Fields => ({ fields: { body: place } });
const bodyList = (key: string, place: Place): Fields => inBody({ fields: { [key]: { each: place } } });

// Sources and exceptions hold others of their kind: what lies deeper than this many objects and arrays stays as it is.
const deepest = 64;

type Table = ReadonlyMap<string, Fields>;

const fromClient: Table = new Map([
  ["setBreakpoints", inArguments(withSource)],
  ["breakpointLocations", inArguments(withSource)],
  ["gotoTargets", inArguments(withSource)],
  ["source", inArguments(withSource)],
  ["evaluate", inArguments(withSource)],
  ["launch", inArguments(configuration)],
  ["attach", inArguments(configuration)],
  ["restart", inArguments(inArguments(configuration))],
  ["setDebuggerProperty", inArguments({ fields: { dontTraceStartPatterns: "path" } })],
  [
    "setPydevdSourceMap",
    inArguments({ fields: { source: "source", pydevdSourceMaps: { each: { fields: { runtimeSource: "source" } } } } }),
  ],
]);

const responses: Table = new Map([
  ["setBreakpoints", bodyList("breakpoints", withSource)],
  ["setFunctionBreakpoints", bodyList("breakpoints", withSource)],
  ["setExceptionBreakpoints", bodyList("breakpoints", withSource)],
  ["setDataBreakpoints", bodyList("breakpoints", withSource)],
  ["setInstructionBreakpoints", bodyList("breakpoints", withSource)],
  ["stackTrace", bodyList("stackFrames", withSource)],
  ["scopes", bodyList("scopes", withSource)],
  ["loadedSources", bodyList("sources", "source")],
  ["modules", bodyList("modules", module)],
  ["disassemble", bodyList("instructions", { fields: { location: "source" } })],
  ["locations", inBody(withSource)],
  ["exceptionInfo", inBody({ fields: { details } })],
]);

const events: Table = new Map([
  ["output", inBody(withSource)],
  ["breakpoint", inBody({ fields: { breakpoint: withSource } })],
  ["module", inBody({ fields: { module } })],
  ["loadedSource", inBody(withSource)],
  ["process", inBody({ fields: { name: "path" } })],
  ["debugpyAttach", inBody(configuration)],
]);

const reverse: Table = new Map([
  ["runInTerminal", inArguments({ fields: { cwd: "path", args: "path", env } })],
  ["startDebugging", inArguments({ fields: { configuration } })],
]);

/** Names of the messages that may carry paths, by the side that sends them. */
export const dapPathNames: Readonly<Record<Side, ReadonlySet<string>>> = {
  client: new Set(fromClient.keys()),
  debuggee: new Set([...responses.keys(), ...events.keys(), ...reverse.keys()]),
};

/** The frame that `side` sent, with the paths of the other side; undefined when it stays as it is. Never throws. */
export function rewriteDapPaths(frame: Frame, map: PathMap, side: Side): Uint8Array | undefined {
  const message = decodeDap(frame);
  const place = message === undefined ? undefined : tableOf(message, side)?.get(nameOf(message));
  if (place === undefined) return undefined;
  const body = frameBody(frame);
  const walk = new Walk(body, map, side);
  walk.value(spaceEnd(walk.text, 0), walk.text.length, place);
  return splicedFrame(frame, walk.edits);
}

/** The JSON `{"pathMappings": […]}` at `from` of a body, as pydevd's 162 has it: what is to change in it. */
export function pathMappingEdits(body: Uint8Array, from: number, map: PathMap): readonly Edit[] {
  if (parseJson(body.subarray(from)) === undefined) return [];
  const walk = new Walk(body, map, "client");
  walk.value(spaceEnd(walk.text, from), walk.text.length, { fields: { pathMappings: "mappings" } });
  return walk.edits;
}

function tableOf(message: DapMessage, side: Side): Table | undefined {
  if (side === "client") return isRequest(message) ? fromClient : undefined;
  return isRequest(message) ? reverse : isEvent(message) ? events : responses;
}

function nameOf(message: DapMessage): string {
  return "command" in message ? message.command : "event" in message ? message.event : "";
}

/** Goes down to the places of a message in the order of its text, and collects what is to change. */
class Walk {
  readonly text: string;
  readonly edits: Edit[] = [];
  readonly #body: Uint8Array;
  readonly #map: PathMap;
  readonly #side: Side;
  #depth = 0;

  constructor(body: Uint8Array, map: PathMap, side: Side) {
    this.text = byteText(body);
    this.#body = body;
    this.#map = map;
    this.#side = side;
  }

  value(from: number, to: number, place: Place): void {
    if (this.#depth >= deepest) return;
    this.#depth++;
    if (place === "source") this.#source(from);
    else if (place === "mappings") this.#mappings({ from, to });
    else if (typeof place === "string") this.#leaf({ from, to }, place);
    else if ("each" in place) for (const item of items(this.text, from)) this.value(item.from, item.to, place.each);
    else this.#fields(from, place);
    this.#depth--;
  }

  #fields(from: number, place: Fields): void {
    for (const member of members(this.text, from)) {
      const inner = Object.hasOwn(place.fields, member.key) ? place.fields[member.key] : place.others;
      if (inner !== undefined) this.value(member.from, member.to, inner);
    }
  }

  #source(from: number): void {
    const inside = members(this.text, from);
    const reference = inside.findLast((member) => member.key === "sourceReference");
    const remote = reference !== undefined && Number(this.text.slice(reference.from, reference.to)) > 0;
    this.#fields(from, remote ? { fields: { sources: { each: "source" } } } : sourceFields);
  }

  #leaf(span: Span, leaf: Exclude<Leaf, "mappings">): void {
    if (this.text[span.from] === "[") for (const item of items(this.text, span.from)) this.#leaf(item, leaf);
    if (this.text[span.from] !== '"') return;
    const before = this.#json(span);
    if (typeof before !== "string") return;
    const after =
      leaf === "path" ? this.#mapped(before) : leaf === "list" ? this.#list(before) : this.#traceback(before);
    if (after !== before) this.edits.push(editOf(span.from, span.to, JSON.stringify(after)));
  }

  #mapped(path: string): string {
    return (this.#side === "client" ? this.#map.toRemote(path) : this.#map.toLocal(path)) ?? path;
  }

  #list(list: string): string {
    const separator = separatorOf(list.split(";"));
    const before = list.split(separator);
    const after = before.map((path) => this.#mapped(path));
    return after.every((path, index) => path === before[index]) ? list : after.join(separatorOf(after));
  }

  #traceback(text: string): string {
    return text.replace(/(\bFile ")([^"\n]+)(?=")/g, (_, start: string, path: string) => start + this.#mapped(path));
  }

  // Only what the client says: what comes back from the debuggee has been through this.
  #mappings(span: Span): void {
    if (this.#side !== "client") return;
    const all = items(this.text, span.from);
    const kept = all.filter((item) => !this.#overlaps(this.#json(item)));
    if (kept.length === all.length) return;
    const text = `[${kept.map((item) => textAt(this.#body, item.from, item.to)).join(", ")}]`;
    this.edits.push(editOf(span.from, span.to, text));
  }

  #overlaps(pair: unknown): boolean {
    if (typeof pair !== "object" || pair === null) return false;
    return Object.values(pair).some((root) => typeof root === "string" && this.#map.overlaps(root));
  }

  #json(span: Span): unknown {
    return parseJson(this.#body.subarray(span.from, span.to));
  }
}

function separatorOf(paths: readonly string[]): string {
  return paths.some((path) => isWindowsPath(path)) ? ";" : ":";
}
