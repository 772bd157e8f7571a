// The tar that is sent, read by the real tar; wheels, made by the real zipfile; records and manifests that are damaged.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { archive, wheelFiles, type Entry } from "../../src/inject/archive.ts";
import { parseManifest } from "../../src/inject/manifest.ts";
import { readInjected, writeInjected } from "../../src/inject/record.ts";

t.test("tar", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "dta-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const long = `${"deep/".repeat(20)}${"x".repeat(90)}.py`;
  const entries = new Map<string, Entry>([
    ["a b/é.txt", Buffer.from("text")],
    [long, Buffer.alloc(1025, 7)],
    ["empty", Buffer.alloc(0)],
    ["link", { link: "/some where" }],
  ]);
  const { status, stderr } = spawnSync("tar", ["-xzf", "-", "-C", dir], { input: archive(entries), encoding: "utf8" });
  t.equal(status, 0, stderr);
  for (const [path, entry] of entries) {
    if (Buffer.isBuffer(entry)) t.same(readFileSync(join(dir, path)), entry, path);
    else t.equal(readlinkSync(join(dir, path)), entry.link);
  }
  t.throws(() => archive(new Map([["y".repeat(200), Buffer.alloc(0)]])), { code: "DT_INTERNAL" });
});

t.test("wheel", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "dta-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, "x.whl");
  const zip =
    "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1], 'w')\nz.writestr('a/b.py', 'x = 1\\n' * 999, zipfile.ZIP_DEFLATED)\nz.writestr('c', b'plain', zipfile.ZIP_STORED)\nz.writestr('d/', '')\nz.comment = b'PK'\n";
  t.equal(spawnSync("/usr/bin/python3", ["-c", zip, file]).status, 0);
  const bytes = readFileSync(file);
  const files = wheelFiles(bytes, file);
  t.same([...files.keys()], ["a/b.py", "c"]);
  t.equal(files.get("a/b.py")?.toString(), "x = 1\n".repeat(999));
  t.equal(files.get("c")?.toString(), "plain");
  for (const damaged of [Buffer.from("no zip"), bytes.subarray(bytes.length - 60)])
    t.throws(() => wheelFiles(damaged, file), { code: "DT_FILE_UNREADABLE", fix: /pip download/ });
  const out = "import sys, zipfile\nzipfile.ZipFile(sys.argv[1], 'w').writestr('../x', '')";
  t.equal(spawnSync("/usr/bin/python3", ["-c", out, file]).status, 0);
  t.throws(() => wheelFiles(readFileSync(file), file), { code: "DT_FILE_UNREADABLE" });
});

t.test("a manifest and a local record that are damaged", async (t) => {
  for (const text of ["", "{", "[]", '{"version":2}', '{"version":1,"id":"../../etc","files":[]}'])
    t.throws(() => parseManifest(text, "/h/.cache/debugtap/0123456789/manifest.json"), {
      code: "DT_INJECT_MANIFEST",
      fix: "sh /h/.cache/debugtap/0123456789/eject.sh",
    });
  const dir = mkdtempSync(join(tmpdir(), "dta-"));
  const state = process.env["XDG_STATE_HOME"];
  process.env["XDG_STATE_HOME"] = dir;
  t.teardown(() => {
    if (state === undefined) delete process.env["XDG_STATE_HOME"];
    else process.env["XDG_STATE_HOME"] = state;
    rmSync(dir, { recursive: true, force: true });
  });
  t.same(await readInjected(), []);
  mkdirSync(join(dir, "debugtap"));
  writeFileSync(join(dir, "debugtap/injected.json"), "{");
  t.same(await readInjected(), [], "a damaged one is none");
  const host = { name: "vm", ssh: "vm", source: [] };
  const entry = {
    id: "0123456789",
    config: "/c/debugtap.yml",
    host: { name: "vm", ssh: "vm" },
    folder: "/f",
    made: [],
    services: ["api"],
    files: [],
    reload: [],
  };
  await writeInjected(entry.id, host, entry);
  await writeInjected(entry.id, { ...host, ssh: "other" }, undefined);
  t.same(await readInjected(), [entry]);
  await writeInjected(entry.id, host, undefined);
  t.same(await readInjected(), []);
});
