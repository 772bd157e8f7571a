// README's reader "Headless, in CI": its commands, from nothing to the first hit and a report.
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { clone, pack, sectionOf, shell } from "../helpers/readme.ts";
import { freePort } from "../helpers/sockets.ts";

t.test("README: headless, in CI", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "debugtap-reader-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const [debug, http] = [`${await freePort()}`, `${await freePort()}`];
  const { commands, file } = sectionOf("Headless, in CI", { "5678": debug, "8000": http });
  copyFileSync(join(clone, "test/fixtures/readers/app.py"), join(dir, "app.py"));
  writeFileSync(join(dir, "expect.yml"), file("yaml"));
  pack(dir);
  const { type } = shell(t, dir, dir, { PORT: http });
  const [install = "", start = "", record = "", check = "", ...more] = commands;
  t.same(more, []);

  const installed = await type(install);
  t.equal(installed.code, 0, installed.stderr);
  await type(start);
  const recorded = await type(record);
  t.equal(recorded.code, 0, recorded.stderr);
  t.match(recorded.stdout, /^6$/m, "the answer to curl");
  t.match(recorded.stdout, /app\.py:10\b/);
  const checked = await type(check);
  t.equal(checked.code, 0, checked.stdout);
  t.match(readFileSync(join(dir, "hits.xml"), "utf8"), /<testsuite .*tests="1" failures="0"/);

  t.test("what is not so fails the job", async (t) => {
    writeFileSync(join(dir, "expect.yml"), file("yaml").replace("total: 6", "total: 7"));
    const other = await type(check);
    t.match([other.code, other.stdout], [1, /total expected 7, found 6/]);
    t.match(readFileSync(join(dir, "hits.xml"), "utf8"), /failures="1"/);
    const unreached = await type(record.replace("return total", "def total_of"));
    t.match([unreached.code, unreached.stderr], [1, "DT_NOT_HIT"]);
  });
});
