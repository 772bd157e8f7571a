// Words of a text that differ between two runs of the same program, and what the text is without them.
//
//   <Volume object at 0x7f3c…> of req-5f1c…   ->   <Volume object at \0a> of \0i   and the words 0x7f3c…, req-5f1c…
//
// Rules
// - Only what cannot be anything else is such a word: an address, a UUID, the id of the hit's own request, a masked secret, the number of
//   a process or thread where the text or the variable's name says so, an ephemeral port behind a host, a time within two days of the stop.
//   Any other number is a value: 40000 is no port, and 2030-01-01 no time of this run.
// - debugpy cuts texts within collections in their middle, `<app.Thi...a1f0c3d20>`: the end of an address or of a time is one too.

import type { Hit } from "./hit.ts";

/** `time` differs always, so that equal ones mean nothing; of the others equal words are the same thing. */
export type WordKind = "address" | "id" | "number" | "port" | "secret" | "time";

export interface Word {
  readonly kind: WordKind;
  readonly text: string;
}

export interface Words {
  /** The text with a mark in place of each word. */
  readonly shape: string;
  readonly words: readonly Word[];
}

/** What is known of the hit that a text belongs to. */
export interface WordContext {
  /** Epoch milliseconds of the stop. */
  readonly at: number;
  /** Of its process, in digits. */
  readonly pid?: string;
  /** The first correlated value. */
  readonly request?: string;
}

export function contextOf({ at, process, correlated = {} }: Pick<Hit, "at" | "process" | "correlated">): WordContext {
  const [request] = Object.values(correlated);
  const pid = /^pid (\d+)/.exec(process ?? "")?.[1];
  return { at, ...(pid === undefined ? {} : { pid }), ...(request === undefined ? {} : { request }) };
}

const marks: Readonly<Record<WordKind, string>> = {
  address: "\0a",
  id: "\0i",
  number: "\0n",
  port: "\0p",
  secret: "\0s",
  time: "\0t",
};
const nothing: readonly Word[] = [];
const twoDays = 2 * 24 * 3600 * 1000;
/** Ports that a system gives to whoever asks for any. */
const firstEphemeral = 32_768;
const months = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec";

