// A `stopped` event names the breakpoints that were hit by the debuggee's ids; a client may know its own by others.
import type { Breakpoints } from "./dap-breakpoints.ts";
import { encodeDap, type DebugProtocol } from "./dap.ts";
import type { DapClient } from "./dap-roster.ts";
import type { Frame } from "./frame.ts";
import { elements, isObject } from "./json.ts";

/** A stop with the ids of this client's breakpoints. */
export function stoppedFor(
  client: DapClient,
  stopped: DebugProtocol.Event,
  frame: Frame,
  breakpoints: Breakpoints,
): Uint8Array {
  const ids = elements(stopped.body, "hitBreakpointIds");
  if (ids.length === 0 || breakpoints.plainFor(client.id) || !isObject(stopped.body)) return frame.bytes;
  const hitBreakpointIds = breakpoints.hitIds(client.id, ids);
  if (hitBreakpointIds.length === ids.length && ids.every((id, i) => id === hitBreakpointIds[i])) return frame.bytes;
  return encodeDap({ ...stopped, body: { ...stopped.body, hitBreakpointIds } });
}
