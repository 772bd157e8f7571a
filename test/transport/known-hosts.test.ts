import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { ThrowawaySshd } from "../../src/demo/throwaway-sshd.ts";
import { KnownHosts, fingerprint, matchesName, parseKnownHosts } from "../../src/transport/known-hosts.ts";
import type { KnownHost } from "../../src/transport/known-hosts.ts";
import { resolveSshTarget } from "../../src/transport/ssh-config.ts";
import type { SshTarget } from "../../src/transport/ssh-config.ts";
import { openTunnel } from "../../src/transport/ssh-tunnel.ts";
import { codeOf, known, run } from "./vm.ts";

const ed25519 = keyBlob("ssh-ed25519", 1);
const otherEd25519 = keyBlob("ssh-ed25519", 2);
const rsa = keyBlob("ssh-rsa", 3);

function keyBlob(type: string, seed: number): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(type.length);
  return Buffer.concat([length, Buffer.from(type), Buffer.alloc(32, seed)]);
}

function line(names: string, blob: Buffer, type = "ssh-ed25519"): string {
  return `${names} ${type} ${blob.toString("base64")} comment\n`;
}

function names(text: string): KnownHost {
  return known(parseKnownHosts(line(text, ed25519), "f")[0]);
}

async function target(t: { teardown(end: () => unknown): void }, changes: Partial<SshTarget>): Promise<SshTarget> {
  const dir = await mkdtemp(join(tmpdir(), "debugtap-known-"));
  t.teardown(async () => await rm(dir, { recursive: true }));
  await writeFile(join(dir, "config"), `Host *\n UserKnownHostsFile ${dir}/known_hosts\n GlobalKnownHostsFile none\n`);
  const found = await resolveSshTarget({ destination: "stack@vm.example:2222", configFile: join(dir, "config") });
  return { ...found, ...changes };
}

t.test("names: plain, with port, lists, patterns, negation, hashed", async (t) => {
  t.ok(matchesName(names("vm.example"), "vm.example"));
  t.notOk(matchesName(names("vm.example"), "[vm.example]:2222"));
  t.ok(matchesName(names("[vm.example]:2222"), "[vm.example]:2222"));
  t.ok(matchesName(names("a,192.168.56.101,b"), "192.168.56.101"));
  t.ok(matchesName(names("*.example"), "vm.example"));
  t.ok(matchesName(names("vm?.example"), "vm1.example"));
  t.notOk(matchesName(names("*.example,!vm.example"), "vm.example"));
  t.notOk(matchesName(names("vmXexample"), "vm.example"), "a dot is a dot");
  const hashed = names("|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg=");
  t.ok(matchesName(hashed, "192.168.1.61"), "the example of sshd(8)");
  t.notOk(matchesName(hashed, "192.168.1.62"));
  t.notOk(matchesName(names("|1|broken"), "192.168.1.61"));
  t.equal(parseKnownHosts("# comment\n\nonly two\n@revoked * ssh-rsa AAAA\n", "f").length, 1);
});

t.test("unknown, changed, revoked, certificate authority", async (t) => {
  const vm = await target(t, {});
  const check = async (text: string, blob: Buffer, changes: Partial<SshTarget> = {}): Promise<void> =>
    await new KnownHosts({ ...vm, ...changes }, parseKnownHosts(text, "/kh")).verify(blob);

  await check(line("[vm.example]:2222", ed25519), ed25519);
  await check(line("vm.example", ed25519), ed25519, { port: 22 });
  await check(line("vm.example", ed25519), ed25519);
  await check(line("build-7", ed25519), ed25519, { hostKeyAlias: "build-7" });
  await check(line("[vm.example]:2222", rsa, "ssh-rsa") + line("[vm.example]:2222", ed25519), ed25519);

  const unknown = await codeOf(check("", ed25519));
  t.match(unknown, { code: "DT_HOSTKEY_UNKNOWN", message: "the host key of [vm.example]:2222 is not in known_hosts" });
  t.match(unknown.why, fingerprint(ed25519));
  t.match(unknown.fix, /^ssh -F \S+ -p 2222 -l stack vm\.example true$/);
  const scan = await codeOf(check("", ed25519, { strictHostKeyChecking: "yes" }));
  t.match(scan.fix, /^ssh-keyscan -p 2222 -t ed25519 vm\.example >> \S+known_hosts$/);
  t.equal((await codeOf(check(line("vm.example", otherEd25519), ed25519))).code, "DT_HOSTKEY_UNKNOWN");

  const changed = await codeOf(check(`# one\n${line("[vm.example]:2222", otherEd25519)}`, ed25519));
  t.equal(changed.code, "DT_HOSTKEY_CHANGED");
  t.match(changed.why, "/kh:2 has ssh-ed25519");
  t.equal(changed.fix, "ssh-keygen -R '[vm.example]:2222' -f /kh");
  const otherKind = await codeOf(check(line("[vm.example]:2222", rsa, "ssh-rsa"), ed25519));
  t.equal(otherKind.code, "DT_HOSTKEY_CHANGED", "its own kind was offered first, so it no longer has that key");
  for (const strictHostKeyChecking of ["no", "accept-new"] as const) {
    const never = await codeOf(check(line("[vm.example]:2222", otherEd25519), ed25519, { strictHostKeyChecking }));
    t.equal(never.code, "DT_HOSTKEY_CHANGED", strictHostKeyChecking);
  }

  const text = line("[vm.example]:2222", ed25519) + line("@revoked *", ed25519);
  t.match(await codeOf(check(text, ed25519)), { code: "DT_HOSTKEY_REVOKED", why: /^\/kh:2 / });
  const authority = await codeOf(check(line("@cert-authority *.example", otherEd25519), ed25519));
  t.equal(authority.code, "DT_HOSTKEY_UNKNOWN");
  t.match(authority.why, "cannot check host certificates");

  const order = new KnownHosts(vm, parseKnownHosts(line("[vm.example]:2222", rsa, "ssh-rsa"), "f")).algorithms();
  t.same(order.slice(0, 3), ["rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519"]);
});

