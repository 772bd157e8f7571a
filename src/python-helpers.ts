// Processes of Python that belong to a debugger or to Python itself, and are no service: told by their command line.

const debuggers = /debugpy[/.]adapter|debugtap_stand_in\.py/;
const multiprocessing = /multiprocessing\.(?:resource_tracker|spawn|forkserver|semaphore_tracker)/;

/** debugpy's adapter. */
export function isAdapter(argv: readonly string[]): boolean {
  return /debugpy[/.]adapter/.test(argv.join(" "));
}

/** debugpy's adapter, or what listens for uWSGI in the hook of `inject`. */
export function isDebuggersOwn(argv: readonly string[]): boolean {
  return debuggers.test(argv.join(" "));
}

/** Such a one, or a process of multiprocessing: its tracker, or a child. */
export function isHelper(argv: readonly string[]): boolean {
  return isDebuggersOwn(argv) || multiprocessing.test(argv.join(" "));
}
