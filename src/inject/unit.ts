// How a systemd unit is given the environment: its drop-in, and which folder its processes can read.
//
// Rules
// - The drop-in names an environment file: later files win over earlier ones and over `Environment=`. `zz-` puts it behind other drop-ins.
// - The user's own folder is for units that run as that user and are shown home directories. Any other unit reads a folder of root's,
//   which nobody else can write: what lies there becomes code in a process of another user.
// - Where a unit sees none of them, it is said; nothing is tried.
import { DebugtapError } from "../../protocol/errors.ts";
import { shellQuote } from "../../protocol/shell.ts";
import { pathsIn, type UnitFacts } from "./host-facts.ts";

/** Paths in a value of `systemctl show`, without their options. */
const listed = (value: string | undefined): string[] =>
  (value ?? "")
    .split(/\s+/)
    .map((path) => path.replace(/^[-+]+/, "").split(":", 1)[0] ?? "")
    .filter((path) => path !== "");

const isBelow = (path: string, dir: string): boolean => dir === "/" || path === dir || path.startsWith(`${dir}/`);

export interface UnitView {
  readonly shared: boolean;
  /** Who owns `state/NAME`: a user's name, or undefined for one that systemd makes up. */
  readonly owner?: string;
  readonly dynamic: boolean;
  readonly notes: readonly string[];
}

/** Throws DT_INJECT_UNIT. */
export function viewOfUnit(
  unit: string,
  isUsers: boolean,
  { show }: UnitFacts,
  who: { readonly user: string; readonly folder: string; readonly shared: string },
): UnitView {
  const is = (property: string): boolean => !["", "no", undefined].includes(show.get(property));
  const scope = isUsers ? "--user " : "";
  if (show.get("LoadState") !== "loaded") {
    throw new DebugtapError("DT_INJECT_UNIT", `there is no unit ${unit} on the host`, {
      why: show.has("LoadState") ? `systemd says ${show.get("LoadState")}` : "systemctl does not answer",
      fix: `systemctl ${scope}list-units --all ${shellQuote(`*${unit.replace(/@.*|\.service$/, "")}*`)}`,
    });
  }
  const notes: string[] = [];
  const start = /argv\[\]=(.*?) ;/.exec(show.get("ExecStart") ?? "")?.[1] ?? "";
  if (/python[\d.]*\s+(?:-\w+\s+)*-[A-Za-z]*[IE]/.test(start))
    notes.push(`${unit} starts Python with -I or -E: it ignores the environment, and nothing of this will reach it`);
  if (/\bPYTHONPATH\b/.test(show.get("UnsetEnvironment") ?? ""))
    notes.push(`${unit} has UnsetEnvironment=PYTHONPATH, which wins: nothing of this will reach it`);
  if (is("PrivateNetwork")) notes.push(`${unit} has a network of its own: its debugger cannot be reached`);
  const user = show.get("User") === "" || show.get("User") === undefined ? "root" : (show.get("User") ?? "root");
  const dynamic = is("DynamicUser") && !isUsers;
  const hides = (path: string): boolean =>
    is("RootDirectory") ||
    is("RootImage") ||
    [...listed(show.get("InaccessiblePaths")), ...listed(show.get("TemporaryFileSystem"))].some((dir) =>
      isBelow(path, dir),
    );
  const isHome = /^\/(?:home|root|run\/user)\//.test(who.folder);
  const isTemporary = /^\/(?:var\/)?tmp\//.test(who.folder);
  const own =
    (isUsers || (user === who.user && !dynamic)) &&
    !hides(who.folder) &&
    !(isHome && is("ProtectHome")) &&
    !(isTemporary && is("PrivateTmp"));
  if (own) return { shared: false, dynamic: false, notes };
  if (isUsers || hides(who.shared)) {
    throw new DebugtapError("DT_INJECT_UNIT", `${unit} is shown no directory that the debugger could lie in`, {
      why: `it has ${[
        "RootDirectory",
        "RootImage",
        "InaccessiblePaths",
        "TemporaryFileSystem",
        "ProtectHome",
        "PrivateTmp",
      ]
        .filter((property) => is(property))
        .map((property) => `${property}=${show.get(property)}`)
        .join(", ")}`,
      fix: `systemctl ${scope}edit ${shellQuote(unit)}   # BindReadOnlyPaths=${isUsers ? who.folder : who.shared}`,
    });
  }
  notes.push(`${unit} runs as ${dynamic ? "a user of its own" : user}: its files are root's, in ${who.shared}`);
  return { shared: true, ...(dynamic ? {} : { owner: user }), dynamic, notes };
}

/** PYTHONPATH that the unit has; environment files win over `Environment=`. */
export function unitPythonPath({ show, pythonPath }: UnitFacts): string | undefined {
  if (pythonPath !== undefined) return pythonPath;
  const words = (show.get("Environment") ?? "").match(/(?:"[^"]*"|\S)+/g) ?? [];
  return pathsIn(words.map((word) => word.replace(/^"(.*)"$/, "$1")).join("\n"));
}

export function dropInPath(unit: string, isUsers: boolean, id: string): string {
  return `${isUsers ? "~/.config" : "/etc"}/systemd/${isUsers ? "user" : "system"}/${unit}.d/zz-debugtap-${id}.conf`;
}

/** Lines of the drop-in. */
export function dropInLines(root: string, name: string, { show }: UnitFacts, view: UnitView): string[] {
  const state = `${root}/state/${name}`;
  const isReadOnly =
    show.get("ProtectSystem") === "strict" ||
    show.get("ProtectHome") === "read-only" ||
    view.dynamic ||
    listed(show.get("ReadOnlyPaths")).some((dir) => isBelow(state, dir));
  const escaped = (path: string): string => path.replaceAll("%", "%%");
  return [
    "[Service]",
    `EnvironmentFile=${escaped(root)}/env/${name}.env`,
    ...(isReadOnly ? [`ReadWritePaths=-${escaped(state)}`] : []),
  ];
}
