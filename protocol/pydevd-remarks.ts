// Remarks on source files, for IDEs that speak pydevd: it has no message on a breakpoint, so they stand in the IDE's console.
//
//   116 WRITE_TO_CONSOLE   <xml><io s="TEXT" ctx="2"/></xml>     ctx 2 is the error output; PyCharm and PyDev print it
//
// Rules
// - Each client reads a remark once, however many breakpoints it sets in the file.
import type { ClientId } from "./exchange.ts";
import type { PydevdClient } from "./pydevd-clients.ts";
import { attributeQuoting } from "./pydevd-quoting.ts";

const mostFiles = 4096;

export class PydevdRemarks {
  /** Sends the text of a 116. */
  readonly #print: (client: PydevdClient, text: string) => void;
  readonly #texts = new Map<string, string>();
  /** What each has read, by file. */
  readonly #told = new Map<ClientId, Map<string, string>>();

  constructor(print: (client: PydevdClient, text: string) => void) {
    this.#print = print;
  }

  /** From now on this is to be said of the file; undefined: nothing. */
  set(file: string, text: string | undefined): void {
    if (text === undefined) this.#texts.delete(file);
    else if (this.#texts.size < mostFiles) this.#texts.set(file, text);
  }

  /** Tells a client with a breakpoint in the file what is to be said of it, if it does not know. */
  tell(client: PydevdClient, file: string): void {
    const text = this.#texts.get(file);
    const told = this.#told.get(client.id) ?? new Map<string, string>();
    if (text === undefined) told.delete(file);
    if (text === undefined || told.get(file) === text) return;
    this.#told.set(client.id, told.set(file, text));
    this.#print(client, `<xml><io s="${attributeQuoting.value.encode(`debugtap: ${text}\n`)}" ctx="2"/></xml>`);
  }

  leave(client: ClientId): void {
    this.#told.delete(client);
  }
}
