// The public names of the package `debugtap`. The wires and shapes are `debugtap/protocol`.
export { loadConfig, parseConfig } from "./config.ts";
export type { Config, HostConfig, ServiceConfig } from "./config.ts";
export type { Observer, SessionEnd, SessionFacts, SessionNote } from "./observer.ts";
export { Relay } from "./relay.ts";
export type { RelayOptions } from "./relay.ts";
export { openTrace, recoverTrace, TraceWriter } from "./trace/index.ts";
