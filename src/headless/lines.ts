// The line that a text or a function stands for in a Python file.
import { DebugtapError } from "../../protocol/errors.ts";

/** Reads a file and prints the line at which the function's body begins, or names that are like it. */
const script = `
import ast, json, sys
wanted = sys.argv[1].split(".")
named = []
def walk(node, path):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            here = path + [child.name]
            if not isinstance(child, ast.ClassDef):
                named.append((here, child))
            walk(child, here)
        else:
            walk(child, path)
with open(sys.argv[2], "rb") as file:
    walk(ast.parse(file.read()), [])
exact = [f for p, f in named if p == wanted] or [f for p, f in named if p[-len(wanted):] == wanted]
def first(f):
    body = f.body
    doc = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str)
    start = body[1] if doc and len(body) > 1 else body[0]
    return min([start.lineno] + [d.lineno for d in getattr(start, "decorator_list", [])])
print(json.dumps({"lines": [first(f) for f in exact], "names": [".".join(p) for p, f in named][:2000]}))
`;

/** The first line that the regular expression finds. Throws DT_SPEC. */
export function textLine(text: string, pattern: string, path: string): number {
  const wanted = new RegExp(pattern, "u");
  const index = text.split(/\r\n?|\n/).findIndex((line) => wanted.test(line));
  if (index === -1) throw new DebugtapError("DT_SPEC", `no line of ${path} has /${pattern}/`);
  return index + 1;
}

/** The first line of the body of `name` (`create` or `API.create`). Rejects with DT_SPEC, and as `python`. */
export async function functionLine(
  python: (script: string, words: readonly string[]) => Promise<string>,
  name: string,
  path: string,
): Promise<number> {
  const told = parse(await python(script, [name, path]));
  const [line, ...others] = told.lines;
  if (line === undefined) {
    const last = name.split(".").at(-1) ?? name;
    const alike = told.names.filter((each) => each.toLowerCase().includes(last.toLowerCase())).slice(0, 5);
    const hint = alike.length === 0 ? "" : `; it has ${alike.join(", ")}`;
    throw new DebugtapError("DT_SPEC", `${path} has no function ${name}${hint}`);
  }
  if (others.length > 0)
    throw new DebugtapError(
      "DT_SPEC",
      `${path} has ${told.lines.length} functions ${name}, at ${told.lines.join(", ")}`,
    );
  return line;
}

function parse(output: string): { readonly lines: readonly number[]; readonly names: readonly string[] } {
  try {
    return JSON.parse(output);
  } catch {
    return { lines: [], names: [] };
  }
}
