// The commands of pydevd's text protocol, by id.
//
// Flavours: UP is upstream PyDev.Debugger (also in debugpy), PC is PyCharm's fork. They use 150, 159 and 160 for different
// things, and each has ids that the other lacks. Ids not in the table pass as they are.
import type { Side } from "./frame.ts";

export type Flavour = "UP" | "PC";

export interface PydevdCommand {
  readonly id: number;
  /** pydevd's own name, without `CMD_`. */
  readonly name: string;
  /** Who starts it; `none` never stands on the wire by itself, only as a stop reason. */
  readonly from: Side | "both" | "none";
  readonly flavours: readonly Flavour[];
  /** Id of the answer, which repeats the seq. Any command may be answered by 901 too. */
  readonly reply: number | undefined;
}

const client = "client";
const debuggee = "debuggee";
const up: readonly Flavour[] = ["UP"];
const pc: readonly Flavour[] = ["PC"];
const any: readonly Flavour[] = ["UP", "PC"];

// id, name, who starts it, flavours, id of the answer
type Row = readonly [number, string, PydevdCommand["from"], readonly Flavour[], number?];

const rows: readonly Row[] = [
  [99, "DISPATCH", client, any],
  [101, "RUN", client, any],
  [102, "LIST_THREADS", client, any, 502],
  [103, "THREAD_CREATE", debuggee, any],
  [104, "THREAD_KILL", debuggee, any],
  [105, "THREAD_SUSPEND", "both", any],
  [106, "THREAD_RUN", "both", any],
  [107, "STEP_INTO", client, any],
  [108, "STEP_OVER", client, any],
  [109, "STEP_RETURN", client, any],
  [110, "GET_VARIABLE", client, any, 110],
  [111, "SET_BREAK", client, any],
  [112, "REMOVE_BREAK", client, any],
  [113, "EVALUATE_EXPRESSION", client, any, 113],
  [114, "GET_FRAME", client, any, 114],
  [115, "EXEC_EXPRESSION", client, any, 113],
  [116, "WRITE_TO_CONSOLE", debuggee, any],
  [117, "CHANGE_VARIABLE", client, any, 502],
  [118, "RUN_TO_LINE", client, any],
  [119, "RELOAD_CODE", client, any, 119],
  [120, "GET_COMPLETIONS", client, any, 120],
  [121, "CONSOLE_EXEC", client, any, 113],
  [122, "ADD_EXCEPTION_BREAK", client, any],
  [123, "REMOVE_EXCEPTION_BREAK", client, any],
  [124, "LOAD_SOURCE", client, any, 124],
  [125, "ADD_DJANGO_EXCEPTION_BREAK", client, any],
  [126, "REMOVE_DJANGO_EXCEPTION_BREAK", client, any],
  [127, "SET_NEXT_STATEMENT", client, up],
  [127, "SET_NEXT_STATEMENT", client, pc, 127],
  [128, "SMART_STEP_INTO", client, any],
  [129, "EXIT", debuggee, any],
  [130, "SIGNATURE_CALL_TRACE", debuggee, any],
  [131, "SET_PY_EXCEPTION", client, any],
  [132, "GET_FILE_CONTENTS", client, up, 124],
  [132, "GET_FILE_CONTENTS", client, pc, 132],
  [133, "SET_PROPERTY_TRACE", client, any],
  [134, "EVALUATE_CONSOLE_EXPRESSION", client, any, 134],
  [135, "RUN_CUSTOM_OPERATION", client, any, 135],
  [136, "GET_BREAKPOINT_EXCEPTION", debuggee, any],
  [137, "STEP_CAUGHT_EXCEPTION", "none", any],
  [138, "SEND_CURR_EXCEPTION_TRACE", debuggee, any],
  [139, "SEND_CURR_EXCEPTION_TRACE_PROCEEDED", debuggee, any],
  [140, "IGNORE_THROWN_EXCEPTION_AT", client, any],
  [141, "ENABLE_DONT_TRACE", client, any],
  [142, "SHOW_CONSOLE", debuggee, any],
  [143, "GET_ARRAY", client, any, 143],
  [144, "STEP_INTO_MY_CODE", client, any],
  [145, "GET_CONCURRENCY_EVENT", debuggee, any],
  [146, "SHOW_RETURN_VALUES", client, any],
  [147, "INPUT_REQUESTED", debuggee, any],
  [148, "GET_DESCRIPTION", client, any, 148],
  [149, "PROCESS_CREATED", debuggee, any],
  [150, "SHOW_CYTHON_WARNING", debuggee, up],
  [150, "SHOW_WARNING", debuggee, pc],
  [151, "LOAD_FULL_VALUE", client, any, 151],
  [152, "GET_THREAD_STACK", client, any, 152],
  [153, "THREAD_DUMP_TO_STDERR", client, any],
  [154, "STOP_ON_START", client, any],
  [155, "GET_EXCEPTION_DETAILS", client, any, 155],
  [156, "PYDEVD_JSON_CONFIG", client, any],
  [157, "THREAD_SUSPEND_SINGLE_NOTIFICATION", debuggee, any],
  [158, "THREAD_RESUME_SINGLE_NOTIFICATION", debuggee, any],
  [159, "STEP_OVER_MY_CODE", client, up],
  [159, "PROCESS_CREATED_MSG_RECEIVED", client, pc],
  [160, "STEP_RETURN_MY_CODE", client, up],
  [160, "GET_SMART_STEP_INTO_VARIANTS", client, pc, 160],
  [161, "SET_PY_EXCEPTION_JSON", client, up],
  [162, "SET_PATH_MAPPING_JSON", client, up],
  [163, "GET_SMART_STEP_INTO_VARIANTS", client, up, 163],
  [170, "SET_UNIT_TESTS_DEBUGGING_MODE", client, pc],
  [190, "SET_USER_TYPE_RENDERERS", client, pc],
  [200, "REDIRECT_OUTPUT", client, any],
  [201, "GET_NEXT_STATEMENT_TARGETS", client, any, 201],
  [202, "SET_PROJECT_ROOTS", client, any],
  [203, "MODULE_EVENT", debuggee, up],
  [204, "PROCESS_EVENT", debuggee, up],
  [205, "AUTHENTICATE", client, up, 205],
  [206, "STEP_INTO_COROUTINE", "none", up],
  [207, "LOAD_SOURCE_FROM_FRAME_ID", client, up, 207],
  [208, "SET_FUNCTION_BREAK", client, up],
  [210, "DATAVIEWER_ACTION", client, pc],
  [211, "TABLE_EXEC", client, pc],
  [212, "INTERRUPT_DEBUG_CONSOLE", client, pc],
  [213, "IMAGE_START", client, pc],
  [214, "IMAGE_CHUNK", client, pc],
  [501, "VERSION", client, any, 501],
  [502, "RETURN", debuggee, any],
  [503, "SET_PROTOCOL", client, any, 503],
  [901, "ERROR", debuggee, any],
];

