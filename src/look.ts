// What a session looks at in the messages of its debuggee, and what it changes in them on their way to the exchange and back.
//
// Rules
// - The exchange and all clients speak in the names of files here, the debuggee in those of its host.
// - Only messages with a name that was asked for are decoded: in store mode every one is shown.
import { dapPathNames, rewriteDapPaths } from "../protocol/dap-paths.ts";
import { frameOf, type Frame, type Side } from "../protocol/frame.ts";
import type { PathMap } from "../protocol/path-map.ts";
import { isCalled } from "../protocol/peek.ts";
import { pydevdPathNames, rewritePydevdPaths } from "../protocol/pydevd-paths.ts";

/** What is changed in what the debuggee sends: messages with one of the names. */
export interface Rewrite {
  readonly names: readonly string[];
  readonly frame: (frame: Frame) => Uint8Array | undefined;
}

export interface LookOptions {
  readonly wire: "dap" | "pydevd";
  /** Messages of the debuggee that are watched, by their names; with its names of files as they are here. */
  readonly watched: readonly string[];
  readonly watch: (frame: Frame) => void;
  readonly rewrite: Rewrite | undefined;
  readonly map: PathMap;
}

const paths = {
  dap: { names: dapPathNames, rewrite: rewriteDapPaths },
  pydevd: { names: pydevdPathNames, rewrite: rewritePydevdPaths },
};
/** With which a header begins, and no line. */
const capitalC = 67;

export class Look {
  /** Messages that it has to be shown, by the side that sends them. */
  readonly names: Readonly<Record<Side, ReadonlySet<string>>>;
  readonly #options: LookOptions;
  /** Messages of the debuggee that are watched, or rewritten. */
  readonly #seen: ReadonlySet<string>;

  constructor(options: LookOptions) {
    const { wire, watched, rewrite, map } = options;
    this.#options = options;
    this.#seen = new Set([...watched, ...(rewrite?.names ?? [])]);
    const { client, debuggee } = map.empty ? { client: [], debuggee: [] } : paths[wire].names;
    this.names = { client: new Set(client), debuggee: new Set([...this.#seen, ...debuggee]) };
  }

  /** A message of the debuggee as the exchange is to have it. */
  readonly fromDebuggee = (frame: Frame): Frame => {
    const here = instead(frame, this.#renamed(frame, "debuggee"));
    if (!isCalled(here, this.#seen)) return here;
    this.#options.watch(here);
    return instead(here, this.#options.rewrite?.frame(here));
  };

  /** A message of the exchange as the debuggee is to have it. */
  toDebuggee(here: Uint8Array): Uint8Array {
    if (this.#options.map.empty) return here;
    const kind = this.#options.wire === "dap" || here[0] === capitalC ? "header" : "line";
    return this.#renamed(frameOf(kind, here), "client") ?? here;
  }

  #renamed(frame: Frame, from: Side): Uint8Array | undefined {
    const { wire, map } = this.#options;
    return map.empty ? undefined : paths[wire].rewrite(frame, map, from);
  }
}

function instead(frame: Frame, bytes: Uint8Array | undefined): Frame {
  return bytes === undefined ? frame : frameOf(frame.kind, bytes);
}
