// Whether the sidecar of this container is well: what HEALTHCHECK and a readiness probe ask.
//
// Rules
// - It asks the control socket, so it opens no debug port and disturbs no debuggee.
// - Well is: every service has its port, or waits for its debuggee. A recorder that fails is told, and is no reason to end sessions.
import { DebugtapError } from "../../protocol/errors.ts";
import type { RelayView, ServiceView } from "../../protocol/control.ts";
import { findRelays } from "../control/client.ts";
import { printJson, printLine } from "./output.ts";
import { clean } from "./paint.ts";

/** Rejects with DT_NOT_READY. */
export async function checkSidecar(json: boolean): Promise<void> {
  const found = await findRelays();
  const views = found.flatMap(({ view }) => (view === undefined ? [] : [view]));
  const error = whyNot(found.length, views);
  if (error !== undefined) throw error;
  const services = views.flatMap((view) => view.services);
  const recorder = views.find((view) => view.recorder?.state === "failed")?.recorder;
  if (json) {
    const states = services.map(({ name, wire, state, sessions }) => ({ name, wire, state, sessions }));
    printJson({ ready: true, services: states, ...(recorder === undefined ? {} : { recorder }) });
    return;
  }
  const reason = recorder?.reason === undefined ? "" : `; not recorded: ${clean(recorder.reason.what)}`;
  printLine(`ready: ${services.map((service) => clean(service.name)).join(", ")}${reason}`);
}

function whyNot(found: number, views: readonly RelayView[]): DebugtapError | undefined {
  if (found === 0) return notReady("no sidecar is running for this user", { fix: "debugtap sidecar" });
  if (views.length < found)
    return notReady("the sidecar does not answer", { why: "it is stopped or busy", fix: "debugtap ps" });
  const services = views.flatMap((view) => view.services);
  const broken = services.filter(({ state }) => state !== "listening" && state !== "waiting");
  const [first] = broken;
  if (first === undefined) return undefined;
  return notReady(broken.map((service) => stateOf(service)).join("; "), {
    ...(first.reason?.why === undefined ? {} : { why: first.reason.why }),
    fix: first.reason?.fix ?? "debugtap ps",
  });
}

function stateOf({ name, state, reason }: ServiceView): string {
  return `${name} is ${state}${reason === undefined ? "" : ` (${reason.code}: ${reason.what})`}`;
}

function notReady(what: string, more: { readonly why?: string; readonly fix: string }): DebugtapError {
  return new DebugtapError("DT_NOT_READY", what, more);
}
