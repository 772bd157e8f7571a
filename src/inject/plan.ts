// What is to lie on a host for its services: hook, configuration, environment, a lent debugger; and how each is carried in.
//
// Rules
// - A service's interpreter is the one that it runs with; if it does not run, that of its unit, else the `python3` there, which is said.
// - A Python that has a debugger uses its own; one that has none is lent one.
// - Inject of some services leaves what others were given as it is.
import { DebugtapError } from "../../protocol/errors.ts";
import { shellQuote } from "../../protocol/shell.ts";
import { parseHold } from "../config.ts";
import type { Interpreter, Survey, SurveyProcess } from "../transport/survey.ts";
import type { Entry } from "./archive.ts";
import {
  carrier,
  composeLines,
  containerInterpreter,
  describeRun,
  envLine,
  processesOf,
  withoutHooks,
  type Runnable,
} from "./carry.ts";
import { planChange, type Planned } from "./change.ts";
import { sharedFolder } from "./folder.ts";
import { pathsIn, type HostFacts, type UnitFacts } from "./host-facts.ts";
import { withoutBlocks } from "./block.ts";
import { hookEnvironment, type HookConfig } from "./layout.ts";
import type { Lent } from "./lend.ts";
import type { Carried, Manifest } from "./manifest.ts";
import type { StateDir } from "./scripts.ts";
import { dropInLines, unitPythonPath, viewOfUnit, type UnitView } from "./unit.ts";

export interface Given {
  readonly id: string;
  readonly by: string;
  /** Directories that an earlier one has made, as far as this machine knows. */
  readonly made: Manifest["made"];
  readonly services: readonly Runnable[];
  readonly survey: Survey;
  /** Of the same order as {@link Given.services}, where one has it. */
  readonly facts: HostFacts;
  readonly unitOf: (service: Runnable) => UnitFacts | undefined;
  readonly fileOf: (service: Runnable) => HostFacts["files"][number] | undefined;
  readonly composePathOf: (service: Runnable) => string | undefined;
  /** By path below `hook/`. */
  readonly hook: ReadonlyMap<string, Buffer>;
  /** Throws DT_INJECT_DEBUGGER for the service, where there is nothing to lend. */
  readonly lend: (service: string, python: string) => Lent;
}

const oldest = [3, 7] as const;

/** Throws DT_INJECT_*. */
export function planInject(given: Given): Planned {
  const { facts, id } = given;
  const base = facts.base ?? "";
  const all: Record<string, Carried> = { ...facts.manifest?.services };
  const folder = new Map<string, Entry>();
  const shared = new Map<string, Entry>();
  const state: StateDir[] = [];
  const notes: string[] = [];
  if (facts.barred.length > 0) notes.push(`the folder is in ${base}: ${facts.barred.join("; ")}`);
  for (const other of facts.others)
    notes.push(`another debugtap (${other}) has something injected here too: it is left alone`);
  for (const service of given.services) {
    const planned = planService(given, service, { folder: `${base}/${id}`, shared: sharedFolder(id) }, notes);
    const { carried, view } = planned;
    all[service.name] = carried;
    const there = view.shared ? shared : folder;
    for (const [path, bytes] of given.hook) there.set(`hook/${path}`, bytes);
    for (const [path, bytes] of planned.lent?.files ?? []) there.set(`lent/${path}`, bytes);
    for (const [path, text] of planned.files) {
      there.set(path, Buffer.from(text));
      if (view.shared) folder.set(path, { link: `${carried.root}/${path}` });
    }
    const mode = carried.kind === "compose" || view.dynamic ? "1777" : view.shared ? "755" : "700";
    const owner = view.owner === undefined ? {} : { owner: view.owner };
    state.push({ name: service.name, shared: view.shared, mode, ...owner });
  }
  const planned = planChange({ id, by: given.by, base, made: given.made, services: all, folder, shared, state }, facts);
  return { ...planned, notes: [...notes, ...planned.notes] };
}

interface PlannedService {
  readonly carried: Carried;
  readonly view: UnitView;
  /** By path in the folder. */
  readonly files: ReadonlyMap<string, string>;
  readonly lent?: Lent;
}

