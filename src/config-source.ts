// The text of debugtap.yml: read within bounds, and able to say where each of its values stands.
//
// Rules
// - A file over 1 MiB and alias bombs are refused before anything is made of them; nesting too deep is the parser's own error.
// - A problem is shown as `file:line:column: text`, the line itself and a caret; all problems at once, the first ten of them.
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit } from "yaml";
import type { Document, Node, YAMLMap } from "yaml";
import { DebugtapError } from "../protocol/errors.ts";
import type { ErrorCode } from "../protocol/errors.ts";

export const maxConfigBytes = 1024 * 1024;
const maxAliases = 100;
const maxShown = 10;
const maxQuoted = 96;

/** One thing that is wrong. `offset` counts characters of the text; `fix` is one thing to do. */
export interface Problem {
  readonly offset: number;
  readonly text: string;
  readonly fix?: string;
}

interface Entry {
  readonly offset: number;
  readonly value: Node | undefined;
}

export type Path = readonly PropertyKey[];

export class ConfigSource {
  readonly file: string;
  /** The content as plain data. */
  readonly value: unknown;
  readonly #text: string;
  readonly #lines: LineCounter;
  readonly #document: Document.Parsed;
  /** By map and key: the parser's own search for keys, and for doubled ones, is linear in each. */
  readonly #entries = new WeakMap<YAMLMap, Map<string, Entry>>();

  /** Throws `code` for what is not YAML and DT_CONFIG_INVALID for what has more than `most` characters. */
  constructor(text: string, file: string, code: ErrorCode = "DT_CONFIG_SYNTAX", most = maxConfigBytes) {
    this.file = file;
    this.#text = text;
    this.#lines = new LineCounter();
    if (text.length > most) throw tooLarge(file);
    try {
      this.#document = parseDocument(text, {
        lineCounter: this.#lines,
        prettyErrors: false,
        logLevel: "error",
        uniqueKeys: false,
      });
    } catch (cause) {
      throw this.error(code, [{ offset: 0, text: `not readable as YAML (${String(cause)})` }]);
    }
    const errors = this.#document.errors.map((error) => ({ offset: error.pos[0], text: error.message }));
    if (errors.length === 0) errors.push(...this.#indexKeys());
    if (errors.length > 0) throw this.error(code, errors);
    try {
      this.value = this.#document.toJS({ maxAliasCount: maxAliases });
    } catch (cause) {
      const unknown = /^Unresolved alias.*: (.+)$/.exec(cause instanceof Error ? cause.message : "")?.[1];
      const problem =
        unknown === undefined
          ? { offset: 0, text: `aliases stand for too much (over ${maxAliases} copies)` }
          : {
              offset: Math.max(0, text.indexOf(`*${unknown}`)),
              text: `no \`&${unknown}\` stands before \`*${unknown}\``,
            };
      throw this.error(code, [problem]);
    }
  }

  /** Where the value at `path` stands, or, if it is missing or empty, the key that should have it. */
  offsetOf(path: Path): number {
    const { key, value } = this.#find(path);
    return isScalar(value) && value.value === null ? (key ?? 0) : (value?.range?.[0] ?? key ?? 0);
  }

  /** Where the last key of `path` stands. */
  offsetOfKey(path: Path): number {
    return this.#find(path).key ?? 0;
  }

  /** The line that an offset is on, from 1. */
  lineAt(offset: number): number {
    return this.#lines.linePos(offset).line || 1;
  }

  /** One error for all problems, in the order of the file. */
  error(code: ErrorCode, problems: readonly Problem[]): DebugtapError {
    const sorted = [...problems].sort((a, b) => a.offset - b.offset);
    const shown = sorted.slice(0, maxShown).map((problem) => this.#show(problem));
    const rest = sorted.length - shown.length;
    const count = `${this.file} has ${sorted.length} problems`;
    const what =
      sorted.length === 1 ? shown.join("") : [count, ...shown, ...(rest > 0 ? [`and ${rest} more`] : [])].join("\n");
    const fix = sorted.find((problem) => problem.fix !== undefined)?.fix;
    return new DebugtapError(code, what, fix === undefined ? {} : { fix });
  }

  /** The nearest offsets on the way to `path`: a key or item that does not exist leaves those of what holds it. */
  #find(path: Path): { key: number | undefined; value: Node | undefined } {
    let value: Node | undefined = this.#document.contents ?? undefined;
    let key = value?.range?.[0];
    for (const step of path) {
      if (isAlias(value)) value = value.resolve(this.#document);
      if (isMap(value)) {
        const entry = this.#entries.get(value)?.get(String(step));
        if (entry === undefined) return { key, value: undefined };
        key = entry.offset;
        value = entry.value;
      } else if (isSeq(value)) {
        const item = value.items[Number(step)];
        value = isNode(item) ? item : undefined;
        key = value?.range?.[0] ?? key;
      } else return { key, value: undefined };
    }
    return { key, value };
  }

  /** Keeps where each key stands; tells of those that stand twice, and of the one key that plain objects lack. */
  #indexKeys(): Problem[] {
    const problems: Problem[] = [];
    visit(this.#document, {
      Map: (_, map) => {
        const entries = new Map<string, Entry>();
        for (const { key, value } of map.items) {
          if (!isScalar(key)) continue;
          const name = String(key.value);
          const offset = key.range?.[0] ?? 0;
          if (entries.has(name)) problems.push({ offset, text: `\`${name}\` stands twice` });
          else if (name === "__proto__") problems.push({ offset, text: "`__proto__` is no key" });
          entries.set(name, { offset, value: isNode(value) ? value : undefined });
        }
        this.#entries.set(map, entries);
      },
    });
    return problems;
  }

  #show({ offset, text }: Problem): string {
    const position = this.#lines.linePos(offset);
    const line = position.line || 1;
    const column = position.col || 1;
    const start = offset - (column - 1);
    const end = this.#text.indexOf("\n", start);
    const whole = this.#text.slice(start, end < 0 ? undefined : end);
    // A long line is cut so that the caret stays in view; control characters would move it, or the terminal.
    const from = column > maxQuoted - 16 ? column - maxQuoted / 2 : 0;
    const quoted = whole
      .slice(from, from + maxQuoted)
      .replace(/\p{Cc}/gu, " ")
      .trimEnd();
    const number = String(line);
    return [
      `${this.file}:${line}:${column}: ${text}`,
      `    ${number} | ${quoted}`,
      `    ${" ".repeat(number.length)} | ${" ".repeat(column - 1 - from)}^`,
    ].join("\n");
  }
}

/** The error for a file over {@link maxConfigBytes}. */
export function tooLarge(file: string): DebugtapError {
  return new DebugtapError("DT_CONFIG_INVALID", `${file} is larger than 1 MiB`, {
    why: "a configuration of that size is another kind of file",
    fix: "debugtap up --config PATH/TO/debugtap.yml",
  });
}
