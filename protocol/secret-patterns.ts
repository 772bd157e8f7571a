// Secrets that are known by their look, whatever they are called: JWTs, keys of clouds and forges, PEM keys, passwords in URLs.
//
// Rules
// - A pattern marks the secret alone: `Bearer `, the user of a URL and the borders of a PEM key stay, so that the rest can be read.
// - A secret that is cut off (by a debugger's limit, by the end of a message) is one as far as it goes.
// - `stem`: small letters that every match contains; without it a text is not searched for the pattern.
// - A public key, a certificate, a hash of a commit, a base64 picture and a UUID are none.

/** `text.slice(from, to)` is a secret. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

interface Pattern {
  readonly stem: string;
  /** With flags `dg`: group 1 is the secret, else the whole match. */
  readonly match: RegExp;
  readonly unless?: (secret: string) => boolean;
}

const word = "(?<![A-Za-z0-9])";

const patterns: readonly Pattern[] = [
  // With its dots, whatever it has: a word that is searched from one place alone.
  {
    stem: "eyj",
    match: /(?<![A-Za-z0-9+/_])(eyJ[\w-]{8,}(?:\.[\w-]*){0,4})/dg,
    unless: (text) => !/^[^.]+\.[\w-]{4}/.test(text),
  },
  // Cut off in its head: {"alg":, {"typ":, {"kid":, {"enc":, {"x5t":
  { stem: "eyj", match: /(?<![A-Za-z0-9+/_])(eyJ(?:hbGciOi|0eXAiOi|raWQiOi|lbmMiOi|4NXQiOi)[\w.-]*)/dg },
  { stem: "bearer", match: /\bbearer(?:\s+|%20|\+)["']?([\w.~+/=-]{8,})/dgi, unless: isProse },
  {
    stem: "basic",
    match: /\bbasic(?:\s+|%20|\+)["']?([A-Za-z0-9+/_-]{6,}={0,2})/dgi,
    unless: (text) => !isBasic(text),
  },
  { stem: "signature=", match: /\bAWS4-HMAC-SHA256\b[\s\S]{0,400}?Signature=([0-9a-f]{16,})/dg },
  {
    stem: "private key",
    match: /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----([\s\S]*?)(?:-----END |$)/dg,
    unless: (text) => text.length < 16 || text.startsWith("«"),
  },
  { stem: "private-lines", match: /Private-Lines: \d+([\s\S]*?)(?:Private-MAC|$)/dg },
  { stem: "akia", match: new RegExp(`${word}(AKIA[A-Z0-9]{12,16})(?![A-Za-z0-9])`, "dg") },
  { stem: "asia", match: new RegExp(`${word}(ASIA[A-Z0-9]{12,16})(?![A-Za-z0-9])`, "dg") },
  { stem: "gh", match: new RegExp(`${word}(gh[pousr]_[A-Za-z0-9]{20,})`, "dg") },
  { stem: "github_pat_", match: /(github_pat_\w{20,})/dg },
  { stem: "gl", match: new RegExp(`${word}(gl(?:pat|dt|rt|ptt|soat|ft|cbt)-[\\w-]{16,})`, "dg") },
  { stem: "xox", match: new RegExp(`${word}(xox[a-z](?:\\.xox[a-z])?-[\\w-]{10,})`, "dg") },
  { stem: "xapp-", match: new RegExp(`${word}(xapp-\\d-[\\w-]{10,})`, "dg") },
  { stem: "hooks.slack.com", match: /hooks\.slack\.com\/(?:services|workflows)\/([\w/]{10,})/dg },
  { stem: "aiza", match: new RegExp(`${word}(AIza[\\w-]{30,})`, "dg") },
  { stem: "ya29.", match: new RegExp(`${word}(ya29\\.[\\w-]{16,})`, "dg") },
  { stem: "gocspx-", match: /(GOCSPX-[\w-]{16,})/dg },
  { stem: "_live_", match: new RegExp(`${word}([rsp]k_live_[A-Za-z0-9]{12,})`, "dg") },
  { stem: "_test_", match: new RegExp(`${word}([rs]k_test_[A-Za-z0-9]{12,})`, "dg") },
  { stem: "whsec_", match: /(whsec_[A-Za-z0-9+/=]{16,})/dg },
  { stem: "npm_", match: new RegExp(`${word}(npm_[A-Za-z0-9]{30,})`, "dg") },
  { stem: "pypi-", match: new RegExp(`${word}(pypi-[\\w-]{40,})`, "dg") },
  {
    stem: "sk-",
    match: new RegExp(`${word}(sk-(?:ant-|proj-|svcacct-|admin-|or-)?[A-Za-z0-9_-]{20,})`, "dg"),
    unless: isProse,
  },
  { stem: "hf_", match: new RegExp(`${word}(hf_[A-Za-z0-9]{30,})`, "dg") },
  { stem: "sg.", match: new RegExp(`${word}(SG\\.[\\w-]{16,}\\.[\\w-]{16,})`, "dg") },
  { stem: "_v1_", match: new RegExp(`${word}(do[opr]_v1_[a-f0-9]{40,})`, "dg") },
  { stem: "hvs.", match: new RegExp(`${word}(hv[sb]\\.[\\w-]{20,})`, "dg") },
  { stem: "dckr_", match: /(dckr_[a-z]{2,4}_[\w-]{20,})/dg },
  { stem: "age-secret-key-", match: /(AGE-SECRET-KEY-1[A-Z0-9]{20,})/dg },
  { stem: "fernet(", match: /\bFernet\(\s*[bu]?\\*["']([\w-]{43}=)/dg },
  // Ceph's: the length of a key stands in it.
  ...["B", "R", "h", "x"].map((length) => ({
    stem: `${length}aa`.toLowerCase(),
    match: new RegExp(`(?<![A-Za-z0-9+/=])(AQ[A-D][A-Za-z0-9+/]{10}${length}AA[A-Za-z0-9+/]{22}==)`, "dg"),
  })),
  // Fernet, and so Keystone's tokens.
  { stem: "gaaaa", match: /(?<![A-Za-z0-9+/_-])(gAAAA[\w-]{20,}(?:={1,2}|%3D%3D|%3D)?)/dg },
  { stem: "://", match: /:\/\/[^\s:/?#@'"<>\\]*:([^\s/?#'"<>\\]+)@/dg, unless: isMasked },
  { stem: "://", match: /:\/\/([A-Za-z0-9_~.-]{20,})@/dg },
  { stem: "identified", match: /\bidentified\s+(?:with\s+\S+\s+)?(?:by|as)\s+(?:password\s+)?["']([^"']+)/dgi },
  { stem: "login", match: /\blogin\s+\S+\s+password\s+(\S+)/dgi },
  { stem: "basicauth(", match: /BasicAuth\(\s*[bu]?["'][^"']*["'],\s*[bu]?["']([^"']+)/dg },
  { stem: "requirepass", match: /\brequirepass[ \t]+["']?([^\s"'\\]+)/dg },
  { stem: "masterauth", match: /\bmasterauth[ \t]+["']?([^\s"'\\]+)/dg },
  { stem: "password(", match: /=\s*PASSWORD\(\s*\\*["']([^"'\\]+)/dg },
  // Cloud-init, and what is piped into the program.
  {
    stem: "chpasswd",
    match: /\bchpasswd:\s+(?:expire:[ \t]*\w+\s+)?list:[ \t]*[|>][-+]?[ \t]*\r?\n((?:[ \t]+[^\s:]+:[^\n]*(?:\n|$))+)/dg,
  },
  {
    stem: "chpasswd",
    match: /(?<![^\s"'])[^\s"':|]{1,64}:([^\s"'|]{1,200})["']?\s{0,9}\|\s{0,9}(?:sudo\s{1,9})?chpasswd\b/dg,
  },
  { stem: "token ", match: /\btoken\s+([A-Za-z0-9]{30,})/dgi },
  { stem: "sig=", match: /[?&;](?:temp_url_)?sig=([\w%+/=-]{16,})/dg },
  { stem: "signature=", match: /[?&;]x-(?:amz|goog|ms)-signature=([\w%+/=-]{16,})/dgi },
  // Hashes of passwords.
  {
    stem: "$",
    match:
      /(\$2[abxy]\$\d\d\$[./A-Za-z0-9]{20,}|\$(?:5|6|7|y|gy)\$[./A-Za-z0-9$=,-]{20,}|\$(?:argon2(?:id?|d)|scrypt|pbkdf2[\w-]*)\$[./\w+$=,-]{16,})/dg,
  },
  { stem: "pbkdf2_", match: /(pbkdf2_\w{1,20}\$\d+\$[\w./+=]+\$[\w./+=]{8,})/dg },
];

const tokenStems = [
  "ghp_",
  "gho_",
  "ghu_",
  "ghs_",
  "ghr_",
  "glpat-",
  "gldt-",
  "glrt-",
  "glptt-",
  "glsoat-",
  "glft-",
  "glcbt-",
];
const hashStems = [
  "sk-",
  "$2a$",
  "$2b$",
  "$2x$",
  "$2y$",
  "$5$",
  "$6$",
  "$7$",
  "$y$",
  "$gy$",
  "$argon2",
  "$scrypt",
  "$pbkdf2",
];
const otherStems = [
  "private key",
  "private%20key",
  "private%2520key",
  "3a//",
  ":\\/\\/",
  "sig%3d",
  "sig%253d",
  "signature%3d",
  "signature%253d",
];

/** Percent-coded: `$2b$`, `$6$` and the like, whose `$` is `%24`, or `%2524`. */
const codedStems = [
  "2a%2",
  "2b%2",
  "2x%2",
  "2y%2",
  "245%2",
  "246%2",
  "247%2",
  "24y%2",
  "gy%2",
  "argon2",
  "scrypt%2",
  "pbkdf2",
];

/**
 * What each pattern needs, in small letters, also as pydevd's percent coding writes it (once and twice): a text with none of these has
 * no match. `://` is in every URL; `$` in few texts.
 */
export const patternStems: readonly string[] = [
  ...new Set(
    patterns.map(({ stem }) => stem).filter((stem) => !["$", "gh", "gl", "sk-", "private key"].includes(stem)),
  ),
  ...tokenStems,
  ...hashStems,
  ...otherStems,
  ...codedStems,
];

/** All matches, not in order; they may overlap. `lower` is the text in small letters. */
export function patternRanges(text: string, lower: string): Range[] {
  const found: Range[] = [];
  for (const { stem, match, unless } of patterns) {
    if (!lower.includes(stem)) continue;
    match.lastIndex = 0;
    for (let hit = match.exec(text); hit !== null; hit = match.exec(text)) {
      const [from, to] = hit.indices?.[1] ?? [hit.index, hit.index + hit[0].length];
      if (unless === undefined || !unless(text.slice(from, to))) found.push({ from, to });
    }
  }
  return found;
}

/** Where a PEM key begins that does not end in this text; -1 when there is none. */
export function openKeyAt(text: string): number {
  // Looking from the end is 30 times as slow.
  if (!text.includes("-----BEGIN ")) return -1;
  const at = text.lastIndexOf("-----BEGIN ");
  const isKey = at !== -1 && /^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----/.test(text.slice(at, at + 80));
  return isKey && !text.includes("-----END ", at) ? at : -1;
}

/** Letters alone, as in `Bearer authentication`. */
function isProse(text: string): boolean {
  return text.length < 40 && /^[A-Za-z]?[a-z]*(?:[-/.][a-z]*)*$/.test(text);
}

function isMasked(text: string): boolean {
  return /^(?:\*+|x{3,}|<[^>]*>|\$?\{[^}]*\}|«[^»]*»|%s|\.{3})$/.test(text);
}

const base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Whether it decodes to `user:password`, as far as it goes. */
function isBasic(text: string): boolean {
  let bits = 0;
  let count = 0;
  let colon = false;
  for (const char of text.replaceAll("-", "+").replaceAll("_", "/").replaceAll("=", "")) {
    bits = (bits * 64 + base64.indexOf(char)) % 65536;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    const byte = (bits >> count) & 255;
    if (byte < 32 || byte === 127) return false;
    colon ||= byte === 58;
  }
  return colon;
}
