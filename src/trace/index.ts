export { defaultParent } from "./files.ts";
export type { TraceSummary } from "./messages.ts";
export { TraceWriter } from "./writer.ts";
export type { TraceEvent, TraceOptions } from "./writer.ts";
