// The breakpoints that were in force when hits were recorded: those that the hits name, and where they name none (an IDE had set them)
// those that their sessions had been given until then.
import { parseSpec, type BreakpointSpec } from "../../protocol/breakpoint-spec.ts";
import { BreakpointsInForce } from "../../protocol/breakpoints-in-force.ts";
import { decodeDap } from "../../protocol/dap.ts";
import { decodePydevd } from "../../protocol/pydevd.ts";
import type { StoryHit } from "../trace/export/index.ts";
import type { Trace } from "../trace/index.ts";

/** Each once, in the order of their hits. What is missing is found by its hits, so none is required. Throws DT_SPEC. */
export async function breakpointsOf(trace: Trace, hits: readonly StoryHit[]): Promise<BreakpointSpec[]> {
  const specs = new Map<string, BreakpointSpec>();
  /** By session: when it had its last hit that names none. */
  const unnamed = new Map<number, { readonly service: string; readonly until: number }>();
  for (const { hit, session } of hits) {
    if (hit.breakpoint === undefined) unnamed.set(session.id, { service: session.service, until: hit.at });
    else if (!specs.has(hit.breakpoint)) specs.set(hit.breakpoint, parseSpec(hit.breakpoint));
  }
  for (const [session, { service, until }] of unnamed)
    for (const spec of await givenTo(trace, session, service, until))
      if (!specs.has(spec.text)) specs.set(spec.text, spec);
  return Array.from(specs.values(), (spec) => ({ ...spec, required: false }));
}

async function givenTo(
  trace: Trace,
  session: number,
  service: string,
  until: number,
): Promise<readonly BreakpointSpec[]> {
  const given = new BreakpointsInForce(service);
  for await (const { side, frame, session: facts } of trace.messages({ session, until })) {
    if (side !== "client" || frame === undefined) continue;
    const message = decodeDap(frame);
    if (message !== undefined) given.dap(message);
    else if (facts.wire === "pydevd") {
      const command = decodePydevd(frame, "client");
      if (command !== undefined) given.pydevd(command);
    }
  }
  return given.specs;
}