t.test("accept-new writes the key down, hashed if so set, once", async (t) => {
  for (const hashKnownHosts of [false, true]) {
    const vm = await target(t, { hashKnownHosts, strictHostKeyChecking: "accept-new" });
    const file = known(vm.userKnownHostsFiles[0]);
    await (await KnownHosts.load(vm)).verify(ed25519);
    t.equal((await stat(file)).mode & 0o777, 0o600);
    const text = await readFile(file, "utf8");
    t.equal(text.startsWith("|1|"), hashKnownHosts);
    await (await KnownHosts.load({ ...vm, strictHostKeyChecking: "yes" })).verify(ed25519);
    t.equal(await readFile(file, "utf8"), text);
    t.equal((await codeOf((await KnownHosts.load(vm)).verify(otherEd25519))).code, "DT_HOSTKEY_CHANGED");
    t.match((await run("ssh-keygen", ["-F", "[vm.example]:2222", "-f", file])).stdout, "found: line 1", "ssh reads it");
  }
  const discarding = await target(t, { strictHostKeyChecking: "no", userKnownHostsFiles: ["/dev/null"] });
  await (await KnownHosts.load(discarding)).verify(ed25519);
});

t.test("against a real sshd with two kinds of keys", async (t) => {
  const sshd = await ThrowawaySshd.start({ hostKeyTypes: ["ed25519", "rsa"] });
  t.teardown(async () => await sshd.stop());
  const file = join(sshd.dir, "known_hosts");
  const full = await readFile(file, "utf8");
  const open = async (): Promise<void> => {
    const tunnel = await openTunnel({ name: "devstack", destination: "vm", configFile: sshd.sshConfig });
    await tunnel.close();
  };
  await open();
  await writeFile(file, known(full.split("\n").find((text) => text.includes("ssh-rsa"))));
  await open();
  t.pass("a host known by its RSA key only");
  await run("ssh-keygen", ["-H", "-f", file]);
  await open();
  t.pass("a hashed entry for another port");

  await writeFile(file, "");
  const unknown = await codeOf(open());
  t.equal(unknown.code, "DT_HOSTKEY_UNKNOWN");
  await run("sh", ["-c", known(unknown.fix)]);
  await open();
  t.pass("the fix, pasted, mends it");

  const imposter = (await readFile(join(sshd.dir, "user_key.pub"), "utf8")).split(" ").slice(0, 2).join(" ");
  await writeFile(file, `[127.0.0.1]:${sshd.port} ${imposter}\n`);
  const changed = await codeOf(open());
  t.equal(changed.code, "DT_HOSTKEY_CHANGED");
  t.match(changed.why, `${file}:1`);
  await run("sh", ["-c", known(changed.fix)]);
  t.equal((await codeOf(open())).code, "DT_HOSTKEY_UNKNOWN", "the fix removes the old key");

  await writeFile(file, full + full.replaceAll(/^\[/gm, "@revoked [").trimEnd() + "\n");
  t.equal((await codeOf(open())).code, "DT_HOSTKEY_REVOKED");

  await writeFile(
    sshd.sshConfig,
    (await readFile(sshd.sshConfig, "utf8")).replace("Checking yes", "Checking accept-new"),
  );
  await chmod(sshd.dir, 0o700);
  await rm(file);
  await open();
  t.match(await readFile(file, "utf8"), `[127.0.0.1]:${sshd.port} ssh-ed25519 `);
});
