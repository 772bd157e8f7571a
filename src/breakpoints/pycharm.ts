// The breakpoints of PyCharm, in .idea/workspace.xml:
//
//   <component name="XDebuggerManager"><breakpoint-manager><breakpoints>
//     <line-breakpoint enabled="true" suspend="THREAD" type="python-line" log-message="true">
//       <url>file://$PROJECT_DIR$/app/api.py</url>
//       <line>239</line>                                          from 0; absent: the first
//       <condition expression="size &gt; 100" language="Python" disabled="true" />       older: the expression as text
//       <log-expression expression="size" language="Python" />
//
// Rules
// - `enabled` is absent where it is false; a condition or log expression that is `disabled` counts for nothing.
// - What suspends captures, whatever it logs; what does not suspend logs, its expression or that it was reached, or else does nothing.
// - $PROJECT_DIR$ is the directory that has .idea. Breakpoints of other languages and of exceptions are left out.
// - Deep or long XML costs no more than its length: nothing is kept but the breakpoint that is open.
import { basename, dirname, resolve } from "node:path";
import { SaxesParser } from "saxes";
import { formatSpec, parseSpec } from "../../protocol/breakpoint-spec.ts";
import type { BreakpointSpec } from "../../protocol/breakpoint-spec.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import { oneLine } from "../../protocol/spec-error.ts";

type Attributes = Readonly<Record<string, string>>;

interface Open {
  readonly attributes: Attributes;
  /** The line of the XML. */
  readonly at: number;
  url: string;
  line: string;
  condition: string;
  log: string;
}

type Field = "url" | "line" | "condition" | "log";

const fields: Readonly<Record<string, Field>> = {
  url: "url",
  line: "line",
  condition: "condition",
  "log-expression": "log",
};

/** The Python breakpoints of the text of `file`; `home` is the user's. Throws DT_SPEC. */
export function parsePycharm(content: string, file: string, home: string): BreakpointSpec[] {
  const folder = dirname(resolve(file));
  const project = basename(folder) === ".idea" ? dirname(folder) : folder;
  const specs: BreakpointSpec[] = [];
  const problems: string[] = [];
  let open: Open | undefined;
  let field: Field | undefined;
  const parser = new SaxesParser<{ xmlns: false }>({ xmlns: false });
  parser.on("error", (error) => {
    throw new DebugtapError(
      "DT_SPEC",
      `${file}:${parser.line}:${parser.column + 1}: not readable as XML (${error.message})`,
    );
  });
  parser.on("opentag", ({ name, attributes }) => {
    if (name === "line-breakpoint") {
      open = { attributes, at: parser.line, url: "", line: "", condition: "", log: "" };
      return;
    }
    const known = open === undefined || !Object.hasOwn(fields, name) ? undefined : fields[name];
    field = attributes["disabled"] === "true" ? undefined : known;
    if (open !== undefined && field !== undefined) open[field] = attributes["expression"] ?? "";
  });
  parser.on("text", (text) => {
    if (open !== undefined && field !== undefined) open[field] += text;
  });
  parser.on("closetag", ({ name }) => {
    field = undefined;
    if (name !== "line-breakpoint" || open === undefined) return;
    const { attributes, at } = open;
    if (attributes["type"] === "python-line") {
      try {
        specs.push(specOf(open, { project, home }));
      } catch (error) {
        problems.push(`${file}:${at}: ${oneLine(error)}`);
      }
    }
    open = undefined;
  });
  parser.write(content).close();
  if (problems.length > 0) throw new DebugtapError("DT_SPEC", problems.slice(0, 10).join("\n"));
  return specs;
}

function specOf({ attributes, url, line, condition, log }: Open, { project, home }: { project: string; home: string }) {
  if (!/^\s*\d*\s*$/.test(line)) throw new DebugtapError("DT_SPEC", `\`${line}\` is no line`);
  const path = url
    .trim()
    .replace(/^file:\/\//, "")
    .replace("$PROJECT_DIR$", () => project)
    .replace("$USER_HOME$", () => home)
    .replace(/^\/(?=[A-Za-z]:)/, "");
  const logs = attributes["suspend"] === "NONE";
  const message = log.trim() === "" ? undefined : `{${log.trim()}}`;
  const isSilent = logs && message === undefined && attributes["log-message"] !== "true";
  return parseSpec(
    formatSpec({
      where: { kind: "line", path, line: Number(line) + 1 },
      ...(condition.trim() === "" ? {} : { condition: condition.trim() }),
      ...(logs && !isSilent ? { log: message ?? "breakpoint reached" } : {}),
      ...(attributes["enabled"] === "true" && !isSilent ? {} : { disabled: true }),
    }),
  );
}
