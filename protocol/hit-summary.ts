// A hit in a line: what events and lists say of it.
import type { HitSummary } from "./control.ts";
import type { Cut, Hit, SnapshotFrame } from "./hit.ts";

export function summarizeHit({ number, reason, thread, snapshot }: Hit): HitSummary {
  const { frames, took, cut } = snapshot;
  const [top] = frames;
  return {
    number,
    reason,
    thread: thread.name ?? String(thread.id),
    ...(top === undefined ? {} : { where: whereOf(top) }),
    frames: frames.length,
    took,
    ...(cut === undefined ? {} : { cut: cut.by }),
  };
}

/** `create (app.py:12)`, or with the whole path. */
export function whereOf({ name, path, line }: SnapshotFrame, whole = false): string {
  if (path === undefined) return name;
  const file = whole ? path : path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
  return `${name} (${line === undefined ? file : `${file}:${line}`})`;
}

/** `… 50 of 312`, `… cut by time`. `shown` counts what is there. */
export function cutText(cut: Cut, shown: number): string {
  return cut.of === undefined ? `… cut by ${cut.by}` : `… ${shown} of ${cut.of}`;
}
