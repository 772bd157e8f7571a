// The result of a comparison as one page: nothing is loaded, nothing runs, everything that a program said is escaped.
import { whereOf } from "../../protocol/hit-summary.ts";
import type { ChangedHit, Comparison, HitRow } from "../trace/index.ts";
import { excerpts, notes, placeOf, sumText } from "./diff-lines.ts";
import { clean } from "./paint.ts";

const mostOnly = 1000;
const mostValues = 200;
const valueWidth = 2000;

const style = `
:root { color-scheme: light dark; --dim: light-dark(#667, #99a); --line: light-dark(#dde, #334);
  --a: light-dark(#b3261e, #ff8a80); --b: light-dark(#1b6e2c, #7ee08f); --mark: light-dark(#f4f5fa, #1c1d26); }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0 0 .3rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p, dl { margin: .2rem 0; } dt { float: left; width: 2rem; font-weight: 600; } .dim, dd small { color: var(--dim); }
article { border: 1px solid var(--line); border-radius: 6px; margin: .6rem 0; overflow: hidden; }
h3 { font-size: .95rem; margin: 0; padding: .4rem .7rem; background: var(--mark); } h3 span { font-weight: 400; color: var(--dim); }
table { border-collapse: collapse; width: 100%; font: 13px/1.5 ui-monospace, monospace; }
th, td { text-align: left; vertical-align: top; padding: .15rem .7rem; font-weight: 400; white-space: pre-wrap; overflow-wrap: anywhere; }
th { width: 30%; color: var(--dim); } .a { color: var(--a); } .b { color: var(--b); } .a::before { content: "- "; } .b::before { content: "+ "; }
li { font: 13px/1.5 ui-monospace, monospace; } article:target { outline: 2px solid; }
`;

export interface DiffPage {
  readonly dirs: readonly [a: string, b: string];
  readonly comparison: Comparison;
}

/** The page in pieces. */
export function* diffHtml({ dirs, comparison }: DiffPage): Generator<string> {
  const { hits, changed, onlyA, onlyB, first, variables, changedCount } = comparison;
  yield `<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8" />\n<title>debugtap diff</title>\n`;
  yield `<meta name="viewport" content="width=device-width" />\n`;
  yield `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />\n`;
  yield `<style>${style}</style>\n</head>\n<body>\n<h1>${escape(sumText(comparison))}</h1>\n<dl>`;
  for (const [i, side] of (["A", "B"] as const).entries())
    yield `<dt>${side}</dt><dd>${escape(dirs[i] ?? "")} <small>${hits[i] ?? 0} hits</small></dd>`;
  yield `</dl>\n${notes(comparison)
    .map((note) => `<p class="dim">${escape(note)}</p>\n`)
    .join("")}`;
  if (first !== undefined) {
    yield "<h2>The first difference</h2>\n";
    yield "values" in first
      ? changedPart(first)
      : `<ul>${"a" in first ? onlyPart("a", first.a) : onlyPart("b", first.b)}</ul>\n`;
  }
  for (const [side, rows] of [
    ["a", onlyA],
    ["b", onlyB],
  ] as const) {
    if (rows.length === 0) continue;
    yield `<h2>Only in ${side.toUpperCase()}: ${rows.length}</h2>\n<ul>`;
    for (const row of rows.slice(0, mostOnly)) yield onlyPart(side, row);
    yield `</ul>\n${rows.length > mostOnly ? `<p class="dim">… ${rows.length - mostOnly} more</p>\n` : ""}`;
  }
  const others = changed.filter((each) => each !== first);
  if (others.length > 0) yield "<h2>Changed values</h2>\n";
  for (const each of others) yield changedPart(each);
  if (changedCount > changed.length) {
    yield "<h2>All changes by variable</h2>\n<table>";
    for (const { path, function: fn, file, hits } of variables.slice(0, 100))
      yield `<tr><th>${escape(path)}</th><td>${escape(whereOf({ name: fn, ...(file === undefined ? {} : { path: file }) }))}</td><td>${hits} hits</td></tr>`;
    yield "</table>\n";
  }
  yield "</body>\n</html>\n";
}

function changedPart({ a, b, stack, values }: ChangedHit): string {
  const rows = [
    ...stack.map((frame) => part("called by", "", frame.a, frame.b)),
    ...values.slice(0, mostValues).map(({ path, frame, function: fn, a, b, types, renamed }) => {
      const [ours, theirs] = excerpts(a ?? "", b ?? "", valueWidth);
      const typed = (text: string, type: string | undefined): string => (type === undefined ? text : `${type} ${text}`);
      const place = [...(frame > 0 ? [`in ${fn}`] : []), ...(renamed ? ["another thing than elsewhere"] : [])];
      return part(
        path,
        place.join(", "),
        a === undefined ? undefined : typed(ours, types?.[0]),
        b === undefined ? undefined : typed(theirs, types?.[1]),
      );
    }),
    ...(values.length > mostValues ? [`<tr><th>… ${values.length - mostValues} more values</th><td></td></tr>`] : []),
  ];
  return `<article id="a${a.number}"><h3>hit ${a.number} ↔ hit ${b.number} <span>${escape(placeOf(b))}</span></h3><table>${rows.join("")}</table></article>\n`;
}

function part(name: string, note: string, a: string | undefined, b: string | undefined): string {
  const side = (text: string | undefined, of: "a" | "b"): string =>
    text === undefined ? "" : `<div class="${of}">${escape(text)}</div>`;
  const said = note === "" ? "" : ` <small>${escape(note)}</small>`;
  return `<tr><th>${escape(name)}${said}</th><td>${side(a, "a")}${side(b, "b")}</td></tr>`;
}

function onlyPart(side: "a" | "b", row: HitRow): string {
  return `<li class="${side}">hit ${row.number} ${escape(placeOf(row))}</li>`;
}

/** Text for a place between tags or within quotes; without control characters. */
function escape(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return clean(text).replace(/[&<>"']/g, (char) => entities[char] ?? char);
}
