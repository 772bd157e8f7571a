// Which processes of a survey have a debugger already.
//
// Rules
// - debugpy: a program that called `debugpy.listen` is connected with its adapter, a process whose command line has the port.
// - The hook of `inject`: the file that DEBUGTAP_HOOK names has wire and port. A pydevd that was started by hand does not show.
// - What an adapter has from its program (its output, a journal's socket) is no connection: both ends must be in the list of pairs.
import { member, parseJson } from "../../protocol/json.ts";

export interface RunningDebugger {
  readonly wire: "dap" | "pydevd";
  readonly address: string;
  readonly port: number;
}

/** By pid. A program that called `debugpy.listen` is connected with its adapter, whose command line has the port. */
export function debuggersIn(processes: readonly Map<string, string>[], pairs: string): Map<number, RunningDebugger> {
  const found = new Map<number, RunningDebugger>();
  const inodesOf = (values: ReadonlyMap<string, string>): string[] => rowsOf(values.get("sockets") ?? "");
  const rows = rowsOf(pairs).map((row) => row.split(" "));
  const adapters = new Map<string, RunningDebugger>();
  for (const values of processes) {
    if (!isAdapter(values)) continue;
    const argv = (values.get("argv") ?? "").split("\0");
    const after = (flag: string): string => argv[argv.indexOf(flag) + 1] ?? "";
    const port = Number(after("--port"));
    if (!Number.isSafeInteger(port) || port < 1) continue;
    for (const inode of inodesOf(values)) adapters.set(inode, { wire: "dap", address: after("--host"), port });
  }
  for (const values of processes) {
    if (isAdapter(values)) continue;
    const pid = Number((values.get("pid") ?? "").trim());
    const inodes = inodesOf(values);
    const peer = rows
      .filter(([, , inode = ""]) => inodes.includes(inode))
      .flatMap(([local, remote]) => rows.filter(([its, other]) => its === remote && other === local))
      .flatMap(([, , inode = ""]) => adapters.get(inode) ?? []);
    const own = hookOf(values.get("hook")) ?? peer[0];
    if (own !== undefined) found.set(pid, own);
  }
  return found;
}

function isAdapter(values: ReadonlyMap<string, string>): boolean {
  const argv = values.get("argv") ?? "";
  return argv.includes("\0--for-server\0") && /debugpy[/.]adapter/.test(argv);
}

/** Of services/NAME.json of `inject`. */
function hookOf(text: string | undefined): RunningDebugger | undefined {
  const told = jsonIn(text ?? "");
  const [wire, address, port] = [member(told, "wire"), member(told, "host"), member(told, "port")];
  return (wire === "dap" || wire === "pydevd") && typeof address === "string" && typeof port === "number"
    ? { wire, address, port }
    : undefined;
}

function rowsOf(text: string): string[] {
  return text.split("\n").filter((line) => line.trim() !== "");
}

/** Undefined where it is none. */
export function jsonIn(text: string): unknown {
  try {
    return parseJson(Buffer.from(text));
  } catch {
    return undefined;
  }
}
