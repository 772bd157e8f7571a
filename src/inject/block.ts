// The lines of this debugtap in a file that is not its own: between two marker lines, at the end.
//
//   # debugtap 0123456789 begin
//   PYTHONPATH=…
//   # debugtap 0123456789 end
//
// Rules
// - What is put in can be taken out again byte for byte, in any order with the blocks of others: in a text whose last line has no end, the
//   block brings the line end before itself and has none of its own.
// - `, new file` in the first marker: there was no file before, so none is left when nothing else is in it.

/** `null`: there is no such file. A block that is there stays where it is. */
export function withBlock(text: string | null, id: string, lines: readonly string[]): string {
  const isNew = text === null || isOnlyNew(text);
  const block = [`# debugtap ${id} begin${isNew ? ", new file" : ""}`, ...lines, `# debugtap ${id} end`].join("\n");
  if (text === null) return `${block}\n`;
  const own = rangeOf(text, id);
  if (own !== undefined) {
    const [first = ""] = text.slice(own.start, own.end).split("\n", 1);
    const kept = [first, ...lines, `# debugtap ${id} end`].join("\n");
    return `${text.slice(0, own.start)}${kept}${text.slice(own.end)}`;
  }
  return text === "" || text.endsWith("\n") ? `${text}${block}\n` : `${text}\n${block}`;
}

/** `null`: no file is left. */
export function withoutBlock(text: string, id: string): string | null {
  const own = rangeOf(text, id);
  if (own === undefined) return text;
  const isNew = text.slice(own.start, own.end).split("\n", 1)[0]?.endsWith(", new file") === true;
  const before = text.slice(0, own.start);
  const after = text.slice(own.end);
  const left = after.startsWith("\n") ? before + after.slice(1) : before.replace(/\n$/, "") + after;
  return left === "" && isNew ? null : left;
}

export function hasBlock(text: string, id: string): boolean {
  return rangeOf(text, id) !== undefined;
}

/** Of others: their ids. */
export function otherBlocks(text: string, id: string): string[] {
  return Array.from(text.matchAll(/^# debugtap ([0-9a-f]{10}) begin/gm), ([, other = ""]) => other).filter(
    (other) => other !== id,
  );
}

/** Without anybody's. */
export function withoutBlocks(text: string): string {
  return text.replace(/^# debugtap ([0-9a-f]{10}) begin.*\n(?:.*\n)*?# debugtap \1 end(?:\n|$)/gm, "");
}

/** Of the markers and what is between them, without the last line end. */
function rangeOf(text: string, id: string): { readonly start: number; readonly end: number } | undefined {
  const found = new RegExp(`^# debugtap ${id} begin.*\\n(?:.*\\n)*?# debugtap ${id} end$`, "m").exec(text);
  return found === null ? undefined : { start: found.index, end: found.index + found[0].length };
}

/** Whether all of it was put there by debugtaps, the first of which made the file. */
function isOnlyNew(text: string): boolean {
  return /^# debugtap [0-9a-f]{10} begin, new file\n/.test(text) && withoutBlocks(text) === "";
}
