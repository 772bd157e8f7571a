// What a board shows and what can be done from it: a running relay, or files alone.
import type { Duplex } from "node:stream";
import type { ApiView, BreakpointView, Driving, HttpView } from "../../protocol/api.ts";
import type { RelayView } from "../../protocol/control.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import type { SourceMapping } from "../../protocol/path-map.ts";
import type { Peer } from "../duplex.ts";
import type { Relay } from "../relay.ts";

/** What throws does so with a DebugtapError that says why not. */
export interface Shown {
  readonly view: () => ApiView;
  /** The sources here, for a replay. */
  readonly sources: readonly SourceMapping[];
  /** Whether there is a session of this name, or one of a service of this name. */
  readonly knows: (name: string) => boolean;
  /** Each of these: the names of the sessions that it was done to. */
  readonly release: (name: string) => readonly string[];
  readonly resume: (name: string, thread?: string) => readonly string[];
  readonly drive: (name: string, client: string) => Driving["driving"];
  readonly record: (on: boolean) => Promise<void>;
  /** Takes an IDE's stream for a service. Both throw where that cannot be. */
  readonly mayAttach: (service: string) => void;
  readonly attach: (service: string, stream: Duplex, peer: Peer) => void;
  readonly breakpoints: () => readonly BreakpointView[];
  readonly setBreakpoints: (specs: readonly string[]) => Promise<readonly BreakpointView[]>;
  /** The requests of late: which of them can be sent again. */
  readonly http: () => readonly HttpView[];
  /** Sends a recorded request again; the id of the new one. */
  readonly again: (id: number, yes: boolean) => Promise<number>;
}

export function shownRelay(relay: Relay, sources: readonly SourceMapping[]): Shown {
  return {
    view: () => {
      const view = relay.view();
      return { ...view, triggers: view.triggers ?? [], recording: view.trace !== undefined };
    },
    sources,
    knows: (name) => relay.knows(name),
    release: (name) => relay.release(name),
    resume: (name, thread) => relay.resume(name, thread),
    drive: (name, client) => relay.drive(name, client),
    record: (on) => relay.record(on),
    mayAttach: (service) => relay.mayAttach(service),
    attach: (service, stream, peer) => relay.attach(service, stream, peer),
    breakpoints: () => relay.breakpoints.views,
    setBreakpoints: (specs) => relay.breakpoints.set(specs),
    http: () => relay.http(),
    again: (id, yes) => relay.again(id, yes),
  };
}

/** Traces alone: nothing runs here. */
export function shownFiles(about: Pick<RelayView, "pid" | "started" | "version">): Shown {
  const nothingRuns = (): never => {
    throw new DebugtapError("DT_BOARD_REFUSED", "nothing runs here: what is shown was recorded", {
      fix: "debugtap up",
    });
  };
  return {
    view: () => ({ ...about, hosts: [], services: [], sessions: [], triggers: [], recording: false }),
    sources: [],
    knows: () => false,
    release: nothingRuns,
    resume: nothingRuns,
    drive: nothingRuns,
    record: async () => nothingRuns(),
    mayAttach: nothingRuns,
    attach: nothingRuns,
    breakpoints: () => [],
    setBreakpoints: async () => nothingRuns(),
    http: () => [],
    again: async () => nothingRuns(),
  };
}