function planService(
  given: Given,
  service: Runnable,
  folders: { readonly folder: string; readonly shared: string },
  notes: string[],
): PlannedService {
  const { name, run } = service;
  const { facts, survey, id } = given;
  const unit = given.unitOf(service);
  const processes = processesOf(service, survey);
  const view =
    run.kind === "unit" && unit !== undefined
      ? viewOfUnit(run.unit, run.user, unit, { user: facts.user, ...folders })
      : viewOfProcesses(name, processes, facts.owner, folders.shared);
  notes.push(...view.notes);
  const root = view.shared ? folders.shared : folders.folder;
  const seen =
    processes.find(({ interpreter }) => interpreter?.version !== undefined)?.interpreter ??
    unit?.interpreter ??
    containerInterpreter(run, survey);
  if (seen?.version === undefined)
    notes.push(`${name} was not seen running: its Python is taken to be ${facts.python.path || "one with a debugger"}`);
  if (run.kind === "compose" && containerInterpreter(run, survey) === undefined)
    notes.push(`${name} was not seen in a container: a PYTHONPATH that its image has is not kept`);
  const python = seen?.version === undefined ? facts.python : seen;
  const lent = lentTo(given, service, python);
  const file = given.fileOf(service);
  const pythonPath =
    withoutHooks(
      run.kind === "unit" && unit !== undefined
        ? unitPythonPath(unit)
        : run.kind === "compose"
          ? given.composePathOf(service)
          : (pathsIn(withoutBlocks(file?.bytes ?? "")) ?? processes[0]?.env["PYTHONPATH"]),
    ) ?? (run.kind === "unit" ? undefined : facts.manifest?.services[name]?.pythonPath);
  const green = processes.some((each) => each.green === true) || python.has.some((each) => /^[eg]/.test(each));
  const environment = hookEnvironment(root, name, { pythonPath, green });
  if (run.kind === "compose" && service.wire === "pydevd" && /^(?:127\.|localhost$)/.test(service.address))
    notes.push(`${name} dials ${service.address}: in a container that is the container itself; give it an \`address\``);
  const path = carrier(run, id);
  const sudo = run.kind === "unit" && !run.user;
  if (path !== undefined && file === undefined) throw new Error(`${path} was not looked at`);
  const carried: Carried = {
    kind: run.kind,
    where: describeRun(run),
    root,
    wire: service.wire === "dap" ? "dap" : "pydevd",
    ...(python.version === undefined ? {} : { python: python.version }),
    lent: lent !== undefined,
    ...(pythonPath === undefined ? {} : { pythonPath }),
    carry:
      file === undefined
        ? null
        : {
            path: file.path,
            sudo,
            head: run.kind === "compose" ? ["services:"] : [],
            lines:
              run.kind === "unit" && unit !== undefined
                ? dropInLines(root, name, unit, view)
                : run.kind === "compose"
                  ? composeLines(run.service, root, name, environment, publishedPort(given, service))
                  : environmentLines(environment),
          },
  };
  const files = new Map([
    [`services/${name}.json`, `${JSON.stringify(hookConfig(service), undefined, 1)}\n`],
    [`env/${name}.env`, `${environmentLines(environment).join("\n")}\n`],
    ...(run.kind === "screen" ? shellFiles(name, environment, pythonPath) : []),
  ]);
  return { carried, view, files, ...(lent === undefined ? {} : { lent }) };
}

/** The user's folder is for that user, and for root; one who is neither reads root's. */
function viewOfProcesses(name: string, processes: readonly SurveyProcess[], owner: string, shared: string): UnitView {
  const uid = processes[0]?.uid;
  if (uid === undefined || uid === 0 || owner.startsWith(`${uid}:`))
    return { shared: false, dynamic: false, notes: [] };
  const note = `${name} runs as another user (${uid}): its files are root's, in ${shared}`;
  return { shared: true, owner: `${uid}`, dynamic: false, notes: [note] };
}

function lentTo({ lend, facts }: Given, { name, wire }: Runnable, python: Interpreter): Lent | undefined {
  const [major = 0, minor = 0] = (python.version ?? "").split(".").map(Number);
  if (python.version !== undefined && (major < oldest[0] || (major === oldest[0] && minor < oldest[1]))) {
    throw new DebugtapError("DT_INJECT_PYTHON", `${name} runs with Python ${python.version}`, {
      why: `debugpy and pydevd of today need ${oldest.join(".")}; ${python.path} on the host is older`,
      fix: `an interpreter of ${oldest.join(".")} or newer in the place of ${python.path}`,
    });
  }
  const isThere = python.has.includes("debugpy") || (wire === "pydevd" && python.has.includes("pydevd"));
  // One that was not seen keeps what it has been lent.
  const hadOne = python.version === undefined && facts.manifest?.services[name]?.lent === true;
  return isThere && !hadOne ? undefined : lend(name, `${python.path} ${python.version ?? ""}`.trim());
}

function hookConfig({ name, wire, address, dials, listens, inject, match, run }: Runnable): HookConfig {
  return {
    version: 1,
    service: name,
    wire: wire === "dap" ? "dap" : "pydevd",
    // What a container publishes comes from outside of it.
    host: run.kind === "compose" && wire === "dap" ? "0.0.0.0" : address,
    port: dials ?? listens,
    module: inject.module ?? null,
    argv: match?.argv ?? null,
    wait: inject.wait === undefined ? 0 : parseHold(inject.wait) / 1000,
    guard: inject.guard,
  };
}

/** Where the container does not publish its debug port itself. */
function publishedPort({ survey, facts }: Given, { name, run, listens }: Runnable): { published?: number } {
  if (run.kind !== "compose" || listens === undefined) return {};
  const ours = facts.manifest?.services[name]?.carry?.lines.includes("    ports:") === true;
  const ports = survey.containers.find(({ service }) => service === run.service)?.ports ?? "";
  return !ours && ports.includes(`->${listens}/tcp`) ? {} : { published: listens };
}

function environmentLines(environment: Readonly<Record<string, string>>): string[] {
  return Object.entries(environment).map(([name, value]) => envLine(name, value));
}

/** Sourced by the shell of a tab: in, and out again. */
function shellFiles(
  name: string,
  environment: Readonly<Record<string, string>>,
  pythonPath: string | undefined,
): [string, string][] {
  const exports = Object.entries(environment).map(([key, value]) => `export ${key}=${shellQuote(value)}`);
  const back = Object.keys(environment).map((key) =>
    key === "PYTHONPATH" && pythonPath !== undefined ? `export ${key}=${shellQuote(pythonPath)}` : `unset ${key}`,
  );
  return [
    [`env/${name}.sh`, `${exports.join("\n")}\n`],
    [`env/${name}.unset.sh`, `${back.join("\n")}\n`],
  ];
}
