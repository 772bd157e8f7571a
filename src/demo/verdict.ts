// Whether all breakpoints were hit, and if not, what a user needs to find out why.
import { asDebugtapError } from "../../protocol/errors.ts";
import type { Hit } from "./hits.ts";
import type { RelayState } from "./relay-state.ts";
import type { DemoService } from "./services.ts";
import type { Child, Stage } from "./stage.ts";

export interface Evidence {
  readonly services: readonly DemoService[];
  /** Grows while the scripted IDEs report. */
  readonly hits: readonly Hit[];
  readonly relay: RelayState;
  /** The service processes by name. */
  readonly logs: ReadonlyMap<string, Child>;
}

/**
 * Waits until each service was stopped at its breakpoint. Resolves with what was missed, as texts: why the wait was over, then
 * for each service its sessions and the end of its log. Rejects only when the stage is told to end.
 */
export async function awaitHits(stage: Stage, evidence: Evidence, limitMs = 20_000): Promise<string[]> {
  const { services, hits, relay, logs } = evidence;
  const missed = (): DemoService[] => services.filter(({ name }) => !hits.some((hit) => hit.service === name));
  try {
    await stage.until("all breakpoints were hit", () => missed().length === 0 || undefined, limitMs);
    return [];
  } catch (error) {
    stage.signal.throwIfAborted();
    const { message, why } = asDebugtapError(error);
    return [
      why === undefined ? message : `${message}\n${why}`,
      ...missed().map(({ name, breakpoint: { line } }) => {
        const log = logs.get(name)?.tail() ?? "(it was not started)";
        return `${name} did not stop at line ${line}. Its sessions: ${relay.describe(name)}. The end of its log:\n${log}`;
      }),
    ];
  }
}
