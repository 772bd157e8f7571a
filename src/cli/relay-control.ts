// The control socket of a relay that runs here: what `ps`, `down`, `release`, `drive`, `retry` and `paths` ask of it.
import type { RelayView } from "../../protocol/control.ts";
import { startControl, type Control } from "../control/server.ts";
import type { Relay } from "../relay.ts";

/** Rejects with DT_CONTROL_SOCKET; the relay can go on without it. */
export async function controlOf(relay: Relay, view: () => RelayView, stop: () => void): Promise<Control> {
  return await startControl({
    view,
    stop,
    retry: () => relay.poke("asked for by hand"),
    release: (name) => relay.release(name),
    drive: (name, client) => relay.drive(name, client),
    sources: async (service, asked) => await relay.sources(service, asked),
  });
}
