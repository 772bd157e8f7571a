// How another client comes to drive, where `clients.drive` is `ask`: `debugtap drive` on a command line, or these two words in its
// own debug console, which every IDE has.
//
// Rules
// - Whoever asks gets it: all clients are one user's, or those of users who sit together. All are told.
// - A client that does not drive is told how to, in words that can be pasted.
// - Where the policy is another one the words are answered with what to change; they are no expression of any language.
import type { ClientView } from "./control.ts";
import type { DebugProtocol } from "./dap.ts";
import { event, failure, success } from "./dap-reply.ts";
import type { DapClient, Roster } from "./dap-roster.ts";
import type { ClientId } from "./exchange.ts";
import { member } from "./json.ts";

export interface TakeOverParts {
  readonly roster: Roster;
  readonly session: string | undefined;
  readonly driven: ((client: ClientView) => void) | undefined;
  toClient(client: ClientId, bytes: Uint8Array): void;
}

/** The words in a debug console. */
export function isTakeOver({ command, arguments: given }: DebugProtocol.Request): boolean {
  const context = member(given, "context");
  const expression = member(given, "expression");
  return (
    command === "evaluate" &&
    (context === undefined || context === "repl") &&
    typeof expression === "string" &&
    expression.length < 100 &&
    /^\s*debugtap\s+drive\s*$/.test(expression)
  );
}

export class TakeOver {
  readonly #parts: TakeOverParts;

  constructor(parts: TakeOverParts) {
    this.#parts = parts;
  }

  /** Lets this client drive; false when the policy is not `ask`, or it is not here. */
  by(id: ClientId): boolean {
    const { roster, driven } = this.#parts;
    const before = roster.driver;
    if (!roster.handOver(id)) return false;
    const now = roster.driver;
    if (now === undefined || now === before) return true;
    for (const client of roster.all) {
      if (!client.live) continue;
      const who = client === now ? "this IDE drives" : `${now.label} drives`;
      const output = `debugtap: ${who} this session now\n`;
      this.#parts.toClient(client.id, event("output", { category: "console", output }));
    }
    driven?.(roster.view(now));
    return true;
  }

  /** A client said the words. */
  asked(client: DapClient, request: DebugProtocol.Request): void {
    const { roster } = this.#parts;
    const drives = roster.drives(client);
    if (drives || this.by(client.id)) {
      const result = drives ? "this IDE drives already" : "this IDE drives now";
      this.#parts.toClient(client.id, success(request, { result, variablesReference: 0 }));
    } else this.#parts.toClient(client.id, failure(request, this.refusal(client)));
  }

  /** Why this client may not let the program run, and what to do about it. */
  refusal(client: DapClient): string {
    const { roster, session } = this.#parts;
    const why = `${roster.driver?.name ?? "another client"} drives this session; this client observes it`;
    if (roster.policy !== "ask") return `${why} (debugtap.yml may say \`clients: { drive: ask }\`)`;
    const line = session === undefined ? "" : `, or by: debugtap drive ${session} --client ${client.id}`;
    return `${why}. It takes over by \`debugtap drive\` in the debug console${line}`;
  }
}
