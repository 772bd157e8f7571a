// debugtap's own file of breakpoints.
//
//   breakpoints:
//     - cinder/volume/manager.py:712 if size > 100          a SPEC
//     - { at: cinder/api.py:/def create/, max: 10 }         a place, or a SPEC, and clauses as keys
//     - at: cinder.volume.api:API.create
//       if: size > 100
//       hits: ">= 10"
//       log: "size={size}"
//       rate: 5/s
//       deep: true
//       in: cinder-api
//       require: true
//       disabled: true
//
// Rules
// - All problems of a file are told at once, each with its place. A clause stands once, in `at` or as a key.
// - `text`, the name of a breakpoint, is the SPEC as it is written here; of one with keys the SPEC that says the same.
import { stringify } from "yaml";
import { z } from "zod";
import { formatSpec, parseSpec } from "../../protocol/breakpoint-spec.ts";
import type { BreakpointSpec } from "../../protocol/breakpoint-spec.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import { oneLine } from "../../protocol/spec-error.ts";
import { describeIssue } from "../config-issues.ts";
import { ConfigSource } from "../config-source.ts";
import type { Path, Problem } from "../config-source.ts";

const text = (what: string) => z.string({ error: what }).min(1, { error: what });
const flag = (what: string) => z.boolean({ error: `${what} is true or false` }).optional();

const mapSchema = z.strictObject(
  {
    at: text("at is a place such as `app/api.py:240`"),
    if: text("if is an expression").optional(),
    hits: text('hits is text: `">= 10"`, `"== 10"` or `"% 10"`').optional(),
    log: text("log is text with `{expressions}`").optional(),
    max: z.int({ error: "max is a whole number" }).optional(),
    rate: text("rate is `10/s` or `10/m`").optional(),
    deep: flag("deep"),
    in: text("in is the name of a service").optional(),
    require: flag("require"),
    disabled: flag("disabled"),
  },
  { error: "a breakpoint is a SPEC such as `app/api.py:240 max 10`, or a map with `at`" },
);
const fileSchema = z.strictObject(
  {
    breakpoints: z.array(z.union([z.string(), mapSchema], { error: "a breakpoint is a SPEC or a map with `at`" }), {
      error: "breakpoints is a list",
    }),
  },
  { error: "a file of breakpoints has the key `breakpoints`" },
);

type Entry = z.infer<typeof mapSchema>;
type Clauses = Omit<BreakpointSpec, "text" | "where">;

/** The breakpoints of a file's text. Throws DT_SPEC. */
export function parseYaml(content: string, file: string): BreakpointSpec[] {
  const source = new ConfigSource(content, file, "DT_SPEC");
  const parsed = fileSchema.safeParse(source.value ?? {});
  if (!parsed.success) {
    const keys = (path: Path) => Object.keys((path.length === 0 ? fileSchema : mapSchema).shape);
    throw source.error(
      "DT_SPEC",
      parsed.error.issues.flatMap((issue) => describeIssue(issue, [], source, keys)),
    );
  }
  const problems: Problem[] = [];
  const specs = parsed.data.breakpoints.map((entry, index) => {
    const path = ["breakpoints", index];
    return typeof entry === "string" ? read(entry, path, source, problems) : merge(entry, path, source, problems);
  });
  if (problems.length > 0) throw source.error("DT_SPEC", problems);
  return specs.filter((spec) => spec !== undefined);
}

/** The file that {@link parseYaml} reads as these breakpoints. */
export function toYaml(specs: readonly BreakpointSpec[]): string {
  const lines = specs.map((spec) => {
    const written = formatSpec(spec);
    return formatSpec(parseSpec(spec.text)) === written ? spec.text : written;
  });
  return stringify({ breakpoints: lines }, { lineWidth: 0 });
}

/** The SPEC at `path`; what is wrong with it goes to `problems`. */
function read(written: string, path: Path, source: ConfigSource, problems: Problem[]): BreakpointSpec | undefined {
  try {
    return parseSpec(written);
  } catch (error) {
    problems.push({ offset: source.offsetOf(path), text: oneLine(error), ...fixOf(error) });
    return undefined;
  }
}

function fixOf(error: unknown): { fix?: string } {
  return error instanceof DebugtapError && error.fix !== undefined ? { fix: error.fix } : {};
}

function merge(entry: Entry, path: Path, source: ConfigSource, problems: Problem[]): BreakpointSpec | undefined {
  const { if: condition, hits, log, max, rate, deep, in: service, require, disabled } = entry;
  const before = problems.length;
  const base = read(entry.at, [...path, "at"], source, problems);
  const where = base?.where ?? { kind: "line", path: "x", line: 1 };
  const at = formatSpec({ where });
  /** What one key says: its clause must be read as that clause and no other. */
  const clause = (key: keyof Entry, name: keyof Clauses, written: string): Clauses => {
    const said = read(written, [...path, key], source, problems);
    if (said === undefined) return {};
    const { text: _, where: __, [name]: value, ...others } = said;
    if (Object.keys(others).length > (key === "if" ? 1 : 0)) {
      const text = `\`${key}\` goes on with another clause: write that as a key`;
      problems.push({ offset: source.offsetOf([...path, key]), text });
    }
    return { [name]: value };
  };
  const keys: Clauses = {
    ...(hits === undefined ? {} : clause("hits", "hits", `${at} hits ${hits}`)),
    ...(log === undefined ? {} : clause("log", "log", formatSpec({ where, log }))),
    ...(max === undefined ? {} : clause("max", "max", `${at} max ${max}`)),
    ...(rate === undefined ? {} : clause("rate", "rate", `${at} rate ${rate}`)),
    ...(service === undefined ? {} : clause("in", "service", `${at} in ${service}`)),
    // With a service before it, `in` is Python's: in a key of its own nothing else can be meant.
    ...(condition === undefined ? {} : clause("if", "condition", formatSpec({ where, service: "x", condition }))),
    ...(deep === true ? { deep } : {}),
    ...(require === true ? { required: true } : {}),
    ...(disabled === true ? { disabled: true } : {}),
  };
  const { text: _, where: __, ...own } = base ?? { text: at, where };
  for (const name of Object.keys(keys)) {
    if (!Object.hasOwn(own, name)) continue;
    problems.push({ offset: source.offsetOf([...path, "at"]), text: `\`${name}\` stands in \`at\` and as a key` });
  }
  if (base === undefined || problems.length > before) return undefined;
  if (Object.keys(keys).length === 0) return base;
  return read(formatSpec({ where, ...own, ...keys }), path, source, problems);
}
