// Which line of one text of a file is which of another.
//
// Rules
// - A line that stands in both, by a line diff, is that line.
// - One that was changed is the one at the same place of the change, where as many lines came as went; else the one as far behind the
//   beginning of its function.
// - Where neither can be said, the number stays.
import { diffArrays } from "diff";

/** Line of the first text, from 1, and the function that it is in -> line of the second. */
export type LineMap = (line: number, fn: string) => number;

/** Lines added and removed beyond which two texts have nothing to do with each other. */
const mostEdits = 5000;

export function lineMap(a: string, b: string): LineMap {
  const [from, to] = [a.split(/\r\n?|\n/), b.split(/\r\n?|\n/)];
  const changes = diffArrays(from, to, { maxEditLength: mostEdits });
  if (changes === undefined) return (line) => line;
  const lines = new Uint32Array(from.length + 1);
  let [left, right] = [1, 1];
  for (const [i, { added, removed, count }] of changes.entries()) {
    if (added) right += count;
    else if (removed) {
      const next = changes[i + 1];
      if (next?.added === true && next.count === count)
        for (let nth = 0; nth < count; nth++) lines[left + nth] = right + nth;
      left += count;
    } else for (let nth = 0; nth < count; nth++) lines[left++] = right++;
  }
  // Hits stand in few lines, again and again.
  const found = new Map<string, number>();
  return (line, fn) => {
    const known = lines[line] ?? 0;
    if (known > 0) return known;
    const key = `${line} ${fn}`;
    let other = found.get(key);
    if (other === undefined) found.set(key, (other = byFunction(line, fn)));
    return other;
  };

  function byFunction(line: number, fn: string): number {
    const begun = startOf(fn, from, line);
    if (begun === undefined) return line;
    const same = lines[begun] ?? 0;
    const begins = same > 0 ? same : startOf(fn, to, to.length);
    return begins === undefined ? line : begins + line - begun;
  }
}

/** The last line up to `before` that defines a function. */
function startOf(fn: string, lines: readonly string[], before: number): number | undefined {
  const name = /[\p{ID_Continue}$]+$/u.exec(fn)?.[0];
  if (name === undefined) return undefined;
  const defines = new RegExp(
    String.raw`\b(?:def|function|func|fn)\s+(?:\([^)]*\)\s*)?${name.replaceAll("$", String.raw`\$`)}(?![\p{ID_Continue}$])`,
    "u",
  );
  for (let line = Math.min(before, lines.length); line > 0; line--)
    if (defines.test(lines[line - 1] ?? "")) return line;
  return undefined;
}
