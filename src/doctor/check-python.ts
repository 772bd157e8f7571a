// The service's Python: its version, the debugger for its wire, pairs of versions that are known not to work, frozen modules.
import { shellQuote } from "../../protocol/shell.ts";
import { lineOn } from "../reach.ts";
import type { FactsThere, InterpreterDetails, Package } from "./facts.ts";
import { Findings, type Finding } from "./finding.ts";
import { restartLine } from "./fix.ts";
import { interpreterKey, type Running } from "./running.ts";

/** The oldest Python that the debugpy of today runs on. */
const oldestPython = [3, 8] as const;

interface Pair {
  readonly name: "debugpy" | "pydevd" | "eventlet";
  /** From this Python on … */
  readonly python: readonly [number, number];
  /** … it has to be this, or newer. */
  readonly needs: string;
  readonly otherwise: string;
  /** It works all the same. */
  readonly works?: true;
}

// Each from its project's or a distribution's word:
// - debugpy 1.8.0, Python 3.12: microsoft/debugpy issue 1401, pull 1500. 1.8.7, 3.13: issue 1689 ("currently doesn't work … just
//   shipped"), microsoft/vscode-python-debugger pull 472. 1.8.16, 3.14: microsoft/vscode-python-debugger pull 795.
// - pydevd 3.0, Python 3.12: README of fabioz/PyDev.Debugger, pydev.blogspot.com/2024/02 (3.x traces by sys.monitoring there, up to
//   15 times as fast).
// - eventlet 0.33.3, Python 3.10: openwrt/packages pull 20891 (import fails: is_timeout of an immutable type), eventlet issue 770.
//   0.34.1, 3.12: eventlet issue 795 (import fails: ssl.wrap_socket), pull 817; dgtlmoon/changedetection.io pull 2288.
const pairs: readonly Pair[] = [
  {
    name: "debugpy",
    python: [3, 14],
    needs: "1.8.16",
    otherwise: "it does not know this Python: breakpoints are missed or the program ends",
  },
  {
    name: "debugpy",
    python: [3, 13],
    needs: "1.8.7",
    otherwise: "it does not work: CPython's thread internals have changed",
  },
  { name: "debugpy", python: [3, 12], needs: "1.8.0", otherwise: "it was not made for this Python" },
  {
    name: "pydevd",
    python: [3, 12],
    needs: "3.0.0",
    otherwise: "it traces without sys.monitoring: up to 15 times slower",
    works: true,
  },
  { name: "eventlet", python: [3, 12], needs: "0.34.1", otherwise: "its import fails: ssl.wrap_socket is gone" },
  { name: "eventlet", python: [3, 10], needs: "0.33.3", otherwise: "its import fails: TimeoutError cannot be changed" },
];

export function checkPython({ service, master }: Running, there: FactsThere): Finding[] {
  const found = new Findings(service.name);
  if (master === undefined || there.details === undefined) return found.list;
  const version = master.interpreter?.version;
  const path = master.interpreter?.path ?? "";
  if (version === undefined) {
    const why =
      path === "" ? "its command line names none" : `${path} did not answer in 5 s, or may not be run by this user`;
    found.unseen("DT_INJECT_DEBUGGER", `the Python of pid ${master.pid}`, why);
    return found.list;
  }
  const details = there.details.interpreters.get(interpreterKey(master));
  const name = service.wire === "pydevd" ? "pydevd" : "debugpy";
  const has =
    details?.packages[name] ??
    (master.interpreter?.has.includes(name) === true ? { version: "", origin: "" } : undefined);
  if (service.wire !== "raw")
    checkDebugger(name, has, { path, version, details, lent: isLent(service.name, there), found, there, service });
  for (const [each, { version: installed, origin }] of Object.entries(details?.packages ?? {})) {
    const pair = pairs.find((one) => one.name === each && isFrom(version, one.python.join(".")));
    // A distribution mends its own packages, and what is loaded works.
    if (
      pair === undefined ||
      installed === "" ||
      origin.includes("/dist-packages/") ||
      (each === "eventlet" && master.green === true)
    )
      continue;
    if (isFrom(installed, pair.needs)) found.ok("DT_DOCTOR_PAIR", `${each} ${installed} goes with Python ${version}`);
    else {
      const more = {
        why: `${pair.otherwise}; ${pair.needs} or newer is made for it`,
        fix: lineOn(there.ssh, `${shellQuote(path)} -m pip install ${shellQuote(`${each}>=${pair.needs}`)}`),
      };
      if (pair.works) found.note("DT_DOCTOR_PAIR", `${each} ${installed} is old for Python ${version}`, more);
      else found.wrong("DT_DOCTOR_PAIR", `${each} ${installed} does not go with Python ${version}`, more);
    }
  }
  const isKnown = there.details.processes.get(master.pid)?.env?.["PYDEVD_DISABLE_FILE_VALIDATION"] !== undefined;
  if (
    service.wire !== "raw" &&
    !isKnown &&
    isFrom(version, "3.11") &&
    !/-X ?frozen_modules=off/.test(master.argv.join(" "))
  ) {
    found.note("DT_DOCTOR_FROZEN", `Python ${version} runs with frozen modules`, {
      why: "breakpoints in its own library's frozen modules are missed; pydevd warns of it at the start",
      fix: "start it with -Xfrozen_modules=off, or with PYDEVD_DISABLE_FILE_VALIDATION=1 in its environment if you do not mind",
    });
  }
  return found.list;
}

