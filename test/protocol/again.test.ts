// What `debugtap again` decides without a debuggee: what is safe, which secrets are needed, what recurs, which breakpoints were in force.
import assert from "node:assert/strict";
import { fc } from "../helpers/property.ts";
import t from "tap";
import { formatSpec } from "../../protocol/breakpoint-spec.ts";
import { BreakpointsInForce } from "../../protocol/breakpoints-in-force.ts";
import type { Hit } from "../../protocol/hit.ts";
import { isUnreadable, maskedWords, unmasked } from "../../protocol/masked-words.ts";
import { isSafeCommand, isSafeRequest } from "../../protocol/plainly-safe.ts";
import { recurrence } from "../../protocol/recurrence.ts";

const [one, two, three] = ["00000001", "0000abcd", "ffffffff"].map((digits) => `«redacted:${digits}»`) as [
  string,
  string,
  string,
];

t.test("each secret has one variable, by the name that stands before it, else by its number", async (t) => {
  const of = (...texts: string[]): string[] =>
    maskedWords(texts).map(({ variable }) => variable.replace("DEBUGTAP_SECRET_", ""));
  t.strictSame(of("curl", "-H", `X-Auth-Token: ${one}`), ["X_AUTH_TOKEN"]);
  t.strictSame(of("-H", `Authorization: Bearer ${one}`), ["AUTHORIZATION"]);
  t.strictSame(of(`{"auth": {"password": "${one}", "api_key":'${two}'}}`), ["PASSWORD", "API_KEY"]);
  t.strictSame(of("--api-key", one, `--token=${two}`), ["API_KEY", "TOKEN"]);
  t.strictSame(of(`http://x/?sid=${one}&k=${two}`), ["SID", "K"]);
  t.strictSame(of(`https://me:${one}@host/`, two), ["1", "2"]);
  t.strictSame(of(`password=${one}`, `password=${two}`, `password: ${one}`), ["PASSWORD", "PASSWORD_2"]);
  t.strictSame(of("curl", "http://x/"), []);
  t.strictSame(of("«redacted:unreadable»"), []);
  t.ok(isUnreadable("a «redacted:unreadable» b"));
  t.notOk(isUnreadable(one));
  t.match(maskedWords([`X-Auth-Token: ${one}`]), [{ marker: one, name: "X-Auth-Token" }]);
  const values = new Map([
    [one, "$&'\""],
    [two, "b"],
  ]);
  t.equal(unmasked(`x=${one}, y=${two}, z=${one}, ${three}`, values), `x=$&'", y=b, z=$&'", ${three}`);
});

t.test("safe is what plainly reads, and nothing else", async (t) => {
  const commands: readonly (readonly [safe: boolean, ...argv: string[]])[] = [
    [true, "curl", "http://127.0.0.1:8776/v3"],
    [true, "/usr/bin/curl", "-sS", "-H", "X-Auth-Token: x", "https://vm/v3"],
    [true, "curl", "-sSLk", "-m5", "--max-time", "3", "-HAccept: x", "--url", "http://vm", "-XGET"],
    [true, "curl", "--request", "HEAD", "--header=A: b", "vm:8080/x"],
    [true, "curl", "-I", "vm"],
    [true, "wget", "-q", "-O", "-", "http://vm/"],
    [true, "wget", "--method=GET", "--spider", "http://vm/"],
    [false, "curl", "-d", "{}", "http://vm"],
    [false, "curl", "-sSd{}", "http://vm"],
    [false, "curl", "--data-binary", "@x", "http://vm"],
    [false, "curl", "--json", "{}", "http://vm"],
    [false, "curl", "-X", "DELETE", "http://vm"],
    [false, "curl", "-sXPOST", "http://vm"],
    [false, "curl", "--request=PUT", "http://vm"],
    [false, "curl", "-F", "a=b", "http://vm"],
    [false, "curl", "-T", "file", "http://vm"],
    [false, "curl", "-K", "config"],
    [false, "curl", "-o", "/etc/passwd", "http://vm"],
    [false, "curl", "-w", "%output{/etc/passwd}", "http://vm"],
    [false, "curl", "-H", "X-HTTP-Method-Override: DELETE", "http://vm"],
    [false, "curl", "-H", "@file", "http://vm"],
    [false, "curl", "ftp://vm/x"],
    [false, "curl", "file:///etc/passwd"],
    [false, "curl", "http://vm", "-X"],
    [false, "curl", "--next", "-d", "x", "http://vm"],
    [false, "wget", "--post-data=x", "http://vm/"],
    [false, "wget", "--method", "DELETE", "http://vm/"],
    [false, "wget", "-i", "list"],
    [false, "sh", "-c", "curl http://vm"],
    [false, "./curl.sh", "http://vm"],
    [false, "openstack", "volume", "list"],
    [false, "toString", "http://vm"],
    [false],
  ];
  for (const [safe, ...argv] of commands) t.equal(isSafeCommand(argv), safe, argv.join(" "));
  for (const method of ["GET", "HEAD", "OPTIONS"]) t.ok(isSafeRequest(method, [["Accept", "x"]]), method);
  for (const method of ["POST", "PUT", "PATCH", "DELETE", "PURGE", "get", ""])
    t.notOk(isSafeRequest(method, []), method);
  t.notOk(isSafeRequest("GET", [["x-method-override", "DELETE"]]));
  fc.assert(
    fc.property(fc.array(fc.string()), (argv) => {
      assert.equal(isSafeCommand(["curl", "-d", "x", ...argv]), false);
      assert.equal(typeof isSafeCommand(argv), "boolean");
    }),
  );
});

