// The public names of debugtap/protocol: framing, the two wires, and words for their messages. It needs no Node.
export { ChunkList } from "./chunks.ts";
export type {
  HitSummary,
  HostView,
  Reason,
  RelayEvent,
  RelayView,
  ServiceView,
  SessionState,
  SessionView,
} from "./control.ts";
export { decodeDap, encodeDap, isDapMessage, isEvent, isRequest, isResponse } from "./dap.ts";
export type { DapMessage, DebugProtocol } from "./dap.ts";
export { childConnectNames, childConnectRewrite } from "./dap-endpoint.ts";
export type { ChildConnect } from "./dap-endpoint.ts";
export { describeFrame, excerpt, maxSummaryLength } from "./describe.ts";
export type { Description } from "./describe.ts";
export { asDebugtapError, DebugtapError, errorTable } from "./errors.ts";
export type { ErrorCode } from "./errors.ts";
export { contentLengthFrame, frameBody } from "./frame.ts";
export type { Frame, Side, Wire } from "./frame.ts";
export { FrameReader } from "./frame-reader.ts";
export { Framer, maxBodyLength, maxHeadLength, maxLineLength } from "./framer.ts";
export { decodePydevd, encodePydevd } from "./pydevd.ts";
export type { PydevdFraming, PydevdMessage } from "./pydevd.ts";
export { pydevdCommand, pydevdCommands, stopReasonName } from "./pydevd-commands.ts";
export type { Flavour, PydevdCommand } from "./pydevd-commands.ts";
export {
  attributeQuoting,
  conditionQuoting,
  expressionQuoting,
  locatorQuoting,
  pythonQuote,
  unquote,
  wireQuoting,
  xmlEscape,
  xmlUnescape,
} from "./pydevd-quoting.ts";
export type { Quoting } from "./pydevd-quoting.ts";
export { parsePydevdXml } from "./pydevd-xml.ts";
export type { PydevdFrame, PydevdThread, PydevdVariable, PydevdXml } from "./pydevd-xml.ts";
export type { CaptureLimits, Cut, Hit, Snapshot, SnapshotFrame, SnapshotScope, SnapshotVariable } from "./hit.ts";
export { captureLimits } from "./hit.ts";
export { maxStoredLength, Rewriter } from "./rewriter.ts";
export type { RewriterOptions } from "./rewriter.ts";
export { stopNames, Stops } from "./stops.ts";
