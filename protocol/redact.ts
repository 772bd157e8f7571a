// Takes secrets out of texts and values, and puts a marker in their place:  «redacted:1f9c22ab»
//
// Rules
// - Equal secrets give equal markers, so that a reader still sees that two are the same: the eight digits are a keyed hash (HMAC) of the
//   secret, which the caller computes. Without the key nothing can be told from them.
// - A secret is hashed as it stands without its quotes: `'x'`, `"x"` and pydevd's `str: x` are the same one.
// - What has nothing to hide comes back as the very same text; what is masked already stays as it is.
import { commandStems } from "./secret-commands.ts";
import { nameStems, SecretNames } from "./secret-names.ts";
import type { SecretKind } from "./secret-names.ts";
import { patternStems } from "./secret-patterns.ts";
import type { Range } from "./secret-patterns.ts";
import { SecretScan } from "./secret-scan.ts";
import { secretRanges } from "./secret-text.ts";
import { isHarmless, textValue } from "./secret-values.ts";

/** What the user says of secrets, beside what is known of them. Globs have `*` for anything. */
export interface SecretRules {
  readonly names: readonly string[];
  /** Names that are none. */
  readonly keep: readonly string[];
  readonly types: { readonly mask: readonly string[]; readonly keep: readonly string[] };
}

export const defaultSecretRules: SecretRules = {
  names: [],
  keep: [],
  types: { mask: ["SecretStr", "SecretBytes", "*.SecretStr", "*.SecretBytes"], keep: [] },
};

/** In place of what could not be looked through. */
export const failedMarker = "«redacted:unreadable»";

/** Secrets whose digits are remembered: the same ones come again and again. */
const mostKnown = 2000;
const longestKnown = 200;

export class Redactor {
  readonly names: SecretNames;
  readonly #scan: SecretScan;
  readonly #digits: (secret: string) => string;
  readonly #known = new Map<string, string>();
  readonly #masked: RegExp | undefined;
  readonly #kept: RegExp | undefined;

  /** `digits` gives the eight hexadecimal digits of a secret. */
  constructor(rules: SecretRules, digits: (secret: string) => string) {
    this.names = new SecretNames(rules);
    this.#digits = digits;
    this.#masked = globs(rules.types.mask);
    this.#kept = globs(rules.types.keep);
    this.#scan = new SecretScan(
      [...nameStems, ...commandStems, ...patternStems, ...rules.types.mask.flatMap(stemOf)],
      moreNames(rules),
    );
  }

  /** False: there is no secret in these bytes. */
  mayHold(bytes: Uint8Array): boolean {
    return this.#scan.bytes(bytes);
  }

  mayHoldText(text: string): boolean {
    return this.#scan.text(text);
  }

  /** Where in a text there may be secrets; undefined where that cannot be said. */
  places(text: string): readonly number[] | undefined {
    return this.#scan.places(text);
  }

  marker(secret: string): string {
    let digits = this.#known.get(secret);
    if (digits === undefined) {
      digits = this.#digits(secret);
      if (this.#known.size >= mostKnown) this.#known.clear();
      if (secret.length <= longestKnown) this.#known.set(secret, digits);
    }
    return `«redacted:${digits}»`;
  }

  /** A text of any kind. `code`: a program's source. */
  text(text: string, code = false): string {
    return this.#scan.text(text) ? this.#without(text, secretRanges(text, this.names, code)) : text;
  }

  /** The secrets of `text`, which begins with `before`, as far as they go beyond that. */
  rangesBehind(before: string, text: string): Range[] {
    if (!this.#scan.text(text)) return [];
    return secretRanges(text, this.names).filter(({ to }) => to > before.length);
  }

  /** What is said behind `before`, which was said earlier and stays as it is: of `password:` and `x` only the latter. */
  textBehind(before: string, text: string): string {
    const whole = before + text;
    const ranges = this.rangesBehind(before, whole);
    return ranges.length === 0 ? text : this.#without(whole, ranges, before.length);
  }

  /** A value whose name (or type, or place) makes it a secret, as a debuggee prints it. */
  value(value: string, kind: SecretKind): string {
    if (kind === "pair") return /^[([].*,/s.test(value) ? this.#whole(value, 0, value.length) : this.text(value);
    if (isHarmless(value, kind === "many")) return this.text(value);
    const quoted = textValue(value, 0);
    if (quoted === undefined || quoted.end !== value.length) return this.#whole(value, 0, value.length);
    return isHarmless(value.slice(quoted.from, quoted.to), kind === "many")
      ? this.text(value)
      : this.#whole(value, quoted.from, quoted.to);
  }

  /** What the first variable of two says of the second, where they are a name and its value. */
  kindInPair(firstName: string, first: string, secondName: string, second: string): SecretKind | undefined {
    const isMap = firstName.startsWith("[key ") && secondName === firstName.replace("[key ", "[val ");
    const isPair = /^(?:\[?0+\]?|first)$/.test(firstName) && /^(?:\[?0*1\]?|second)$/.test(secondName);
    if (!isMap && !isPair) return undefined;
    // A list of names is none: `['password', 'username']`.
    if (isPair && /^["']?[a-z_]+["']?$/.test(second)) return undefined;
    const kind = this.names.kind(first);
    return kind === "pair" ? undefined : kind;
  }

  /** What a type says of its values: `keep` that they are no secrets, whatever they are called. */
  type(type: string): "mask" | "keep" | undefined {
    if (this.#kept?.test(type) === true) return "keep";
    return this.#masked?.test(type) === true ? "mask" : undefined;
  }

  #whole(value: string, from: number, to: number): string {
    return `${value.slice(0, from)}${this.marker(value.slice(from, to))}${value.slice(to)}`;
  }

  /** From `start` on; a secret that begins before it is marked as a whole. */
  #without(text: string, ranges: readonly Range[], start = 0): string {
    if (ranges.length === 0) return text;
    let out = "";
    let at = start;
    for (const { from, to } of ranges) {
      out += text.slice(at, Math.max(at, from)) + this.marker(text.slice(from, to));
      at = to;
    }
    return out + text.slice(at);
  }
}

function globs(patterns: readonly string[]): RegExp | undefined {
  if (patterns.length === 0) return undefined;
  const sources = patterns.map((glob) =>
    glob
      .split("*")
      .map((part) => escaped(part))
      .join(".*"),
  );
  return new RegExp(`^(?:${sources.join("|")})$`, "s");
}

function escaped(text: string): string {
  return text.replaceAll(/[$()*+.?[\\\]^{|}]/g, "\\$&");
}

/** The longest run of letters that what a glob matches must have. */
function stemOf(glob: string): string[] {
  const runs = glob.toLowerCase().match(/[a-z]{3,}/g) ?? [];
  return runs.sort((a, b) => b.length - a.length).slice(0, 1);
}

/** Names of the configuration, however they are written: `api_id`, `API-ID`, `apiId`. */
function moreNames({ names, types }: SecretRules): RegExp | undefined {
  const written = names.map((name) =>
    Array.from(name.replaceAll(/[-_@$.\s]/g, ""), (char) => escaped(char)).join("(?:[-_@$. ]|%\\w\\w)*"),
  );
  // A glob without letters to look for: every text may have such a type.
  if (types.mask.some((glob) => stemOf(glob).length === 0)) written.push("");
  return written.length === 0 ? undefined : new RegExp(written.join("|"), "i");
}
