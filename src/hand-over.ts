// Which IDE of a session gets the drive when a user asks for it by name, by number, or only for "the other one".
import type { ClientView, SessionView } from "../protocol/control.ts";
import { DebugtapError } from "../protocol/errors.ts";

/** What it came to: the session, and who drives it now. */
export interface HandedOver {
  readonly session: string;
  readonly client: ClientView;
}

/** A session as far as it is handed over. */
export interface Drivable {
  view(): SessionView;
  drive(client: number): boolean;
}

/**
 * Hands each of these sessions over, those with one IDE left alone. `wanted`: the number or the name of the IDE, or a part of that;
 * empty: the only one that does not drive. Throws DT_DRIVE when no session could be handed over.
 */
export function handOver(sessions: readonly Drivable[], wanted: string): HandedOver[] {
  const handed: HandedOver[] = [];
  let refused: DebugtapError | undefined;
  for (const session of sessions) {
    const { name, clients = [] } = session.view();
    try {
      if (clients.length < 2) throw refusal(`${name} has no other IDE to drive it`, "one is attached at most");
      const chosen = choose(name, clients, wanted);
      if (!session.drive(chosen.id))
        throw refusal(`${name} is not handed over`, "`clients.drive` is not `ask`", "clients: { drive: ask }");
      handed.push({ session: name, client: { ...chosen, drives: true } });
    } catch (thrown) {
      if (!(thrown instanceof DebugtapError)) throw thrown;
      refused ??= thrown;
    }
  }
  if (handed.length === 0 && refused !== undefined) throw refused;
  return handed;
}

function choose(session: string, clients: readonly ClientView[], wanted: string): ClientView {
  const meant =
    wanted === "" ? clients.filter(({ drives }) => !drives) : clients.filter(({ id }) => String(id) === wanted);
  const named = meant.length > 0 ? meant : byName(clients, wanted);
  const [only] = named;
  if (only !== undefined && named.length === 1) return only;
  const list = clients.map(({ id, name, drives }) => `${id} ${name}${drives ? ", who drives" : ""}`).join("; ");
  const what =
    named.length === 0 ? `${session} has no IDE ${wanted}` : `it is not clear which IDE is to drive ${session}`;
  const other = clients.find(({ drives }) => !drives)?.id ?? 1;
  throw refusal(what, `these are attached: ${list}`, `debugtap drive ${session} --client ${other}`);
}

function byName(clients: readonly ClientView[], wanted: string): readonly ClientView[] {
  const text = wanted.toLowerCase();
  const exact = clients.filter(({ name }) => name.toLowerCase() === text);
  return wanted === "" || exact.length > 0 ? exact : clients.filter(({ name }) => name.toLowerCase().includes(text));
}

function refusal(what: string, why: string, fix = "debugtap ps"): DebugtapError {
  return new DebugtapError("DT_DRIVE", what, { why, fix });
}
