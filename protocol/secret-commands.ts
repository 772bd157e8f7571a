// Secrets in a command line: behind an option whose name says so, and where a well known program takes one.
//
//   --password x   '--token', 'x'   mysql -px   redis-cli -a x   curl -u me:x   ["sshpass", "-p", "x"]
//
// Rules
// - Words stand one behind the other with spaces, as a shell has them, or as texts of a list, `['mysql', '-px']`.
// - An option of one letter is a password for one program and a port for another: it counts behind the name of its program alone, until
//   the command or the list ends or another program comes (`sshpass … mysql …`). `-u me:x` counts everywhere.
// - Each program has one of `commandStems` in it, or its command has one of another rule (`docker login`, `sshpass`).
import { textValue } from "./secret-values.ts";
import type { SecretKind, SecretNames } from "./secret-names.ts";
import type { Range } from "./secret-patterns.ts";

interface Program {
  /** An option with the secret in the same word, which begins where this ends. */
  readonly own?: RegExp;
  /** A word whose next one is the secret. */
  readonly next?: RegExp;
  /** How many words come between. */
  readonly skip?: number;
  /** Only when such a word came before. */
  readonly only?: RegExp;
}

/** By the source of a regular expression that the program's name matches. */
const programs: Readonly<Record<string, Program>> = {
  sshpass: { own: /^-p(?=.)/, next: /^-p$/ },
  "(?:mysql|mariadb)[\\w-]*": { own: /^-p(?=.)/ },
  curl: { own: /^(?:-[uU]|--(?:proxy-)?user=)["']?[^:]+:(?!\/\/)(?=.*\D)/ },
  "redis-cli": { next: /^-a$/ },
  "docker|podman": { own: /^-p(?=.)/, next: /^-p$/, only: /^login$/ },
  "mongo(?:sh|dump|restore)?|cqlsh": { next: /^-p$/ },
  "ldap\\w+": { own: /^-w(?=.)/, next: /^-w$/ },
  ipmitool: { next: /^-P$/ },
  iscsiadm: { next: /^(?:-v|--value)$/, only: /password/ },
  rabbitmqctl: { next: /^(?:add_user|change_password)$/, skip: 1 },
};

/** In small letters. */
export const commandStems = [
  "mysql",
  "mariadb",
  "curl",
  "redis-cli",
  "mongo",
  "cqlsh",
  "ldap",
  "ipmitool",
  "rabbitmqctl",
];

const known = Object.entries(programs).map(([name, program]) => ({ name: new RegExp(`^(?:${name})$`), program }));
const anyName = new RegExp(`^(?:${Object.keys(programs).join("|")})$`);
const inText = new RegExp(`(?<![\\w.-])(?:${Object.keys(programs).join("|")})(?=[ \\t]|\\\\*["']\\s*,)`, "g");
const isOption = /^--?[A-Za-z]/;
const login = /^-[uU]$|^--(?:proxy-)?user$/;
const userAndMore = /^[^:/]+:(?=.*\D)/s;
/** Quotes stand at the beginning of a word or behind its option; elsewhere they end the text that the command is in. */
const shellWord =
  /[ \t]+(?:\\\r?\n[ \t]*)?((?:-[A-Za-z]|--[\w-]+=)?(?:[\w.@-]+:)?(?:"(?=\S)[^"\r\n]+(?:"(?!\w)|$)|'(?=\S)[^'\r\n]+(?:'(?!\w)|$))|(?:[^\s"'`|;&\\]|\\[^\s"'`nrt])+)/y;
const listStart = /\\*["']\s*,\s*/y;
const listBreak = /\s*,\s*/y;
const listItem = /[^\s,()[\]{}"']+/y;
/** Without one of these a command has no secret; most texts that name a program are no command. */
const options = /[\s"']--?[A-Za-z]|add_user|change_password/g;
const farthest = 1000;
/** Words of a command that are looked at. */
const mostWords = 80;

/** The word that has a secret, and where that begins in it. */
export interface SecretWord {
  readonly index: number;
  readonly from: number;
  readonly kind: SecretKind;
}

/** Of the words of a command; undefined words are none. */
export function secretWords(words: readonly (string | undefined)[], names: SecretNames): SecretWord[] {
  const found: SecretWord[] = [];
  let program: Program | undefined;
  let isMeant = false;
  for (const [index, word] of words.entries()) {
    if (word === undefined) continue;
    const before = words[index - 1] ?? "";
    const kind = isOption.test(before) ? names.kind(before) : undefined;
    const part = (login.test(before) ? userAndMore.exec(word) : null) ?? (isMeant ? program?.own?.exec(word) : null);
    const isNext = isMeant && program?.next?.test(words[index - 1 - (program.skip ?? 0)] ?? "") === true;
    if (kind !== undefined) found.push({ index, from: 0, kind });
    else if (isNext) found.push({ index, from: 0, kind: "one" });
    else if (part !== null && part !== undefined) found.push({ index, from: part[0].length, kind: "one" });
    else {
      const called = programOf(word);
      if (called !== undefined) isMeant = called.only === undefined;
      program = called ?? program;
      isMeant ||= program?.only?.test(word) === true;
    }
  }
  return found;
}

function programOf(word: string): Program | undefined {
  const name = word.slice(word.lastIndexOf("/") + 1);
  return anyName.test(name) ? known.find((each) => each.name.test(name))?.program : undefined;
}

/** The secrets of all commands of known programs in a text. */
export function commandRanges(text: string, names: SecretNames): Range[] {
  const found: Range[] = [];
  let [end, option] = [0, 0];
  for (const match of text.matchAll(inText)) {
    const after = match.index + match[0].length;
    if (match.index < end) continue;
    if (option < after) option = optionFrom(text, after);
    if (option - after > farthest) continue;
    const words = [{ from: match.index, to: after }, ...wordsAt(text, after)];
    const said = words.map(({ from, to }) => text.slice(from, to));
    end = words.at(-1)?.to ?? after;
    // `docker exec x sh -c "mysql -px"`: a command of its own.
    for (const [i, word] of said.entries()) {
      const at = words[i]?.from ?? 0;
      if (/\s/.test(word))
        for (const { from, to } of commandRanges(word, names)) found.push({ from: at + from, to: at + to });
    }
    for (const { index, from, kind } of secretWords(said, names)) {
      const word = words[index];
      // A shell's `--password -u me` asks for it; `<password>` stands for it.
      if (word === undefined || kind === "pair" || (from === 0 && /[-<]/.test(text[word.from] ?? ""))) continue;
      found.push(unquoted(text, word.from + from, word.to));
    }
  }
  return found;
}

function optionFrom(text: string, at: number): number {
  options.lastIndex = at;
  return options.exec(text)?.index ?? Infinity;
}

function wordsAt(text: string, at: number): Range[] {
  const words: Range[] = [];
  listStart.lastIndex = at;
  const isList = listStart.test(text);
  let next = isList ? listStart.lastIndex : at;
  while (words.length < mostWords) {
    const word = isList ? listWord(text, next) : wordOfShell(text, next);
    if (word === undefined) break;
    words.push(word);
    next = word.end;
    if (!isList) continue;
    listBreak.lastIndex = next;
    if (!listBreak.test(text)) break;
    next = listBreak.lastIndex;
  }
  return words;
}

function wordOfShell(text: string, at: number): (Range & { readonly end: number }) | undefined {
  shellWord.lastIndex = at;
  const word = shellWord.exec(text)?.[1];
  if (word === undefined) return undefined;
  const end = shellWord.lastIndex;
  return { ...unquoted(text, end - word.length, end), end };
}

function listWord(text: string, at: number): (Range & { readonly end: number }) | undefined {
  const quoted = textValue(text, at);
  if (quoted !== undefined) return quoted;
  listItem.lastIndex = at;
  return listItem.test(text) ? { from: at, to: listItem.lastIndex, end: listItem.lastIndex } : undefined;
}

/** Without its quotes, of which the first may stand before it, and the last be cut off. */
function unquoted(text: string, from: number, to: number): Range {
  const first = /["']/.test(text[from] ?? "") ? from + 1 : from;
  return { from: first, to: to - 1 > first && /["']/.test(text[to - 1] ?? "") ? to - 1 : to };
}
