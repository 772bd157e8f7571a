// The lines that texts and functions stand for: by hand, and against what the Python of this machine compiles its own library to.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import t from "tap";
import { executableLine, findFunction, findText, moduleFiles } from "../../protocol/breakpoint-place.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import { pythonStatements } from "../../protocol/python-statements.ts";

function refusal(find: () => number): DebugtapError {
  try {
    find();
  } catch (error) {
    if (error instanceof DebugtapError && error.code === "DT_SPEC") return error;
    throw error;
  }
  throw new Error("it was found");
}

/** A file whose lines end with `# name` where something of that name is expected. */
function marked(text: string) {
  const lines = text.split("\n");
  return { text, line: (name: string) => lines.findIndex((line) => line.endsWith(`# ${name}`)) + 1 };
}

const source = marked(`#!/usr/bin/env python3
"""Not here: def plain(): pass

def quoted():
    return 'unbalanced (('
"""
import os

def plain(a, b=")"):
    return a  # plain

@decorated(
    "def fake(): pass",
)
async def documented(  # signature
    a: dict[str, "Callable[[int], str]"] = {"x": (1, 2)},  # a comment: with (brackets
    *args, key=lambda x: x[1:2],
) -> "str":
    r'''A docstring
    of """several""" lines
    '''

    # a comment

    global os
    x: int
    return {  # documented
        "a": 1,
    }

def one(): return 1  # one
def two(): "doc"; x = 2; return x  # two
def folded(): \\
    return 3  # folded

class API:
    """With a docstring."""
    attribute: int = 3

    def create(self):  # create def
        """Only this."""

    @property
    def size(self):
        if (
            self.x  # size
            and not self.y
        ):
            return 1

    @size.setter
    def size(self, x):
        self.x = x

    class Inner:
        def deep(self):
            def deeper():  # deep
                x = f"{self.y["k"]!r:>{10}} {{ def no(): "  # deeper
                return x
            return deeper
	# a tab and no code

    def after(self):
        'two' ' strings'
        nonlocal_ = "\\
def fake(): pass"  # the string ends here
        return nonlocal_

if os:
    def either():
        return 1
else:
    def either():
        return 2
\f
def last(self): # a comment, too
\ttry:  # last
\t\tpass
        finally: pass
`);

t.test("a function is the first line of its body that runs", async (t) => {
  const { text, line } = source;
  for (const name of ["plain", "documented", "one", "two", "folded", "deeper", "deep", "last"]) {
    t.equal(findFunction(text, name, "a.py"), line(name), name);
    t.equal(findFunction(text.replaceAll("\n", "\r\n"), name, "a.py"), line(name), `${name}, lines of Windows`);
  }
  t.equal(findFunction(text, "API.Inner.deep", "a.py"), line("deep"));
  t.equal(findFunction(text, "Inner.deep.deeper", "a.py"), line("deeper"), "the end of its name");
  t.equal(findFunction(text, "API.create", "a.py"), line("create def"), "nothing runs but its return");
  t.equal(findFunction(text, "after", "a.py"), line("the string ends here") - 1);
  t.equal(findFunction("def f():\r  pass\r", "f", "a.py"), 2);
});

t.test("no function of a name, or several, is an error that says what there is", async (t) => {
  const { text, line } = source;
  t.match(
    refusal(() => findFunction(text, "fake", "a.py")),
    {
      message: "a.py has no function fake",
      why: "none of its 14 functions is called like that",
    },
  );
  t.match(refusal(() => findFunction(text, "Inner.DEEP", "a.py")).why, "it has API.Inner.deep, API.Inner.deep.deeper");
  t.match(
    refusal(() => findFunction(text, "API.size", "a.py")),
    {
      message: "a.py has API.size 2 times",
      why: /^they run from lines \d+, \d+$/,
      fix: `a.py:${line("size")}`,
    },
  );
  t.match(refusal(() => findFunction(text, "either", "a.py")).message, "a.py has either 2 times");
  const twice = "class A:\n  def f(self): pass\nclass B:\n  def f(self): pass\n";
  t.match(refusal(() => findFunction(twice, "f", "b.py")).message, "b.py has A.f, B.f");
  t.equal(findFunction(`${twice}def f(): pass\n`, "f", "b.py"), 5, "the exact name comes first");
});

t.test("a text stands for the statement that has it", async (t) => {
  const { text, line } = source;
  t.equal(findText(text, "return a  #", "a.py"), line("plain"));
  t.equal(findText(text, "a comment: with", "a.py"), line("signature"), "the first line of a statement of many");
  t.equal(findText(text, "# a comment$", "a.py"), line("documented"), "a comment alone: the statement behind it");
  t.equal(findText(text, "self\\.y$", "a.py"), line("size"));
  t.equal(findText(text, "finally: pass", "a.py"), line("last") + 2);
  t.equal(findText("x = 1\n# end", "end", "a.py"), 2, "nothing behind it: its own line");
  t.match(refusal(() => findText(text, "nowhere", "a.py")).message, "no line of a.py has /nowhere/");
  t.match(
    refusal(() => findText(text, "return [123]$", "a.py")),
    {
      message: "a.py has /return [123]$/ 3 times",
      why: /^they run from lines \d+, \d+, \d+$/,
      fix: /^a.py:\d+$/,
    },
  );
  const go = "package main\n\n// don't\nfunc main() {\n}\n";
  t.equal(findText(go, "don't", "main.go"), 3, "no Python: the line itself");
  t.equal(findText(`#!/usr/bin/python3\n# it's\n\nx = 1\n`, "it's", "/usr/bin/cinder-api"), 4);
});

