// The block in a file of others: what is put in comes out again, by TypeScript here and by the shell on a host, in any order.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import t from "tap";
import { hasBlock, otherBlocks, withBlock, withoutBlock, withoutBlocks } from "../../src/inject/block.ts";
import { ejectScript } from "../../src/inject/scripts.ts";
import { lostManifest } from "../../src/inject/lost.ts";

const [a, b] = ["aaaaaaaaaa", "bbbbbbbbbb"] as const;

const text = fc.option(
  fc
    .array(fc.constantFrom("A=1", "", "# mine", "PYTHONPATH=/x", "  \t", "é\r", "# debugtap of mine"), { maxLength: 6 })
    .chain((lines) => fc.constantFrom(lines.join("\n"), `${lines.join("\n")}\n`)),
  { nil: null },
);

t.test("in and out again, in any order", async (t) => {
  fc.assert(
    fc.property(text, fc.boolean(), (before, isFirst) => {
      const one = withBlock(before, a, ["X=1"]);
      const two = withBlock(one, b, ["X=2", "Y=3"]);
      const [first, last] = isFirst ? [a, b] : [b, a];
      const left = withoutBlock(two, first);
      return (
        hasBlock(two, a) &&
        hasBlock(two, b) &&
        otherBlocks(two, a).join() === b &&
        left !== null &&
        withoutBlock(left, last) === before &&
        withBlock(two, a, ["X=1"]) === two &&
        withoutBlock(withBlock(one, a, ["Z=9"]), a) === before
      );
    }),
  );
  t.equal(withoutBlocks(withBlock(withBlock("A=1\n", a, ["X=1"]), b, ["X=2"])), "A=1\n");
  t.equal(withoutBlock("A=1\n", a), "A=1\n");
});

t.test("the script on the host takes out the same", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "dtb-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  // It goes with its last folder.
  const base = join(dir, "base");
  const texts = [null, "", "A=1\n", "A=1", "A=1\n\n", "\n", "# mine\r\nB=2", "é\n"];
  for (const before of texts) {
    for (const after of ["", "C=3\n", "C=3"]) {
      const file = join(dir, "env");
      const injected = withBlock(before, a, ["X=1"]);
      // Somebody has added to it: lines of their own, behind a line end if there was none.
      const changed = after === "" ? injected : `${injected}${injected.endsWith("\n") ? "" : "\n"}${after}`;
      writeFileSync(file, changed);
      const manifest = lostManifest({
        id: a,
        by: "me",
        folder: join(base, a),
        shared: null,
        made: [],
        reload: [],
        files: [{ path: file, sudo: false }],
      });
      const { status, stdout, stderr } = spawnSync("sh", ["-c", ejectScript(base, manifest)], { encoding: "utf8" });
      t.equal(status, 0, stdout + stderr);
      const left = existsSync(file) ? readFileSync(file, "utf8") : null;
      t.equal(left, withoutBlock(changed, a), JSON.stringify([before, after]));
      rmSync(file, { force: true });
    }
  }
});
