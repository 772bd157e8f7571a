// How many processes use a folder of inject, and of how many that cannot be said from where doctor looks.
//
// Rules
// - A process that shows counts by its environment, or by the state that its hook has written under its pid.
// - A pid is one of a pid namespace, so a state of another one (a container's) is looked up among the processes of that namespace, by the number
//   that they have there. Where whose they are is hidden, or the namespace is not within this one, it is not said that they are gone.
// - What ran before the machine was booted is gone.
import { basename } from "node:path";
import type { Details } from "./facts.ts";

export interface FolderUse {
  readonly used: number;
  /** In another pid namespace, where they may run. */
  readonly elsewhere: number;
  /** In this one, whose other users' processes do not show. */
  readonly hidden: number;
}

/** `id`: what all folders of one debugtap are called. */
export function folderUse(id: string, { folders, processes, inner, isOutermost, seesAll }: Details): FolderUse {
  const own = folders.filter(({ path }) => basename(path) === id);
  const used = new Set(own.flatMap(({ states }) => states.map(({ pid }) => pid)));
  for (const [pid, { env }] of processes)
    if (env?.["DEBUGTAP_HOOK"]?.includes(`/${id}/services/`) === true) used.add(pid);
  let elsewhere = 0;
  for (const state of own.flatMap((folder) => folder.elsewhere)) {
    const sames = inner.filter(({ innerPid }) => innerPid === state.pid);
    const found = sames.find(({ namespace }) => namespace === state.namespace);
    if (found !== undefined) used.add(found.pid);
    else if (!isOutermost || !seesAll || sames.some(({ namespace }) => namespace === undefined)) elsewhere++;
  }
  const hidden = seesAll ? 0 : own.reduce((sum, { gone }) => sum + gone, 0);
  return { used: used.size, elsewhere, hidden };
}
