// Something that watches sessions from the side: the recorder, the metrics, later the page.
//
// Rules
// - An observer gets bytes after they were forwarded, and never changes or keeps them: `bytes` is only valid during the call.
// - An observer that throws is switched off and named in the log; the session goes on (see observers.ts).
import type { Side, Wire } from "../protocol/frame.ts";
import type { Hit } from "../protocol/hit.ts";

/** What is known of a session when it opens. */
export interface SessionFacts {
  /** Unique in one run of the relay, from 1. */
  readonly id: number;
  readonly service: string;
  /** The Host that the debuggee runs on; `local` for this machine. Absent in older traces. */
  readonly host?: string;
  /** Counts the sessions of one service, from 1. */
  readonly ordinal: number;
  /** `service#ordinal` */
  readonly name: string;
  readonly wire: Wire;
  /** Address of the debuggee's end, e.g. `devstack 127.0.0.1:43210`. */
  readonly debuggee: string;
  /** Address of the IDE's end, e.g. `127.0.0.1:5711`. */
  readonly client: string;
  /** The debuggee's process, where it is known at the start: `pid 4711 cinder-scheduler (devstack@c-sch)`. */
  readonly process?: string;
}

/** Why a session ended: who ended it and how. */
export interface SessionEnd {
  readonly by: Side | "relay" | "link";
  readonly how: "end" | "reset" | "released" | "stopped" | "failed";
  readonly detail?: string;
}

/** A fact about a session that is not bytes of it: a rewrite, a change of mode, a hold. */
export interface SessionNote {
  readonly kind: "opaque" | "rewritten" | "held" | "attached" | "released" | "gap" | "drive" | "source";
  readonly side?: Side;
  readonly detail: string;
}

/** A source's text as the debuggee gave it. */
export interface FoundSource {
  /** As its frames say it. */
  readonly path: string;
  /** Epoch milliseconds of the stop at which it was named. */
  readonly since: number;
  readonly text: string;
}

export interface Observer {
  readonly name: string;
  sessionOpened?(session: SessionFacts): void;
  /** `side` sent `bytes`. */
  chunk?(session: number, side: Side, bytes: Uint8Array): void;
  note?(session: number, note: SessionNote): void;
  hit?(session: number, hit: Hit): void;
  /** A thread ran on, after it had been stopped for so many milliseconds. */
  resumed?(session: number, thread: string, stoppedFor: number): void;
  source?(session: number, source: FoundSource): void;
  sessionClosed?(session: number, end: SessionEnd): void;
}
