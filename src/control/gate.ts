// Who may ask the board: whoever has the token, from this machine's own page or from no page at all.
//
// Rules
// - Host is an address that the board listens on: a name that was made to point here (DNS rebinding) is turned away, token or not.
// - Origin, where there is one, is the page's own. With the cookie it must be there where something changes and for a WebSocket:
//   the browser adds the cookie to what any page sends, so only Origin tells whose it is. Nobody's page can add the token itself.
// - Tokens are compared in constant time, by their digests: so neither their length nor where they differ is told.
// - Cookies know no ports: the cookie's name has the port in it, so that two boards do not take each other's away.
import { createHash, timingSafeEqual } from "node:crypto";

/** What of a request counts. */
export interface Asked {
  readonly method: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly authorization: string | undefined;
  readonly cookie: string | undefined;
  readonly upgrade: boolean;
}

/** Absent: come in. */
export type Refusal = { readonly status: 401 | 403; readonly what: string; readonly why: string } | undefined;

export class Gate {
  readonly #digest: Buffer;
  readonly #hosts: readonly string[];
  readonly #cookie: string;
  readonly #token: string;

  constructor(token: string, port: number) {
    this.#token = token;
    this.#digest = digestOf(token);
    this.#hosts = ["127.0.0.1", "localhost", "[::1]"].map((host) => `${host}:${port}`);
    this.#cookie = `debugtap-${port}`;
  }

  /** For Set-Cookie. */
  get cookie(): string {
    return `${this.#cookie}=${this.#token}; Path=/; HttpOnly; SameSite=Strict`;
  }

  /** Whether this is the token. */
  knows(token: string): boolean {
    return timingSafeEqual(digestOf(token), this.#digest);
  }

  /** By all but the token. */
  place({ host, origin }: Pick<Asked, "host" | "origin">): Refusal {
    if (host === undefined || !this.#hosts.includes(host))
      return { status: 403, what: "the request is for another host", why: `the board is ${this.#hosts.join(", ")}` };
    if (origin === undefined || origin === `http://${host}`) return undefined;
    return { status: 403, what: "the request comes from another site", why: "its Origin is not the board's own" };
  }

  judge(asked: Asked): Refusal {
    const misplaced = this.place(asked);
    if (misplaced !== undefined) return misplaced;
    const bearer = /^Bearer ([\w-]{1,200})$/.exec(asked.authorization ?? "")?.[1];
    if (bearer !== undefined && this.knows(bearer)) return undefined;
    const shown = bearer === undefined && cookiesIn(asked.cookie, this.#cookie).some((value) => this.knows(value));
    if (!shown) return { status: 401, what: "the board wants its token", why: "none came, or another one" };
    const changes = asked.upgrade || !["GET", "HEAD"].includes(asked.method);
    if (!changes || asked.origin !== undefined) return undefined;
    return {
      status: 403,
      what: "the request does not say where it comes from",
      why: "with the cookie Origin is needed",
    };
  }
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** The values of one name; a few at most. */
function cookiesIn(header: string | undefined, name: string): string[] {
  return (header ?? "")
    .split(";", 50)
    .map((pair) => pair.trim())
    .flatMap((pair) => (pair.startsWith(`${name}=`) ? [pair.slice(name.length + 1)] : []))
    .slice(0, 4);
}
