// What a debuggee says, made fit to be shown: always text, on one line or on many, and never more than a screen can use.
//
// Rules
// - Control characters are shown as signs (`␛`, `⏎`), and what would turn the direction of the text or hide in it as its code
//   point (`U+202E`): what is read is then what is there.
// - A long text is cut, and `more` says how much is not shown; it is cut before it is looked at, so that 50 MB cost nothing.

export interface Piece {
  readonly text: string;
  /** It stands for a character that cannot be seen. */
  readonly sign?: true;
}

export interface Visible {
  readonly pieces: readonly Piece[];
  /** Characters that are not shown. */
  readonly more: number;
}

/** Controls, formats (direction, zero width), halves of pairs, separators of lines, and what is ignored when it is drawn. */
const hidden = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** `lines`: line feeds and tabs stay what they are. */
export function visible(text: string, { limit, lines = false }: { limit: number; lines?: boolean }): Visible {
  const cut = text.length > limit ? cutAt(text, limit) : text;
  const pieces: Piece[] = [];
  let at = 0;
  for (const { 0: found, index } of cut.matchAll(hidden)) {
    if (lines && (found === "\n" || found === "\t")) continue;
    if (index > at) pieces.push({ text: cut.slice(at, index) });
    pieces.push({ text: signOf(found), sign: true });
    at = index + found.length;
  }
  if (at < cut.length || pieces.length === 0) pieces.push({ text: cut.slice(at) });
  return { pieces, more: text.length - cut.length };
}

/** The same in one string, for names that are read aloud, titles and canvases. */
export function plainText(text: string, limit = 200): string {
  const { pieces, more } = visible(text, { limit });
  return pieces.map((piece) => piece.text).join("") + (more > 0 ? "…" : "");
}

/** Not between the halves of a pair. */
function cutAt(text: string, limit: number): string {
  const last = text.charCodeAt(limit - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? limit - 1 : limit);
}

function signOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code === 10) return "⏎";
  if (code === 9) return "⇥";
  if (code < 32) return String.fromCharCode(0x2400 + code);
  if (code === 127) return "␡";
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}
