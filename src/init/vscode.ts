// Entries that attach, in the text of a .vscode/launch.json: put in first, nothing else of the text is touched.
//
// Rules
// - The text may have comments and trailing commas, as VS Code allows them.
// - An entry of the same name is left alone.
// - No path mappings: debugtap maps paths itself.
import { isMap, isSeq, parseDocument } from "yaml";
import { member } from "../../protocol/json.ts";
import { withoutComments } from "../breakpoints/vscode.ts";
import type { Attachable } from "./proposal.ts";

export interface LaunchText {
  readonly text: string;
  /** Names that it has already. */
  readonly kept: readonly string[];
}

export function launchName(service: string): string {
  return `debugtap: ${service}`;
}

/** Of the services that speak DAP. Undefined for a text that is no object with a list of configurations. */
export function withLaunches(text: string, services: readonly Attachable[]): LaunchText | undefined {
  const wanted = services.filter(({ wire }) => wire === "dap");
  if (text.trim() === "") {
    const configurations = wanted.map(entryOf);
    return { text: `${JSON.stringify({ version: "0.2.0", configurations }, undefined, 2)}\n`, kept: [] };
  }
  const plain = withoutComments(text);
  const doc = parseDocument(plain, { uniqueKeys: false, logLevel: "silent" });
  if (doc.errors.length > 0 || !isMap(doc.contents)) return undefined;
  const list: unknown = doc.get("configurations", true);
  const value: unknown = doc.toJS({ maxAliasCount: 0 });
  const present = new Set(asList(member(value, "configurations")).map((entry) => member(entry, "name")));
  const added = wanted.filter(({ name }) => !present.has(launchName(name)));
  const kept = wanted.filter(({ name }) => present.has(launchName(name))).map(({ name }) => name);
  if (added.length === 0) return { text, kept };
  const end = text.includes("\r\n") ? "\r\n" : "\n";
  const written = (indent: string): string =>
    added
      .map((service) => JSON.stringify(entryOf(service), undefined, 2).replaceAll("\n", `\n${indent}`))
      .join(`,\n${indent}`)
      .replaceAll("\n", end);
  const put = (at: number, before: string, after: string, empty: boolean): string =>
    `${text.slice(0, at)}${before}${after}${empty ? "" : ","}${text.slice(at)}`;
  if (isSeq(list) && list.range !== null && list.range !== undefined) {
    const at = list.range[0] + 1;
    const isEmpty = list.items.length === 0;
    const closing = isEmpty && !/^[ \t]*\r?\n/.test(text.slice(at)) ? `${end}  ` : "";
    return { text: put(at, `${end}    `, written("    ") + closing, isEmpty), kept };
  }
  if (list !== undefined || doc.contents.range === null || doc.contents.range === undefined) return undefined;
  const at = doc.contents.range[0] + 1;
  const isEmpty = doc.contents.items.length === 0;
  const block = `"configurations": [${end}    ${written("    ")}${end}  ]`;
  return { text: put(at, `${end}  `, block + (isEmpty ? end : ""), isEmpty), kept };
}

function entryOf({ name, ide }: Attachable): object {
  return {
    name: launchName(name),
    type: "debugpy",
    request: "attach",
    connect: { host: "127.0.0.1", port: ide },
    justMyCode: false,
  };
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
