// A recorded frame with what clients opened by hand put in, where the capture had left it out.
//
// Rules
// - What was captured stays as it is, with the children that it has; what clients opened is added to it.
// - The mark of what is missing goes when nothing is missing: by its count, or where none is known by the client's having opened it.
import type { Cut, SnapshotFrame, SnapshotVariable } from "./hit.ts";
import type { Asked, Recording } from "./replay-recording.ts";

/** Of a scope, or of a value. */
export interface Content {
  /** Absent: they were not asked for. */
  readonly variables?: readonly SnapshotVariable[];
  readonly cut?: Cut;
}

/** `index`: of the stack, from 0. Undefined where there is no such frame, or where its hit cannot be read. */
export async function openedFrame(
  recording: Pick<Recording, "hit" | "asked">,
  place: number,
  index: number,
): Promise<SnapshotFrame | undefined> {
  const frame = (await recording.hit(place))?.snapshot.frames[index];
  return frame && withOpened(frame, index, await recording.asked(place));
}

export function withOpened(frame: SnapshotFrame, index: number, { values }: Asked): SnapshotFrame {
  let scopes = frame.scopes;
  for (const { frame: of, path, variables } of values) {
    const [name = "", ...rest] = path;
    if (of !== index) continue;
    const at = scopes?.findIndex((scope) => scope.name === name) ?? -1;
    if (at >= 0) {
      scopes = scopes?.map((scope, i) => {
        if (i !== at) return scope;
        const { variables: found = [], cut } = added(scope, rest, variables);
        return { name, variables: found, ...(cut === undefined ? {} : { cut }) };
      });
    } else if (rest.length === 0) scopes = [...(scopes ?? []), { name, variables }];
  }
  return scopes === undefined ? frame : { ...frame, scopes };
}

/** What stands at a path: the scope's name, then those of the values. */
export function contentAt({ scopes = [] }: SnapshotFrame, [name, ...rest]: readonly string[]): Content | undefined {
  let at: Content | undefined = scopes.find((scope) => scope.name === name);
  for (const step of rest) {
    const found = at?.variables?.find((each) => each.name === step);
    at = found && contentOf(found);
  }
  return at;
}

/** The children of a value; where its own text was cut, that says nothing of them. */
export function contentOf({ children, cut }: SnapshotVariable): Content {
  return {
    ...(children === undefined ? {} : { variables: children }),
    ...(cut === undefined || cut.by === "string" ? {} : { cut }),
  };
}

function added(content: Content, [name, ...rest]: readonly string[], opened: readonly SnapshotVariable[]): Content {
  const { variables = [], cut } = content;
  if (name !== undefined)
    return {
      ...content,
      variables: variables.map((each) => (each.name === name ? withMore(each, rest, opened) : each)),
    };
  const names = new Set(variables.map((each) => each.name));
  const all = [...variables, ...opened.filter((each) => !names.has(each.name))];
  const isLacking = cut?.of !== undefined && all.length < cut.of;
  return { variables: all, ...(isLacking ? { cut } : {}) };
}

function withMore(
  variable: SnapshotVariable,
  path: readonly string[],
  opened: readonly SnapshotVariable[],
): SnapshotVariable {
  const { children: _, cut: own, ...rest } = variable;
  const { variables, cut = own?.by === "string" ? own : undefined } = added(contentOf(variable), path, opened);
  return {
    ...rest,
    ...(variables === undefined ? {} : { children: variables }),
    ...(cut === undefined ? {} : { cut }),
  };
}
