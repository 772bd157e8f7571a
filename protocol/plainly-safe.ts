// Whether sending something again can change nothing: what reads, and no more.
//
// Rules
// - Only what is known is safe: a command is curl or wget with options of the lists below, and GET or HEAD. Everything else may change
//   something, if only because nobody looked.
// - A header that names another method (X-HTTP-Method-Override) is not safe.

const safeMethods = new Set(["GET", "HEAD", "OPTIONS"]);
const commandMethods = new Set(["GET", "HEAD"]);

interface Program {
  /** Letters that may stand together: `-sS`. */
  readonly letters: string;
  readonly flags: ReadonlySet<string>;
  /** Options with a value; what is `method` or `header` is looked at. */
  readonly values: ReadonlyMap<string, "any" | "method" | "header">;
}

const curl: Program = {
  letters: "fgikILsSv#46",
  flags: words(
    "compressed fail fail-with-body globoff head http1.1 include insecure ipv4 ipv6",
    "location no-progress-meter progress-bar show-error silent verbose",
  ),
  values: new Map([
    ...any("-A -b -e -m -u -w --cacert --connect-timeout --cookie --max-time --noproxy --oauth2-bearer"),
    ...any("--referer --resolve --retry --url --user --user-agent --write-out"),
    ["-H", "header"],
    ["--header", "header"],
    ["-X", "method"],
    ["--request", "method"],
  ]),
};

const wget: Program = {
  letters: "qvSd46",
  flags: words("content-on-error no-check-certificate no-verbose quiet server-response spider verbose"),
  values: new Map([
    ...any("-O -t -T -U --output-document --password --timeout --tries --user --user-agent"),
    ["--header", "header"],
    ["--method", "method"],
  ]),
};

const programs = new Map([
  ["curl", curl],
  ["wget", wget],
]);

/** Whether a request of this method, with these headers, reads only. */
export function isSafeRequest(method: string, headers: readonly (readonly [name: string, value: string])[]): boolean {
  return safeMethods.has(method) && !headers.some(([name]) => isOverride(name));
}

/** Whether a command is plainly one that reads over HTTP and does nothing else. */
export function isSafeCommand([program = "", ...words]: readonly string[]): boolean {
  const known = programs.get(program.slice(program.lastIndexOf("/") + 1));
  if (known === undefined) return false;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (!word.startsWith("-")) {
      if (!isWeb(word)) return false;
      continue;
    }
    if (isFlag(word, known)) continue;
    const [name, glued] = split(word);
    const kind = known.values.get(name);
    const value = glued ?? words[++at];
    if (kind === undefined || value === undefined || !isSafeValue(name, kind, value)) return false;
  }
  return true;
}

function words(...lists: readonly string[]): Set<string> {
  return new Set(lists.join(" ").split(" "));
}

function any(names: string): (readonly [string, "any"])[] {
  return names.split(" ").map((name) => [name, "any"]);
}

function isFlag(word: string, { letters, flags }: Program): boolean {
  if (word.startsWith("--")) return flags.has(word.slice(2));
  return word.length > 1 && Array.from(word.slice(1)).every((letter) => letters.includes(letter));
}

/** `--header=x`, `-Hx`, or an option whose value is the next word. */
function split(word: string): [name: string, value: string | undefined] {
  if (!word.startsWith("--")) return [word.slice(0, 2), word.length > 2 ? word.slice(2) : undefined];
  const equals = word.indexOf("=");
  return equals === -1 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
}

function isSafeValue(name: string, kind: "any" | "method" | "header", value: string): boolean {
  if (name === "--url") return isWeb(value);
  if (kind === "method") return commandMethods.has(value.toUpperCase());
  // `@file` has headers that are not seen here; `-w` may say where to write.
  if (kind === "header") return !value.startsWith("@") && !isOverride(value.split(/[:;]/, 1)[0] ?? "");
  return !(name === "-w" || name === "--write-out") || !/%(?:output|\{stderr)|^@/.test(value);
}

/** Without a scheme both take it for HTTP, but for names such as `ftp.example.org`. */
function isWeb(url: string): boolean {
  return (
    /^https?:\/\//i.test(url) ||
    !(/^[a-z][a-z0-9+.-]*:\/\//i.test(url) || /^(?:ftp|dict|ldap|imap|smtp|pop3)\./i.test(url))
  );
}

function isOverride(header: string): boolean {
  return /^x-(?:http-)?method(?:-override)?$/i.test(header.trim());
}
