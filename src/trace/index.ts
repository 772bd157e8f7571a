export { follow } from "./follow.ts";
export { findTrace } from "./locate.ts";
export { writeMcap } from "./merge.ts";
export { openTrace } from "./reader.ts";
export type { HitQuery, MessageQuery, Trace, TraceHit, TraceMessage, TraceSession } from "./reader.ts";
export { recoverTrace } from "./recover.ts";
export type { SourceFacts } from "./messages.ts";
export { TraceWriter } from "./writer.ts";
export type { TraceEvent } from "./writer.ts";
