// Exception breakpoints of several clients in one debuggee.
//
//   122 ADD_EXCEPTION_BREAK     [type-]Exc [TAB …]     123 REMOVE_EXCEPTION_BREAK     [type-]Exc
//   125 / 126                   the same of Django's
//   131, 161                    all exceptions of one client at once: they clear what was set before
// Rules
// - A client's command goes on; then what the others had wanted is set again where that command has undone it. So of two clients
//   that want the same exception differently the latest is obeyed, and the other again when it has gone.
import type { ClientId } from "./exchange.ts";

export interface ExceptionStep {
  readonly id: number;
  readonly text: string;
}

const commands: ReadonlySet<number> = new Set([122, 123, 125, 126, 131, 161]);

export function isExceptionCommand(id: number): boolean {
  return commands.has(id);
}

type Wanted = Map<string, ExceptionStep>;

/** No exception, and pydevd's own settings for all of them. */
const clearAll: ExceptionStep = { id: 131, text: "false;false;false;false;false" };
const removedBy: Readonly<Record<number, number>> = { 122: 123, 125: 126 };

export class PydevdExceptions {
  readonly #wanted = new Map<ClientId, Wanted>();

  /** Takes a client's command, which goes on as it is, and tells what is to be sent behind it. */
  see(client: ClientId, id: number, text: string): ExceptionStep[] {
    const wanted: Wanted = this.#wanted.get(client) ?? new Map<string, ExceptionStep>();
    this.#wanted.set(client, wanted);
    if (id === 122 || id === 125) {
      wanted.set(`${id} ${nameIn(text)}`, { id, text });
      return [];
    }
    if (id === 123 || id === 126) {
      const name = `${id - 1} ${nameIn(text)}`;
      wanted.delete(name);
      return this.#of(name);
    }
    wanted.clear();
    wanted.set("all", { id, text });
    return this.#others(client);
  }

  /** What takes a client's exceptions away and leaves the others'. */
  leave(client: ClientId): ExceptionStep[] {
    const wanted = this.#wanted.get(client);
    this.#wanted.delete(client);
    if (wanted === undefined || wanted.size === 0) return [];
    if (wanted.has("all")) return [clearAll, ...this.#others(client)];
    return [...wanted].flatMap(([name, { id, text }]) => [
      { id: removedBy[id] ?? 123, text: nameIn(text) },
      ...this.#of(name),
    ]);
  }

  #of(name: string): ExceptionStep[] {
    return [...this.#wanted.values()].flatMap((wanted) => wanted.get(name) ?? []);
  }

  #others(client: ClientId): ExceptionStep[] {
    const others = [...this.#wanted]
      .filter(([owner]) => owner !== client)
      .flatMap(([, wanted]) => [...wanted.values()]);
    // What clears comes first.
    return others.sort((a, b) => Number(b.id === 131 || b.id === 161) - Number(a.id === 131 || a.id === 161));
  }
}

function nameIn(text: string): string {
  return (text.split("\t", 1)[0] ?? "").trim();
}
