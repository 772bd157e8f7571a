// What a pydevd IDE asks of the stop that a replay stands at: locals of a frame, children of a value, expressions.
//
//   114  thread TAB frame TAB FRAME                 110  … TAB name TAB name …            113  … TAB expression TAB 1
//
// Rules
// - Frames have ids of their own at each visit of a stop. One of an earlier visit is refused: pydevd does that too.
// - pydevd has no scopes: the locals are those of all that were captured.
// - PyCharm saves temporaries by 117 `__py_debug_temp_var_N = expr` and opens them by their name. Nothing else can be set.
import type { Hit, SnapshotFrame, SnapshotVariable } from "./hit.ts";
import { expressionQuoting, locatorQuoting } from "./pydevd-quoting.ts";
import { evaluateAt } from "./replay-evaluate.ts";
import type { ReplayFiles } from "./replay-files.ts";
import { errorXml, variablesXml, variableTag } from "./replay-pydevd-xml.ts";
import type { FrameTag } from "./replay-pydevd-xml.ts";
import type { Recording } from "./replay-recording.ts";
import { contentOf, openedFrame } from "./replay-opened.ts";
import { isOpen, noteOf, stackOf } from "./replay-values.ts";

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
    const { scopes, cut } = at.frame;
    if (scopes === undefined) return { text: variablesXml([], noteOf(cut === undefined ? {} : { cut })) };
    const lacking = scopes.find((each) => each.cut !== undefined);
    return {
      text: variablesXml(
        scopes.flatMap(({ variables }) => variables),
        lacking && noteOf(lacking),
      ),
    };
  }

  async children(fields: readonly string[]): Promise<Said> {
    const at = await this.#frame(fields[1]);
    if (at === undefined) return noFrame;
    const [first = "", ...rest] = fields.slice(3).map((name) => locatorQuoting.decode(name));
    const variables = at.frame.scopes?.flatMap((scope) => scope.variables) ?? [];
    let value =
      variables.find(({ name }) => name === first) ??
      (await this.#evaluated(at.index, this.#temporaries.get(first) ?? first));
    for (const name of rest) value = value?.children?.find((each) => each.name === name);
    if (value === undefined) return { failed: `${[first, ...rest].join(".")} was not recorded` };
    return { text: variablesXml(value.children ?? [], isOpen(value) ? noteOf(contentOf(value)) : undefined) };
  }

  async evaluate(fields: readonly string[]): Promise<Said> {
    const at = await this.#frame(fields[1]);
    if (at === undefined) return noFrame;
    const expression = expressionOf(fields);
    const wanted = this.#temporaries.get(expression) ?? expression;
    const found = await evaluateAt(this.#recording, this.#place, at.index, wanted);
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

  async #frame(id: string | undefined): Promise<{ readonly index: number; readonly frame: SnapshotFrame } | undefined> {
    const index = Number(id) - this.#base;
    const frame = this.#place < 0 ? undefined : await openedFrame(this.#recording, this.#place, index);
    return frame && { index, frame };
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
