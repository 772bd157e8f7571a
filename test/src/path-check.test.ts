import { fc } from "../helpers/property.ts";
import t from "tap";
import { changedLineCount, differenceOf, proposalsWithin, proposePaths } from "../../src/path-check.ts";
import type { SourceText } from "../../src/path-check.ts";

const source = (text: string): SourceText => ({ sha256: `h ${text}`, text });

t.test("a file that differs is told with both hashes and the changed lines; line ends are no difference", async (t) => {
  t.strictSame(differenceOf(source("a\nb\nc\n"), source("a\nB\nc\nd\n")), {
    localHash: "h a\nb\nc\n",
    remoteHash: "h a\nB\nc\nd\n",
    changedLines: 2,
  });
  t.equal(differenceOf(source("a\r\nb\r\n"), source("a\nb\n")), undefined);
  t.equal(differenceOf(source("a"), source("a")), undefined);
});

t.test("changed lines: replaced, added and removed, and a bound on the work", async (t) => {
  const lines = (text: string) => Array.from(text);
  t.equal(changedLineCount([], []), 0);
  t.equal(changedLineCount(lines("abcdef"), lines("abXdef")), 1);
  t.equal(changedLineCount(lines("abcdef"), lines("abef")), 2);
  t.equal(changedLineCount(lines("abef"), lines("abcdef")), 2);
  t.equal(changedLineCount([], lines("abc")), 3);
  const numbers = (from: number) => Array.from({ length: 20_000 }, (_, n) => String(from + n));
  t.equal(changedLineCount(numbers(0), numbers(50_000)), 20_000);
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 12 }),
      fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 12 }),
      (a, b) => {
        const common = longestCommon(a, b);
        return changedLineCount(a, b) === Math.max(a.length, b.length) - common;
      },
    ),
  );
});

/** The plain table of the longest common subsequence. */
function longestCommon(a: readonly string[], b: readonly string[]): number {
  let row = Array.from({ length: b.length + 1 }, () => 0);
  for (const line of a) {
    const next = [0];
    for (const [j, other] of b.entries())
      next.push(line === other ? (row[j] ?? 0) + 1 : Math.max(row[j + 1] ?? 0, next[j] ?? 0));
    row = next;
  }
  return row.at(-1) ?? 0;
}

t.test(
  "proposals: the widest pairs that explain the files, each file once, none for what is called the same",
  async (t) => {
    const tree = (root: string, files: readonly string[], mark = "") =>
      files.map((file) => ({ path: `${root}/${file}`, sha256: `${file.split("/").slice(1).join("/")}${mark}` }));
    const cinder = ["cinder/api/a.py", "cinder/api/b.py", "cinder/volume/c.py", "cinder/d.py"];
    const nova = ["nova/x.py", "nova/y.py"];
    const remote = [
      ...tree("/opt/stack", cinder, "cinder"),
      ...tree("/opt/stack", nova, "nova"),
      ...tree("/usr/lib/python3", ["json/decoder.py"]),
      ...tree("/opt/venv/lib/site", ["oslo/log.py"]),
      { path: "/opt/stack/nova/__init__.py", sha256: "empty" },
      { path: "/opt/stack/unknown.py", sha256: "?" },
    ];
    const local = [
      ...tree("/home/me/src/openstack", cinder, "cinder"),
      ...tree("/home/me/fork-of", ["nova/y.py"], "nova"),
      ...tree("/home/me/src/openstack", nova, "nova"),
      ...tree("/usr/lib/python3", ["json/decoder.py"]),
      ...tree("/home/me/venv/site", ["oslo/log.py"]),
      ...Array.from({ length: 200 }, (_, n) => ({ path: `/home/me/p${n}/nova/__init__.py`, sha256: "empty" })),
    ];
    t.strictSame(proposePaths(remote, local), [
      { local: "/home/me/src/openstack", remote: "/opt/stack", files: 6 },
      { local: "/home/me/venv", remote: "/opt/venv/lib", files: 1 },
    ]);
    const windows = local.map(({ path, sha256 }) => ({ path: `C:${path.replaceAll("/", "\\")}`, sha256 }));
    t.match(proposePaths(remote, windows)[0], {
      local: "C:\\home\\me\\src\\openstack",
      remote: "/opt/stack",
      files: 6,
    });
    t.strictSame(proposePaths(remote, []), []);
    t.strictSame(proposePaths([{ path: "/app/a.py", sha256: "1" }], [{ path: "/other.py", sha256: "1" }]), []);
  },
);

t.test("proposals stay within the directories that were looked in", async (t) => {
  const wide = [{ local: "/home/me/src", remote: "/opt", files: 3 }];
  t.strictSame(proposalsWithin(wide, ["/home/me/src/app", "/home/me/src/app/lib"]), [
    { local: "/home/me/src/app", remote: "/opt/app", files: 3 },
  ]);
  t.strictSame(proposalsWithin(wide, ["/home/me/src/app", "/home/me/src/lib"]), wide);
  t.strictSame(proposalsWithin(wide, ["/home/me"]), wide);
  t.strictSame(proposalsWithin([{ local: "/", remote: "/srv", files: 1 }], ["/data"]), [
    { local: "/data", remote: "/srv/data", files: 1 },
  ]);
});