const hit = (place: string, more: Partial<Hit> = {}): { readonly hit: Hit } => ({
  hit: {
    number: 1,
    session: "api#1",
    service: "api",
    at: 0,
    thread: { id: 1 },
    reason: "breakpoint",
    breakpoint: place,
    snapshot: { frames: [{ name: "f", path: "/a.py", line: 3 }], took: 0 },
    ...more,
  },
});

t.test("hits recur in their order; what is too early or too late is missing there and extra here", async (t) => {
  const of = (recorded: string, now: string): [string, string, string] => {
    const [a, b] = [recorded, now].map((places) => Array.from(places, (place) => hit(place))) as [
      { hit: Hit }[],
      { hit: Hit }[],
    ];
    const { recurring, missing, extra } = recurrence(a, b);
    const text = (hits: readonly { readonly hit: Hit }[]): string => hits.map((each) => each.hit.breakpoint).join("");
    t.ok(recurring.every(([x, y]) => x.hit.breakpoint === y.hit.breakpoint));
    return [text(recurring.map(([x]) => x)), text(missing), text(extra)];
  };
  t.strictSame(of("abc", "abc"), ["abc", "", ""]);
  t.strictSame(of("abc", "axbcc"), ["abc", "", "xc"]);
  t.strictSame(of("abc", "ac"), ["ac", "b", ""]);
  t.strictSame(of("abc", "bac")[1].length, 1, "another order");
  t.strictSame(of("abc", ""), ["", "abc", ""]);
  const many = Array.from({ length: 100_000 }, (_, i) => hit(i % 7 === 0 ? "a" : "b"));
  t.equal(recurrence(many, many.toSpliced(50_000, 1)).missing.length, 1);
  t.equal(
    recurrence(
      many,
      many.map(() => hit("c")),
    ).recurring.length,
    0,
    "nothing in common",
  );
});

t.test(
  "the place is the breakpoint as it was written, whichever line it has; where none was named it is the line",
  async (t) => {
    const moved = { snapshot: { frames: [{ name: "f", path: "/a.py", line: 4 }], took: 0 } };
    t.equal(recurrence([hit("a.py:/x/")], [hit("a.py:/x/", moved)]).recurring.length, 1);
    t.equal(recurrence([hit("a.py:/x/")], [hit("a.py:/x/", { service: "other" })]).recurring.length, 0);
    const { breakpoint: _, ...unnamed } = hit("").hit;
    t.equal(recurrence([{ hit: unnamed }], [hit("/a.py:3 in api")]).recurring.length, 1);
    t.equal(recurrence([{ hit: unnamed }], [hit("/a.py:3 in api", moved)]).recurring.length, 0);
  },
);

t.test("breakpoints in force: what each wire was told last, as a SPEC", async (t) => {
  const dap = new BreakpointsInForce("api");
  const set = (path: string, ...breakpoints: object[]): void =>
    dap.dap({ seq: 1, type: "request", command: "setBreakpoints", arguments: { source: { path }, breakpoints } });
  set("/a.py", { line: 1 }, { line: 2, condition: "x > 3", hitCondition: "% 2" }, { line: 3, logMessage: "x={x}" });
  set("/b.py", { line: 7 });
  set(
    "/a.py",
    { line: 5, condition: "x in y", hitCondition: "no count" },
    { line: 6, hitCondition: ">3" },
    { line: -1 },
    {},
  );
  set("/b.py");
  set("file:///c%20d.py", { line: 9 });
  dap.dap({ seq: 2, type: "request", command: "threads" });
  t.strictSame(
    dap.specs.map(({ text }) => text),
    ["/a.py:5 in api if x in y", "/a.py:6 in api hits >= 4", "/c d.py:9 in api"],
  );
  t.ok(dap.specs.every((spec) => spec.text === formatSpec(spec)));

  const pydevd = new BreakpointsInForce("old");
  const tell = (id: number, text: string): void => pydevd.pydevd({ id, text });
  tell(501, "1.1\tUNIX\tID");
  tell(111, "1\tpython-line\t/a.py\t3\tNone\tx@_@NEW_LINE_CHAR@_@ > 3\tNone\t@HIT@ % 3 == 0\tFalse\tNONE");
  tell(111, "2\tpython-line\t/a.py\t4\tNone\tNone\tNone\t@HIT@ > 3\tFalse\tNONE");
  tell(111, "3\tpython-line\t/a.py\t5\tNone\tNone\t'say'\tNone\tTrue\tNONE");
  tell(111, "4\tdjango-line\t/a.html\t5\tNone\tNone\tNone");
  tell(111, "5\tpython-line\t/a.py\t6\tNone\tNone\tNone");
  tell(112, "python-line\t/a.py\t5");
  tell(111, "garbage");
  t.match(pydevd.specs, [
    { where: { line: 3 }, service: "old", condition: "x\n > 3", hits: { op: "%", count: 3 } },
    { where: { line: 4 }, hits: { op: ">=", count: 4 } },
  ]);
  t.equal(pydevd.specs.length, 2);
  const byLine = new BreakpointsInForce("old");
  for (const line of [3, 4]) byLine.pydevd({ id: 111, text: `python-line\t/a.py\t${line}\tNone\tNONE\tNone\tNone` });
  byLine.pydevd({ id: 112, text: "python-line\t/a.py\t3" });
  t.strictSame(
    byLine.specs.map(({ text }) => text),
    ["/a.py:4 in old"],
  );
});
