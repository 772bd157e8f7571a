// What a DAP command does to the debuggee, as far as an exchange must know: by name, since nothing else tells.
//
// Rules
// - A command that is in no list may do anything: it is passed on, and what was known of values is forgotten.

/** Let a thread run. Their successful responses mean that it does: delve and lldb send no `continued`. */
export const executions: ReadonlySet<string> = new Set([
  "continue",
  "next",
  "stepIn",
  "stepOut",
  "stepBack",
  "reverseContinue",
  "goto",
  "restartFrame",
  "restart",
]);

/** Replace a list of breakpoints, and are not merged (dap-breakpoint-kinds.ts): the last setter's hold. */
export const unmerged: ReadonlySet<string> = new Set(["setDataBreakpoints", "setInstructionBreakpoints"]);

/** The driver's only: they change where or with what values the program goes on. */
export const driving: ReadonlySet<string> = new Set([
  ...executions,
  "pause",
  "terminate",
  "terminateThreads",
  "setVariable",
  "setExpression",
  "writeMemory",
  ...unmerged,
]);

/** Wait while the exchange is held: a capture would see their effects. */
export const heldBack: ReadonlySet<string> = new Set([
  ...executions,
  "terminate",
  "terminateThreads",
  "disconnect",
  "setVariable",
  "setExpression",
  "writeMemory",
]);

/** Change no value and let nothing run. */
export const readOnly: ReadonlySet<string> = new Set([
  "initialize",
  "attach",
  "launch",
  "configurationDone",
  "setBreakpoints",
  "setFunctionBreakpoints",
  "setExceptionBreakpoints",
  ...unmerged,
  "breakpointLocations",
  "dataBreakpointInfo",
  "threads",
  "stackTrace",
  "scopes",
  "variables",
  "exceptionInfo",
  "source",
  "loadedSources",
  "modules",
  "completions",
  "stepInTargets",
  "gotoTargets",
  "disassemble",
  "readMemory",
  "locations",
  "cancel",
]);

/** Their answers are kept while the debuggee stands still. */
export const keptCommands: ReadonlySet<string> = new Set([
  "stackTrace",
  "scopes",
  "variables",
  "exceptionInfo",
  "source",
]);

/** Shown to a transparent exchange. Answers need no names: it is not transparent while it waits for one. */
export const clientNames: ReadonlySet<string> = new Set([
  "initialize",
  "attach",
  "launch",
  "configurationDone",
  "disconnect",
  "terminate",
  "setBreakpoints",
  "setFunctionBreakpoints",
  "setExceptionBreakpoints",
  ...unmerged,
  ...executions,
]);

/** Events and reverse requests; and the responses, for whoever looks at frames a little later than they came. */
export const debuggeeNames: ReadonlySet<string> = new Set([
  "initialized",
  "stopped",
  "continued",
  "thread",
  "process",
  "exited",
  "terminated",
  "capabilities",
  "breakpoint",
  "runInTerminal",
  "startDebugging",
  ...clientNames,
]);
