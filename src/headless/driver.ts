// What a driver of either wire tells of the session that it drives.
import type { Placed } from "../../protocol/placed.ts";

/** Where the debuggee has put a breakpoint, or why it has not. */
export interface Bound {
  readonly verified: boolean;
  readonly line?: number;
  readonly why?: string;
}

export interface DriverEvents {
  /** Its breakpoints are set, and the program runs. */
  readonly attached: () => void;
  /** It is settled, for the first time or again. */
  readonly settled: () => void;
  readonly bound: (placed: Placed, bound: Bound) => void;
  /** Called once; `failed`: why it could not be driven. */
  readonly ended: (failed: string | undefined) => void;
}

export interface Driver {
  /** The debuggee has acknowledged its breakpoints, as far as its wire does, and has announced the children that it had. */
  readonly isSettled: boolean;
  begin(): void;
  push(chunk: Uint8Array): void;
  end(): void;
  place(placed: readonly Placed[]): void;
  leave(): void;
}