t.test("a line where nothing runs moves to the next that does", async (t) => {
  const { text, line } = source;
  t.equal(executableLine(text, line("plain")), line("plain"));
  t.equal(executableLine(text, line("documented") - 6), line("documented"), "a docstring's last line");
  t.equal(executableLine(text, line("documented") - 2), line("documented"), "global");
  t.equal(executableLine(text, line("size") + 1), line("size") + 1, "a line within a statement that takes a value");
  t.equal(executableLine(text, line("size") - 1), line("size"), "`if (` alone");
  t.equal(executableLine(text, 8), 9);
  t.equal(executableLine("else: pass\n", 1), 1);
  t.equal(executableLine("try: x\nelse:\n  y\n", 2), 3);
  t.equal(executableLine("x\n\n", 2), undefined);
  t.strictSame(moduleFiles("cinder.volume.api"), ["cinder/volume/api.py", "cinder/volume/api/__init__.py"]);
});

t.test("what is no Python has statements of some kind, and an end", async (t) => {
  for (const text of [
    "",
    "(((",
    "'",
    '"""',
    "f'{",
    "f'{x:",
    "f'{x:{",
    "\\",
    "def",
    "def f(",
    ")",
    "\0\ud800",
    "f'{\n",
    "lambda",
  ]) {
    const statements = pythonStatements(`${text}\nx`);
    t.ok(statements.length > 0 && statements.every(({ line, end }) => line >= 1 && end <= 3), JSON.stringify(text));
    refusal(() => findFunction(text, "g", "a.py"));
  }
});

/** For each file the functions, with the lines that have code and the one that runs first, and the lines of the whole file. */
const oracle = `
import dis, glob, json, types
def walk(code):
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from walk(const)
def lines(code):
    return sorted({line for _, line in dis.findlinestarts(code) if line})
def first(code):
    resumed = False
    for op in dis.get_instructions(code):
        if resumed and op.positions.lineno:
            return op.positions.lineno
        resumed = resumed or op.opname == "RESUME"
paths = sorted(glob.glob("/usr/lib/python3*/**/*.py", recursive=True))
for path in paths[::max(1, len(paths) // 260)]:
    try:
        with open(path, encoding="utf-8") as file:
            code = compile(file.read(), path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        continue
    every = list(walk(code))
    functions = [[c.co_qualname.replace(".<locals>", ""), first(c), lines(c)] for c in every if c.co_flags & 2 and "<" not in c.co_name]
    print(json.dumps([path, functions, sorted(set().union(*map(lines, every)))]))
`;

type Compiled = [path: string, functions: [name: string, first: number, lines: number[]][], lines: number[]];

t.test("the lines are those of the code that Python itself makes of its library", async (t) => {
  const { status, stdout, stderr } = spawnSync("/usr/bin/python3", ["-W", "ignore", "-c", oracle], {
    encoding: "utf8",
    maxBuffer: 256 * 1024 * 1024,
  });
  t.equal(status, 0, `needs Python 3.11 or newer: apt-get install python3\n${stderr}`);
  const files: Compiled[] = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const count = { functions: 0, first: 0, several: 0, lines: 0 };
  const wrong: string[] = [];
  for (const [path, functions, code] of files) {
    const text = readFileSync(path, "utf8");
    const names = new Map<string, (typeof functions)[number][]>();
    for (const each of functions) names.set(each[0], [...(names.get(each[0]) ?? []), each]);
    // Not all: each takes as long as a file does.
    const some = [...names].filter((_, index) => index % Math.ceil(names.size / 4) === 0);
    for (const [name, [one, ...others]] of some) {
      if (others.length > 0) {
        count.several++;
        refusal(() => findFunction(text, name, path));
        continue;
      }
      count.functions++;
      const found = findFunction(text, name, path);
      if (found === one?.[1]) count.first++;
      if (one?.[2].includes(found) !== true) wrong.push(`${path}:${found} has no code of ${name}`);
    }
    const has = new Set(code);
    const last = code.at(-1) ?? 0;
    for (let line = 1; line <= last; line += Math.ceil(last / 4)) {
      count.lines++;
      const found = executableLine(text, line) ?? 0;
      if (!has.has(found)) wrong.push(`${path}:${line} moves to ${found}, which has no code`);
    }
  }
  t.comment(`${files.length} files: ${JSON.stringify(count)}`);
  t.strictSame(wrong, []);
  t.ok(files.length >= 200 && count.functions >= 500 && count.lines >= 500 && count.several > 0);
  t.ok(count.first / count.functions > 0.97, "nearly all stop before anything of the body has run");
});
