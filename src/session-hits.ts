// The hits of one session, counted: of its stops, captured through its exchange, and of breakpoints that do not stop.
import type { Stop } from "../protocol/exchange.ts";
import type { Frame } from "../protocol/frame.ts";
import { loggedIn, logNames } from "../protocol/log-marks.ts";
import { Capturer, type CapturerOptions } from "./capturer.ts";
import type { Observer, SessionFacts } from "./observer.ts";
import { SourceAsker } from "./source-asker.ts";

/** What is captured at each stop. */
export type CaptureOptions = Pick<CapturerOptions, "limits" | "correlate" | "evaluate" | "policy" | "clock">;

export interface SessionHitsOptions {
  readonly capture: CaptureOptions;
  readonly facts: SessionFacts;
  readonly observer: Required<Pick<Observer, "hit" | "source">>;
  /** The debuggee's process, once it is known. */
  readonly process: () => string | undefined;
}

export class SessionHits {
  readonly #options: SessionHitsOptions;
  #capturer: Capturer | undefined;
  #count = 0;

  constructor(options: SessionHitsOptions) {
    this.#options = options;
  }

  /** From now on every stop is captured. */
  captureThrough(exchange: CapturerOptions["exchange"]): void {
    const { capture, facts, observer, process } = this.#options;
    const asker = new SourceAsker({
      exchange,
      clock: capture.clock,
      onSource: (source) => observer.source(facts.id, source),
    });
    this.#capturer = new Capturer({
      ...capture,
      exchange,
      session: facts.name,
      service: facts.service,
      process,
      onHit: (hit, sources) => {
        observer.hit(facts.id, { ...hit, number: ++this.#count });
        asker.want(sources, hit.at);
      },
    });
  }

  stopped(stop: Stop): void {
    this.#capturer?.stopped(stop);
  }

  end(): void {
    this.#capturer?.end();
  }

  /** Messages in which {@link logged} finds something. */
  get logNames(): readonly string[] {
    const { capture, facts } = this.#options;
    return capture.policy?.logs === true ? logNames(facts.wire) : [];
  }

  /** A message of the debuggee: that of a breakpoint that does not stop is a hit too. */
  logged(frame: Frame): void {
    const { capture, facts, observer, process } = this.#options;
    if (capture.policy?.logs !== true) return;
    for (const said of loggedIn(frame)) {
      const hit = capture.policy.logged(facts.service, said);
      if (hit === undefined) continue;
      const { name: session, service } = facts;
      const known = process();
      observer.hit(facts.id, {
        number: ++this.#count,
        session,
        service,
        at: capture.clock.wall(),
        ...(known === undefined ? {} : { process: known }),
        ...hit,
      });
    }
  }
}
