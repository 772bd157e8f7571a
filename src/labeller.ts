// Names sessions by what their host knows of their processes: for people, so it has time.
//
// Rules
// - A lookup starts a dozen programs on its host. So it is asked half a second on, one at a time, and not for a session that is over
//   by its turn: a burst of connections would keep the host busy with what nobody wants to know any more.
// - One answer is enough for a session.
import { describeProcess, type ProcessFacts } from "./process.ts";

/** Of a Session. */
export interface Named {
  readonly state: string;
  label(process: string): void;
}

type Lookup = () => Promise<ProcessFacts | undefined>;

/** ms */
const lookupAfter = 500;

/** One for each host. */
export class Labeller {
  readonly #after: number;
  readonly #named = new WeakSet<Named>();
  #last: Promise<void> = Promise.resolve();

  constructor(after = lookupAfter) {
    this.#after = after;
  }

  /** Names the session later; not at all where `lookup` rejects or finds nothing. */
  name(session: Named, lookup: Lookup): void {
    const turn = (): void => {
      this.#last = this.#last.then(async () => await this.#look(session, lookup));
    };
    setTimeout(turn, this.#after).unref();
  }

  async #look(session: Named, lookup: Lookup): Promise<void> {
    if (session.state === "closed" || this.#named.has(session)) return;
    const facts = await lookup().catch(() => undefined);
    if (facts === undefined) return;
    this.#named.add(session);
    session.label(describeProcess(facts));
  }
}
