// What a pydevd IDE asks of the stop that a replay stands at: locals of a frame, children of a value, expressions.
//
//   114  thread TAB frame TAB FRAME                 110  … TAB name TAB name …            113  … TAB expression TAB 1
//
// Rules
// - Frames have ids of their own at each visit of a stop. One of an earlier visit is refused: pydevd does that too.
// - pydevd has no scopes: the locals are those of all that were captured.
// - PyCharm saves temporaries by 117 `__py_debug_temp_var_N = expr` and opens them by their name. Nothing else can be set.
import type { Hit, SnapshotVariable } from "./hit.ts";
import { expressionQuoting, locatorQuoting } from "./pydevd-quoting.ts";
import { evaluateAt } from "./replay-evaluate.ts";
import type { ReplayFiles } from "./replay-files.ts";
import { errorXml, variablesXml, variableTag } from "./replay-pydevd-xml.ts";
import type { FrameTag } from "./replay-pydevd-xml.ts";
import type { Recording } from "./replay-recording.ts";
import { contentOf, stackOf } from "./replay-values.ts";

const firstFrame = 1001;
const temporary = "__py_debug_temp_var_";

/** The text of an answer; `failed`: of a 901. */
export type Said = { readonly text: string } | { readonly failed: string };

export class PydevdValues {
  readonly #recording: Recording;
  readonly #files: ReplayFiles;
  /** What PyCharm's temporaries stand for. */
  readonly #temporaries = new Map<string, string>();
  #place = -1;
  #base = firstFrame;
  #count = 0;

  constructor(recording: Recording, files: ReplayFiles) {
    this.#recording = recording;
    this.#files = files;
  }

  /** The replay stands at a place now: its stack, with ids that no other had. */
  visit(place: number, hit: Hit | undefined): readonly FrameTag[] {
    this.#place = place;
    this.#temporaries.clear();
    this.#base += this.#count;
    const tags = this.tags(hit);
    this.#count = tags.length;
    return tags;
  }

  tags(hit: Hit | undefined): readonly FrameTag[] {
    if (hit === undefined) return [{ id: this.#base, file: "", frame: { name: "this hit cannot be read" } }];
    const { frames, more } = stackOf(hit);
    const tags = frames.map((frame, i) => ({
      id: this.#base + i,
      file: this.#files.source(frame).source?.path ?? "",
      frame,
    }));
    return more === undefined ? tags : [...tags, { id: this.#base + tags.length, file: "", frame: { name: more } }];
  }

  async locals(fields: readonly string[]): Promise<Said> {
    const at = await this.#frame(fields[1]);
    if (at === undefined) return noFrame;
    const { index, frame, asked } = at;
    const { scopes } = frame;
    const cut = frame.cut ?? scopes?.find((each) => each.cut !== undefined)?.cut;
    const { variables, note } = contentOf(
      {
        frame: index,
        path: [scopes?.[0]?.name ?? "Locals"],
        ...(scopes === undefined ? {} : { variables: scopes.flatMap((each) => each.variables) }),
        ...(cut === undefined ? {} : { cut }),
      },
      asked,
    );
    return { text: variablesXml(variables, note) };
  }

  async children(fields: readonly string[]): Promise<Said> {
    const at = await this.#frame(fields[1]);
    if (at === undefined) return noFrame;
    const { index, frame, asked } = at;
    const scopes = frame.scopes ?? [];
    const [first = "", ...rest] = fields.slice(3).map((name) => locatorQuoting.decode(name));
    const expression = this.#temporaries.get(first);
    const path = [scopes[0]?.name ?? "Locals", first];
    let value =
      expression === undefined
        ? scopes.flatMap(({ variables }) => variables).find(({ name }) => name === first)
        : await this.#evaluated(index, expression);
    for (const name of rest) {
      value =
        value &&
        contentOf({ frame: index, path, ...contentsOf(value) }, asked).variables.find((each) => each.name === name);
      path.push(name);
    }
    if (value === undefined) return { failed: `${[first, ...rest].join(".")} was not recorded` };
    const { variables, note } = contentOf({ frame: index, path, ...contentsOf(value) }, asked);
    return { text: variablesXml(variables, note) };
  }

  async evaluate(fields: readonly string[]): Promise<Said> {
    if (this.#place < 0) return { failed: "the replay stands before the first hit" };
    const expression = expressionOf(fields);
    const wanted = this.#temporaries.get(expression) ?? expression;
    const found = await evaluateAt(this.#recording, this.#place, Number(fields[1]) - this.#base, wanted);
    if ("failure" in found) return { text: errorXml(expression, found.failure) };
    const { value, type = "", variable, computed } = found;
    const told = computed === true ? `${value}  (computed from the recording)` : value;
    return { text: `<xml>${variableTag(variable ?? { name: expression, type, value: told }, expression)}</xml>` };
  }

  change([, , , name = "", ...rest]: readonly string[]): Said {
    if (!name.startsWith(temporary)) return { failed: `${name} cannot be set: a recording cannot be changed` };
    const expression = expressionQuoting.decode(rest.join("\t")).trim();
    this.#temporaries.set(name, expression);
    return { text: variablesXml([{ name, type: "str", value: expression }]) };
  }

  async #frame(id: string | undefined) {
    const index = Number(id) - this.#base;
    const hit = this.#place < 0 ? undefined : await this.#recording.hit(this.#place);
    const frame = hit?.snapshot.frames[index];
    return frame && { index, frame, asked: await this.#recording.asked(this.#place) };
  }

  async #evaluated(frame: number, expression: string): Promise<SnapshotVariable | undefined> {
    const found = await evaluateAt(this.#recording, this.#place, frame, expression);
    return "variable" in found ? found.variable : undefined;
  }
}

const noFrame: Said = { failed: "this frame is of an earlier stop, or was not recorded" };

/** Of a 113: the field behind the place. */
export function expressionOf([, , , text = ""]: readonly string[]): string {
  return expressionQuoting.decode(text);
}

function contentsOf({ children, cut }: SnapshotVariable): Pick<Parameters<typeof contentOf>[0], "variables" | "cut"> {
  return {
    ...(children === undefined ? {} : { variables: children }),
    ...(cut === undefined || cut.by === "string" ? {} : { cut }),
  };
}
