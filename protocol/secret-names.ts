// Which names are those of secrets: of variables, keys, headers, options, fields.
//
//   admin_password   X-Auth-Token   apiKey   'DB_PASSWORD'   headers["Cookie"]   self._Client__secret   --client-secret
//
// Rules
// - A name is normalised: its last segment, in small letters, without `-_@$. ` and spaces, quotes and brackets, and digits at its end.
// - `tails` are secret at the end of a name (`db_password`, not `password_hash_rounds`), `words` only as its last word, so that
//   `bypass` is none. What stands behind a secret (`password_hash`, `token_id`) counts where it is one itself.
// - `many`: names in the plural and the like; numbers under them are counts (`max_tokens=4096`), and stay.
// - Left out as too noisy: config, env, uuid, address, session, signature, nonce. `names` of the configuration adds them.
// - Every name has one of `nameStems` in it: what has none needs no second look (see secret-scan.ts).

/** `one`: nothing of its value may stay. `many`: numbers may. `pair`: only a pair of texts is secret, as in `auth=("me", "x")`. */
export type SecretKind = "one" | "many" | "pair";

export const secretTails = [
  "password",
  "passwd",
  "passphrase",
  "passcode",
  "pwd",
  "secret",
  "token",
  "cookie",
  "authorization",
  "credential",
  "apikey",
  "accesskey",
  "secretkey",
  "privatekey",
  "privkey",
  "signingkey",
  "signaturekey",
  "encryptionkey",
  "decryptionkey",
  "masterkey",
  "hmackey",
  "fernetkey",
  "accountkey",
  "storagekey",
  "sharedkey",
  "sessionkey",
  "authkey",
  "sshkey",
  "tempurlkey",
  "gpgkey",
  "pgpkey",
  "licensekey",
  "applicationkey",
  "recaptchakey",
  "connectionstring",
  "passwordhash",
  "passhash",
  "secrethash",
  "secretkeybase",
  "secretstring",
  "secretbytes",
  "secretvalue",
  "secretdata",
  "secretplain",
  "passwordvalue",
  "tokenvalue",
  "tokenid",
  "tokenstring",
  "sessioncookie",
  "jsessionid",
  "phpsessid",
  "creditcard",
  "creditcardnumber",
  "cardnumber",
  "securitycode",
  "securityanswer",
] as const;

const plurals = [
  "passwords",
  "secrets",
  "tokens",
  "cookies",
  "credentials",
  "apikeys",
  "accesskeys",
  "privatekeys",
  "fernetkeys",
  "secretkeys",
  "encryptionkeys",
] as const;

const words: Readonly<Record<string, SecretKind>> = {
  pass: "many",
  creds: "many",
  cred: "many",
  jwt: "one",
  kek: "one",
  providerauth: "one",
  csrf: "one",
  xsrf: "one",
  otp: "one",
  totp: "one",
  cvv: "one",
  ssn: "one",
  pincode: "one",
  auth: "pair",
  basicauth: "pair",
  httpauth: "pair",
};

/** In small letters. Each name above, however it is written, has one in it. */
export const nameStems = [
  "pass",
  "pwd",
  "secret",
  "token",
  "cookie",
  "auth",
  "cred",
  "key",
  "jwt",
  "kek",
  "kty",
  "csrf",
  "xsrf",
  "otp",
  "cvv",
  "ssn",
  "pincode",
  "pin_code",
  "pin-code",
  "connection",
  "sessid",
  "sessionid",
  "session_id",
  "card",
  "security",
] as const;

const tailPattern = new RegExp(`(?:${secretTails.join("|")})$`);
const manyPattern = new RegExp(`(?:${plurals.join("|")})$`);
/** They end like a secret and are none: places in a list, and handles of work. */
const harmless = new Set([
  "nexttoken",
  "pagetoken",
  "nextpagetoken",
  "continuationtoken",
  "progresstoken",
  "cancellationtoken",
]);
const mostRemembered = 10_000;

export interface NameRules {
  /** More names, and names that are none. */
  readonly names: readonly string[];
  readonly keep: readonly string[];
}

export class SecretNames {
  readonly #more: ReadonlySet<string>;
  readonly #keep: ReadonlySet<string>;
  readonly #kinds = new Map<string, SecretKind | undefined>();

  constructor({ names, keep }: NameRules) {
    this.#more = new Set(names.map((name) => normalised(name)));
    this.#keep = new Set(keep.map((name) => normalised(name)));
  }

  /** What a name says of its value; undefined: nothing. Takes expressions too, of which the last segment counts. */
  kind(name: string): SecretKind | undefined {
    if (name.length < 3 || name.length > 300) return undefined;
    if (this.#kinds.has(name)) return this.#kinds.get(name);
    const kind = this.#find(name);
    if (this.#kinds.size >= mostRemembered) this.#kinds.clear();
    this.#kinds.set(name, kind);
    return kind;
  }

  /** Whether an expression has a secret name anywhere in it: `str(token)[:8]`, `os.environ["DB_PASSWORD"]`. */
  mentioned(expression: string): boolean {
    return Array.from(expression.matchAll(/[A-Za-z_$@][\w$@-]*/g)).some(([word]) => {
      const kind = this.kind(word);
      return kind === "one" || kind === "many";
    });
  }

  #find(name: string): SecretKind | undefined {
    const last = lastSegment(name);
    const whole = normalised(last);
    if (this.#keep.has(whole)) return undefined;
    if (this.#more.has(whole)) return "one";
    if (harmless.has(whole)) return undefined;
    const bare = whole.replace(/\d+$/, "");
    if (this.#keep.has(bare)) return undefined;
    if (tailPattern.test(bare)) return "one";
    if (manyPattern.test(bare)) return "many";
    const word = /[A-Z]?[a-z]+$|[A-Z]+$/.exec(last.replace(/[\d\W_]+$/, ""))?.[0].toLowerCase() ?? "";
    return words[bare] ?? (Object.hasOwn(words, word) && words[word] !== "pair" ? words[word] : undefined);
  }
}

/** `password` of `self.conf["password"]`, of `'password' (9905664)` and of `(return) password`. */
function lastSegment(name: string): string {
  const own = name.trim().replaceAll(/^\(return\) | \(\d+\)$/g, "");
  const key = /(["'])([^"']+)\1\s*\]?\)?$/.exec(own)?.[2];
  if (key !== undefined) return key;
  const bare = own.replace(/(?:\(\))?[\s\])}'"`]*$/, "");
  return /[^.[({'"`:>!*&]+$/.exec(bare)?.[0] ?? bare;
}

function normalised(name: string): string {
  return name.toLowerCase().replaceAll(/[-_@$.\s'"`[\](){}:]/g, "");
}