export const pydevdCommands: readonly PydevdCommand[] = rows.map(([id, name, from, flavours, reply]) => ({
  id,
  name,
  from,
  flavours,
  reply,
}));

function byId(flavour: Flavour): ReadonlyMap<number, PydevdCommand> {
  const other = pydevdCommands.filter((command) => !command.flavours.includes(flavour));
  const own = pydevdCommands.filter((command) => command.flavours.includes(flavour));
  return new Map([...other, ...own].map((command) => [command.id, command]));
}

const tables: Readonly<Record<Flavour, ReadonlyMap<number, PydevdCommand>>> = { UP: byId("UP"), PC: byId("PC") };

/** The command of an id: of this flavour, of the other one when this has none, undefined for an unknown id. */
export function pydevdCommand(id: number, flavour: Flavour = "UP"): PydevdCommand | undefined {
  return tables[flavour].get(id);
}

// Why a thread stopped: a 105's stop_reason is the id of the command that made it stop.
const stopReasons: Readonly<Record<number, string>> = {
  105: "pause",
  107: "step into",
  108: "step over",
  109: "step return",
  111: "breakpoint",
  118: "run to line",
  122: "uncaught exception",
  127: "set next statement",
  128: "smart step into",
  137: "exception",
  138: "exception",
  144: "step into",
  159: "step over",
  160: "step return",
  206: "step into",
};

/** In words; the number itself for an unknown one. */
export function stopReasonName(reason: number): string {
  return stopReasons[reason] ?? String(reason);
}