/** Where there may be a word at all: most texts have none, and this is cheaper. */
const hint = /\d{3}|[\da-fA-F]{8}|«redacted|Thread-\d|\.\.\./;
/** One alternative each, in the order of `readers`. */
const shapes = [
  /«redacted:[\da-f]{8}»/,
  /[\da-fA-F]{8}-[\da-fA-F]{4}-[\da-fA-F]{4}-[\da-fA-F]{4}-[\da-fA-F]{12}/,
  /(?<![\da-zA-Z])[\da-fA-F]{32}(?![\da-zA-Z])/,
  /(?<=\bat )0x[\da-fA-F]+|0x[\da-fA-F]{9,16}(?!\w)|(?<=\.\.\.)[\da-f]{1,10}(?=>)/,
  /\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?/,
  /datetime\.datetime\(\d{4}(?:, \d{1,6}){2,6}/,
  /datetime\.datetime\(\d{0,4}\.\.\.[^()]{0,12}/,
  new RegExp(String.raw`(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (?:${months}) \d{4} \d\d:\d\d:\d\d GMT`),
  /(?<=(?:\d|localhost|::1\]?)(?::|', ))[3-6]\d{4}(?![\w.])/,
  /(?<=\b(?:[pt]id|thread)[ =:]{1,3}|\bstarted (?:daemon )?)\d+|Thread-\d+/,
  /(?<![\w.])\d{3,19}(?:\.\d+)?(?![\w.])/,
];
/** With what each may begin with before it, which halves the time. */
const anyWord = new RegExp(`(?=[\\da-fA-F«TMWS])(?:${shapes.map(({ source }) => `(${source})`).join("|")})`, "g");

type Reader = (text: string, context: WordContext) => WordKind | undefined;
const readers: readonly Reader[] = [
  () => "secret",
  () => "id",
  () => "id",
  () => "address",
  (text, { at }) => near(Date.parse(isoOf(text)), at),
  (text, { at }) => near(pythonTime(text), at),
  () => "time",
  (text, { at }) => near(Date.parse(text), at),
  (text) => (isEphemeral(text) ? "port" : undefined),
  () => "number",
  numberKind,
];

/** `name`: of the variable that has this value, without quotes. */
export function wordsOf(text: string, context: WordContext, name = ""): Words {
  const { request } = context;
  if (request !== undefined && request !== "" && text.includes(request)) return aroundRequest(text, request, context);
  if (!hint.test(text)) {
    const kind = kindByName(name, text);
    return kind === undefined ? { shape: text, words: nothing } : { shape: marks[kind], words: [{ kind, text }] };
  }
  const kind = kindByName(name, text);
  if (kind !== undefined) return { shape: marks[kind], words: [{ kind, text }] };
  const words: Word[] = [];
  return { shape: withoutWords(text, context, words), words: words.length === 0 ? nothing : words };
}

/** True for a text that is one id, time or address of a peer and nothing else: `UUID('…')`, `datetime.datetime(…)`, `('10.0.0.1', 54321)`. */
export function isOneWord({ shape }: Words): boolean {
  // oxlint-disable-next-line no-control-regex -- the marks of words
  return /^(?:[\w.]*\(?['"]?\0[it]['"]?(?:, tzinfo=[^\0]*)?\)?|\('[^']*', \0p(?:, \d+)*\))$/.test(shape);
}

function withoutWords(text: string, context: WordContext, words: Word[]): string {
  anyWord.lastIndex = 0;
  let [shape, done] = ["", 0];
  for (let match = anyWord.exec(text); match !== null; match = anyWord.exec(text)) {
    let group = 1;
    while (match[group] === undefined) group++;
    const [word] = match;
    const kind = readers[group - 1]?.(word, context);
    if (kind === undefined) continue;
    words.push({ kind, text: word });
    shape += text.slice(done, match.index) + marks[kind];
    done = match.index + word.length;
  }
  return done === 0 ? text : shape + text.slice(done);
}

/** A request's id may look like anything: it is found as a whole, and in one of less than four characters only where it is all of the text. */
function aroundRequest(text: string, request: string, context: WordContext): Words {
  const words: Word[] = [];
  let [shape, done] = ["", 0];
  const whole = text === request || (text.length === request.length + 2 && /^(['"]).*\1$/s.test(text));
  for (let at = text.indexOf(request); at >= 0; at = text.indexOf(request, at + request.length)) {
    const end = at + request.length;
    const alone = !/[\w-]/.test(text[at - 1] ?? " ") && !/[\w-]/.test(text[end] ?? " ");
    if (!whole && (!alone || request.length < 4)) continue;
    shape += withoutWords(text.slice(done, at), context, words) + marks.id;
    words.push({ kind: "id", text: request });
    done = end;
  }
  return { shape: shape + withoutWords(text.slice(done), context, words), words };
}

function kindByName(name: string, text: string): WordKind | undefined {
  if (name.length < 3 || !/^\d{1,20}$/.test(text)) return undefined;
  if (/(?:^|_)(?:p?pid|tid|ident|native_id|thread_id|process_id)$/i.test(name)) return "number";
  return /(?:^|_)port$/i.test(name) && isEphemeral(text) ? "port" : undefined;
}

function isEphemeral(text: string): boolean {
  return Number(text) >= firstEphemeral && Number(text) <= 65_535;
}

function numberKind(text: string, { at, pid }: WordContext): WordKind | undefined {
  if (text === pid) return "number";
  const [whole = ""] = text.split(".");
  // A thread's ident, and id() of an object: addresses in decimal.
  if (whole.length === 15 && whole === text)
    return Number(text) >= 0x7e_00_00_00_00_00 && Number(text) <= 0x7f_ff_ff_ff_ff_ff ? "address" : undefined;
  const factor = { 10: 1000, 13: 1, 16: 1e-3, 19: 1e-6 }[whole.length];
  return factor === undefined ? undefined : near(Number(text) * factor, at);
}

function near(time: number, at: number): "time" | undefined {
  return Math.abs(time - at) < twoDays ? "time" : undefined;
}

/** What Date.parse understands: a zone where there is none, a point for a comma. */
function isoOf(text: string): string {
  const zoned = /(?:Z|[+-]\d\d:?\d\d)$/.test(text.slice(16));
  return text.replace(" ", "T").replace(",", ".") + (zoned ? "" : "Z");
}

function pythonTime(text: string): number {
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0] = (text.match(/\d+/g) ?? []).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute);
}