interface Asked {
  readonly path: string;
  readonly version: string;
  readonly details: InterpreterDetails | undefined;
  readonly lent: string | undefined;
  readonly found: Findings;
  readonly there: FactsThere;
  readonly service: Running["service"];
}

function checkDebugger(
  name: "debugpy" | "pydevd",
  has: Package | undefined,
  { path, version, details, lent, found, there, service }: Asked,
): void {
  if (has !== undefined || lent !== undefined) {
    found.ok("DT_INJECT_DEBUGGER", `Python ${version} has ${lent ?? [name, has?.version ?? ""].join(" ").trim()}`);
    return;
  }
  const python = shellQuote(path);
  if (!isFrom(version, oldestPython.join("."))) {
    const last = isFrom(version, "3.7") ? "debugpy<1.8" : "debugpy<1.6";
    return found.wrong(
      "DT_INJECT_PYTHON",
      `Python ${version} is too old for the debugpy of today, and has no debugger`,
      {
        why: `debugpy needs ${oldestPython.join(".")} or newer; an older one is needed (${path})`,
        fix: lineOn(there.ssh, `${python} -m pip install '${name === "debugpy" ? last : "pydevd<2.9"}'`),
      },
    );
  }
  const venv = details?.venv;
  const fix =
    venv !== undefined && details?.lendable.includes(name) === true
      ? restartLine(
          there.ssh,
          service,
          `sed -i 's/^include-system-site-packages.*/include-system-site-packages = true/' ${shellQuote(`${venv}/pyvenv.cfg`)}`,
        )
      : venv === undefined && path.startsWith("/usr/bin/")
        ? lineOn(there.ssh, `sudo apt-get install -y python3-${name}`)
        : lineOn(there.ssh, `${python} -m pip install ${name}`);
  found.wrong("DT_INJECT_DEBUGGER", `${path} (Python ${version}) cannot import ${name}`, {
    why:
      venv !== undefined && details?.lendable.includes(name) === true
        ? `its virtual environment hides the ${name} of the system`
        : `${name} is not installed for it`,
    fix,
  });
}

/** `debugpy 1.6.6 (lent)`, as the hook of a running process says. */
function isLent(name: string, { details }: FactsThere): string | undefined {
  const texts = details?.folders.flatMap(({ states }) => states.filter((state) => state.service === name)) ?? [];
  return texts
    .map(({ text }) => /"debugger": ?"([^"]* \(lent\))"/.exec(text)?.[1])
    .find((debuggerName) => debuggerName !== undefined);
}

/** Whether a version is `least` or newer; what stands behind its numbers does not count. */
function isFrom(version: string, least: string): boolean {
  const [own, wanted] = [version, least].map((text) =>
    (/^\d+(?:\.\d+)*/.exec(text)?.[0] ?? "0").split(".").map(Number),
  );
  for (const [index, number] of (wanted ?? []).entries()) {
    const difference = (own?.[index] ?? 0) - number;
    if (difference !== 0) return difference > 0;
  }
  return true;
}
