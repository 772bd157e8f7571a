import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { matchesHost } from "../../src/transport/ssh-config-file.ts";
import { shellQuote } from "../../protocol/shell.ts";
import { parseDestination, resolveSshTarget, sshLine } from "../../src/transport/ssh-config.ts";
import { codeOf } from "./vm.ts";

const noSsh = "/nonexistent/ssh";

async function folder(t: { teardown(end: () => unknown): void }): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "debugtap-config-"));
  t.teardown(async () => await rm(dir, { recursive: true }));
  return dir;
}

t.test("destinations, and those that ssh would take for something else", async (t) => {
  t.same(parseDestination("vm"), { host: "vm", user: undefined, port: undefined });
  t.same(parseDestination("stack@192.168.56.101:2222"), { host: "192.168.56.101", user: "stack", port: 2222 });
  t.same(parseDestination("ssh://stack@vm:2222/"), { host: "vm", user: "stack", port: 2222 });
  t.same(parseDestination("stack@[fe80::1]:22"), { host: "fe80::1", user: "stack", port: 22 });
  t.same(parseDestination("::1"), { host: "::1", user: undefined, port: undefined });
  const bad = [
    "",
    "-oProxyCommand=true",
    "stack@-oX",
    "-l@vm",
    "a b",
    "vm:0",
    "vm:99999",
    "vm:x",
    "vm;true",
    "$(true)",
    "@",
    "vm\n",
  ];
  for (const destination of bad) {
    const error = await codeOf(resolveSshTarget({ destination }));
    t.equal(error.code, "DT_SSH_CONFIG", destination);
    t.ok(error.why);
  }
  t.match(
    (await codeOf(resolveSshTarget({ destination: "vm", configFile: "/nonexistent/config" }))).message,
    "does not exist",
  );
});

t.test("our parser and ssh -G agree", async (t) => {
  const dir = await folder(t);
  await mkdir(join(dir, "conf.d"));
  await writeFile(
    join(dir, "conf.d/10-jump.conf"),
    "Host far\n  ProxyJump stack@hop:2222\n  ConnectTimeout 7\nHost *\n IdentityFile ~/.ssh/from_include\n",
  );
  await writeFile(
    join(dir, "config"),
    `# a comment
Include ${dir}/conf.d/*.conf
Host vm1 vm2
  HostName %h.example.org
  User=stack
  Port = 2022
  IdentityFile ~/.ssh/vm_key
  IdentityFile "%d/keys/%r@%h"
  IdentitiesOnly yes
Host vm?  !vm2
  Port 2023
  StrictHostKeyChecking accept-new
  HashKnownHosts yes
Host far
  hostname 10.0.0.9
  IdentityAgent none
  HostKeyAlias far-key
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  GlobalKnownHostsFile /etc/ssh/kh1 /etc/ssh/kh2
Host command
  ProxyCommand nc -X 5 %h %p
  IdentityAgent ~/agent.sock
Host *.lab !secret.lab
  User lab
Host *
  Port 22
  User fallback
`,
  );
  const configFile = join(dir, "config");
  const destinations = ["vm1", "vm2", "vm3", "root@vm1:99", "far", "command", "a.lab", "secret.lab", "other"];
  for (const destination of destinations) {
    const asked = await resolveSshTarget({ destination, configFile });
    const parsed = await resolveSshTarget({ destination, configFile, ssh: noSsh });
    t.equal(asked.ssh, "ssh");
    t.equal(parsed.ssh, undefined);
    t.same({ ...parsed, ssh: "ssh" }, asked, destination);
  }
  const vm1 = await resolveSshTarget({ destination: "vm1", configFile, ssh: noSsh });
  t.match(vm1, {
    hostname: "vm1.example.org",
    port: 2022,
    user: "stack",
    identityFiles: [
      `${homedir()}/.ssh/from_include`,
      `${homedir()}/.ssh/vm_key`,
      `${homedir()}/keys/stack@vm1.example.org`,
    ],
    identitiesOnly: true,
    strictHostKeyChecking: "accept-new",
    hashKnownHosts: true,
  });
  const far = await resolveSshTarget({ destination: "far", configFile });
  t.match(far, {
    proxyJump: "stack@hop:2222",
    connectTimeoutMs: 7000,
    hostKeyAlias: "far-key",
    strictHostKeyChecking: "no",
  });
  t.equal(sshLine(far, "true"), `ssh -F ${configFile} far true`);
});

t.test("settings that cannot be read say where", async (t) => {
  const dir = await folder(t);
  const configFile = join(dir, "config");
  await writeFile(configFile, "Host vm\n  Nonsense yes\n");
  const nonsense = await codeOf(resolveSshTarget({ destination: "vm", configFile }));
  t.match(nonsense, { code: "DT_SSH_CONFIG", why: /line 2.*nonsense/i, fix: `ssh -G -F ${configFile} vm` });
  await writeFile(configFile, "Port 1\nMatch exec true\n  User x\n");
  const match = await codeOf(resolveSshTarget({ destination: "vm", configFile, ssh: noSsh }));
  t.match(match, { code: "DT_SSH_CONFIG", message: `${configFile}:2 needs the ssh program to be understood` });
  await writeFile(configFile, `Include ${configFile}\n`);
  t.equal((await codeOf(resolveSshTarget({ destination: "vm", configFile, ssh: noSsh }))).code, "DT_SSH_CONFIG");
});

t.test("patterns and quoting", async (t) => {
  t.ok(matchesHost("vm1", ["vm*"]));
  t.notOk(matchesHost("vm1", ["vm*", "!vm1"]));
  t.notOk(matchesHost("vm1", ["!vm2"]), "a negation alone matches nothing");
  t.equal(shellQuote("it's"), String.raw`'it'\''s'`);
  t.equal(shellQuote("/tmp/a-b"), "/tmp/a-b");
});
