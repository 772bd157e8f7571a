// What may take the place of the IDEs of all services: the headless driver of `record` does.
import type { StopPolicy } from "./capturer.ts";
import type { Dial, Listen } from "./duplex.ts";

/** `service`: its name. */
export interface Ide {
  /** As the port of an IDE that attaches: it comes when it likes to. */
  readonly listen: (service: string) => Listen;
  /** As an IDE that listens. */
  readonly dial: (service: string) => Dial;
  /** How a service is dialled that listens; `dial` is the usual way. */
  readonly dialled: (service: string, dial: Dial) => Dial;
  readonly policy: StopPolicy;
}
