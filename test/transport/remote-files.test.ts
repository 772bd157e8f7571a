// Files by SFTP over a real sshd, and the same of this machine: one contract.
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { ThrowawaySshd } from "../../src/demo/throwaway-sshd.ts";
import { localFiles, type RemoteFiles } from "../../src/transport/remote-files.ts";
import { openTunnel } from "../../src/transport/ssh-tunnel.ts";
import { codeOf } from "./vm.ts";

const sshd = await ThrowawaySshd.start();
const tunnel = await openTunnel({ name: "vm", destination: sshd.alias, configFile: sshd.sshConfig });
t.teardown(async () => {
  await tunnel.close();
  await sshd.stop();
});

// Not below tap's directories: the VM's user may not enter those.
const dir = mkdtempSync(join(tmpdir(), "debugtap-files-"));
t.teardown(() => rmSync(dir, { recursive: true, force: true }));
chmodSync(dir, 0o755);
const text = "täst\n".repeat(200_000);
writeFileSync(join(dir, "large.py"), text);
writeFileSync(join(dir, "empty.py"), "");
symlinkSync(join(dir, "large.py"), join(dir, "link.py"));
symlinkSync(join(dir, "nowhere"), join(dir, "dangling.py"));

const both: Readonly<Record<string, RemoteFiles>> = { sftp: tunnel.files, local: localFiles };
for (const [name, files] of Object.entries(both)) {
  t.test(`${name}: facts, whole content and real path; what is not there is undefined`, async (t) => {
    const size = Buffer.byteLength(text);
    const facts = await files.stat(join(dir, "link.py"));
    t.match(facts, { size, isFile: true });
    t.ok(Math.abs((facts?.mtime ?? 0) - Date.now() / 1000) < 600);
    const content = await files.read(join(dir, "link.py"), size);
    t.match(content, { size, mtime: facts?.mtime, isFile: true });
    t.ok(Buffer.from(text).equals(content?.bytes ?? Buffer.alloc(0)));
    t.equal((await files.read(join(dir, "empty.py"), 0))?.bytes.length, 0);
    t.equal(await files.realPath(join(dir, "link.py")), join(dir, "large.py"));
    for (const path of [join(dir, "none.py"), join(dir, "dangling.py"), join(dir, "empty.py", "below")]) {
      t.equal(await files.stat(path), undefined, path);
      t.equal(await files.read(path, 10), undefined, path);
    }
    t.equal(await files.realPath(join(dir, "none", "below")), undefined);
  });

  t.test(`${name}: too large, or no file: refused with the path and the reason`, async (t) => {
    const large = await codeOf(files.read(join(dir, "large.py"), 1000));
    t.match(large.format(), /DT_FILE_UNREADABLE.*large\.py[^]*more than 1000/);
    t.match((await codeOf(files.read(dir, 1000))).code, "DT_FILE_UNREADABLE");
  });
}

t.test("many at a time, and one that may not be read", async (t) => {
  const facts = await Promise.all(Array.from({ length: 200 }, () => tunnel.files.stat(join(dir, "large.py"))));
  t.ok(facts.every((each) => each?.isFile));
  chmodSync(join(dir, "empty.py"), 0o600);
  if (process.getuid?.() !== 0) return;
  t.match((await codeOf(tunnel.files.read(join(dir, "empty.py"), 10))).format(), /DT_FILE_UNREADABLE.*[Pp]ermission/s);
});

t.test("a connection that ends: what waits is refused, and what comes later", async (t) => {
  const other = await openTunnel({ name: "vm", destination: sshd.alias, configFile: sshd.sshConfig });
  t.match(await other.files.stat(join(dir, "large.py")), { isFile: true });
  const reads = [other.files.read(join(dir, "large.py"), 1e7), other.files.stat(dir)].map((each) => codeOf(each));
  await other.close();
  for (const { code } of await Promise.all(reads)) t.equal(code, "DT_LINK_LOST");
  t.equal((await codeOf(other.files.stat(dir))).code, "DT_LINK_LOST");
});

t.test("an sshd without SFTP says so", async (t) => {
  const plain = await ThrowawaySshd.start({ settings: { Subsystem: "sftp /bin/false" } });
  t.teardown(() => plain.stop());
  const without = await openTunnel({ name: "vm", destination: plain.alias, configFile: plain.sshConfig });
  t.teardown(() => without.close());
  t.match((await codeOf(without.files.stat(dir))).format(), /DT_FILE_UNREADABLE.*no SFTP[^]*fix: /);
});
