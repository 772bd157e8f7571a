// The values of a frame as the rows of a tree: what is open, or what a search finds, and what a limit left out, in words.
//
// Rules
// - A row's id is the way to it by places (`0/3/1`): names may repeat. What is open is kept by ids.
// - A search finds names and values, without case, in the first 10,000 characters; what leads to a find is open, with nothing else in
//   it; a find that leads to no other is closed, and opens whole.
// - Rows end at `mostRows`; the last one says so.
import type { Cut, SnapshotFrame, SnapshotVariable } from "../../protocol/hit.ts";
import { indexOf, unquoted } from "../../protocol/value-path.ts";
import { amount } from "./format.ts";

export interface TreeRow {
  readonly id: string;
  readonly kind: "scope" | "value" | "note";
  /** From 1. */
  readonly level: number;
  readonly name: string;
  readonly type?: string;
  readonly value: string;
  readonly failed: boolean;
  /** Absent: it has no children. */
  readonly open?: boolean;
  /** What asks for its history: `volume['size']`. */
  readonly path?: string;
  readonly cut?: Cut;
}

const mostRows = 20_000;
const mostSearched = 10_000;

export function treeRows(frame: SnapshotFrame, opened: ReadonlySet<string>, search = ""): TreeRow[] {
  const word = search.trim().toLowerCase();
  const rows: TreeRow[] = [];
  const note = (id: string, level: number, name: string): void => {
    rows.push({ id, kind: "note", level, name, value: "", failed: false });
  };
  const matches = new Map<SnapshotVariable, boolean>();
  const finds = (variable: SnapshotVariable): boolean => {
    let found = matches.get(variable);
    if (found === undefined) {
      const { name, value, children = [] } = variable;
      found = has(name, word) || has(value, word);
      // All of them are asked, so that each is asked once.
      for (const child of children) found = finds(child) || found;
      matches.set(variable, found);
    }
    return found;
  };
  const add = (variable: SnapshotVariable, id: string, level: number, path: string | undefined): void => {
    if (rows.length >= mostRows) return;
    const { name, type, value, children, cut } = variable;
    const found = word === "" ? [] : (children ?? []).filter(finds);
    const open = children === undefined || children.length === 0 ? undefined : opened.has(id) !== found.length > 0;
    rows.push({
      id,
      kind: "value",
      level,
      name,
      ...(type === undefined ? {} : { type }),
      value,
      failed: variable.failed === true,
      ...(open === undefined ? {} : { open }),
      ...(path === undefined ? {} : { path }),
      ...(cut === undefined ? {} : { cut }),
    });
    if (open === true) {
      for (const [at, child] of (children ?? []).entries()) {
        if (found.length === 0 || finds(child)) add(child, `${id}/${at}`, level + 1, below(path, child.name));
      }
    }
    // A value that is cut itself says so beside it; that items are missing stands where they would.
    if (cut !== undefined && cut.by !== "string" && open !== false)
      note(`${id}/cut`, level + 1, cutWords(cut, children?.length ?? 0));
  };

  for (const [at, { name, variables, cut }] of (frame.scopes ?? []).entries()) {
    const id = String(at);
    const open = opened.has(id) !== (word !== "" || at === 0);
    const shown = word === "" ? variables : variables.filter(finds);
    if (word !== "" && shown.length === 0) continue;
    rows.push({ id, kind: "scope", level: 1, name, value: "", failed: false, open });
    if (!open) continue;
    for (const [place, variable] of variables.entries()) {
      if (word === "" || finds(variable)) add(variable, `${id}/${place}`, 2, nameOf(variable.name));
    }
    if (cut !== undefined) note(`${id}/cut`, 2, cutWords(cut, variables.length));
  }
  if (rows.length >= mostRows)
    note("more", 1, `Only the first ${amount(mostRows)} rows are shown: search for what you need.`);
  return rows;
}

/** `12 of 312 items: the capture takes no more`. */
export function cutWords(cut: Cut, shown: number): string {
  const some = cut.of === undefined ? "The rest is" : `${amount(Math.max(cut.of - shown, 0))} of ${amount(cut.of)} are`;
  const because: Readonly<Record<Cut["by"], string>> = {
    frames: `${some} not here: the capture takes so many frames`,
    depth: "Its parts are not here: the capture goes no deeper",
    items: `${some} not here: the capture takes so many of one value`,
    string: cut.of === undefined ? "The text goes on" : `The text goes on: ${amount(cut.of)} characters in all`,
    bytes: `${some} not here: the snapshot had its size`,
    time: `${some} not here: the time of the capture was over`,
    gone: `${some} not here: the debuggee did not answer, or ran on`,
  };
  return because[cut.by] ?? some;
}

function has(text: string, word: string): boolean {
  return (text.length > mostSearched ? text.slice(0, mostSearched) : text).toLowerCase().includes(word);
}

/** Names that are no words, as `special variables`, have no history. */
function nameOf(name: string): string | undefined {
  return /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(name) ? name : undefined;
}

function below(path: string | undefined, name: string): string | undefined {
  if (path === undefined) return undefined;
  const index = indexOf(name);
  if (index !== undefined) return `${path}[${index}]`;
  const key = unquoted(name);
  if (key !== undefined) return `${path}[${quoted(key)}]`;
  return nameOf(name) === undefined ? `${path}[${quoted(name)}]` : `${path}.${name}`;
}

function quoted(key: string): string {
  return `'${key.replaceAll(/['\\]/g, "\\$&").replaceAll("\n", "\\n")}'`;
}
