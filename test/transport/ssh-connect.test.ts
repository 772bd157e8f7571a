import { spawn } from "node:child_process";
import { appendFile, copyFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import t from "tap";
import { ThrowawaySshd } from "../../src/demo/throwaway-sshd.ts";
import type { Prompt } from "../../src/transport/ssh-auth.ts";
import { openTunnel } from "../../src/transport/ssh-tunnel.ts";
import { codeOf, known, run, service, until } from "./vm.ts";

type Tap = Pick<typeof t, "teardown">;

/** An sshd, and a way to log in to it with other settings than its own. */
async function vm(t: Tap): Promise<{
  sshd: ThrowawaySshd;
  file: (name: string) => string;
  keygen: (name: string, passphrase?: string) => Promise<string>;
  login: (settings: string, prompt?: Prompt) => Promise<void>;
}> {
  const sshd = await ThrowawaySshd.start();
  t.teardown(async () => await sshd.stop());
  const file = (name: string): string => join(sshd.dir, name);
  const base = (await readFile(sshd.sshConfig, "utf8")).replaceAll(/^ {2}Identit.*\n/gm, "");
  let logins = 0;
  return {
    sshd,
    file,
    keygen: async (name, passphrase = "") => {
      await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", passphrase, "-C", name, "-f", file(name)]);
      return file(name);
    },
    login: async (settings, prompt) => {
      const configFile = file(`login${++logins}`);
      await writeFile(configFile, `${base}${settings}`);
      const options = prompt === undefined ? {} : { prompt };
      const tunnel = await openTunnel({ name: "devstack", destination: "vm", configFile }, options);
      await tunnel.close();
    },
  };
}

t.test("key files: wrong, absent, unreadable, a certificate", async (t) => {
  const { sshd, file, keygen, login } = await vm(t);
  await login(`IdentityFile ${file("user_key")}\nIdentityAgent none\n`);
  const wrong = await keygen("wrong");
  await login(`IdentityFile ${wrong}\nIdentityFile ${file("user_key")}\nIdentityAgent none\n`);
  t.pass("the second key is tried after the first");

  const refused = await codeOf(login(`IdentityFile ${wrong}\nIdentityFile ${file("absent")}\nIdentityAgent none\n`));
  t.match(refused, { code: "DT_SSH_AUTH", message: `vm does not let ${sshd.user} in` });
  t.match(refused.why, `${wrong}: refused; ${file("absent")}: no such file; the server accepts: publickey`);
  t.match(refused.fix, /^ssh -F /);

  const empty = await codeOf(login("IdentityFile none\nIdentityAgent none\n"));
  t.match(empty, { code: "DT_SSH_AUTH", why: /^there is no key to offer; the server accepts: publickey/ });

  await writeFile(file("garbage"), "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n");
  const garbage = await codeOf(login(`IdentityFile ${file("garbage")}\nIdentityAgent none\n`));
  t.match(garbage, { code: "DT_SSH_AUTH", why: new RegExp(`^${file("garbage")}: `) });

  await run("ssh-keygen", ["-q", "-s", wrong, "-I", "id", "-n", sshd.user, `${wrong}.pub`]);
  const certificate = await codeOf(login(`IdentityFile ${wrong}\nIdentityAgent none\n`));
  t.match(certificate.why, `${wrong}-cert.pub: debugtap cannot use certificates`);

  for (let index = 0; index < 7; index++) await keygen(`many${index}`);
  const many = Array.from({ length: 7 }, (_, index) => `IdentityFile ${file(`many${index}`)}\n`).join("");
  const cut = await codeOf(login(`${many}IdentityAgent none\n`));
  t.equal(cut.code, "DT_SSH_AUTH", "the server hangs up after six");
});

t.test("a key with a passphrase: asked once, wrong, nobody to ask", async (t) => {
  const { sshd, file, keygen, login } = await vm(t);
  const locked = await keygen("locked", "open sesame");
  await appendFile(file("authorized_keys"), await readFile(`${locked}.pub`));
  const settings = `IdentityFile ${locked}\nIdentityAgent none\n`;
  const none = await codeOf(login(settings));
  t.match(none, {
    code: "DT_SSH_KEY_UNREADABLE",
    fix: `ssh-add ${locked}`,
    message: `the key ${locked} needs its passphrase`,
  });
  const gaveUp = await codeOf(login(settings, async () => undefined));
  t.equal(gaveUp.code, "DT_SSH_KEY_UNREADABLE");

  const asked: string[] = [];
  const wrong = await codeOf(
    login(settings, async (question) => {
      asked.push(question);
      return "wrong";
    }),
  );
  t.match(wrong, { code: "DT_SSH_AUTH", why: new RegExp(`${locked}: wrong passphrase`) });
  t.same(
    asked,
    Array.from({ length: 3 }, () => `Passphrase for ${locked}: `),
  );

  let secret = 0;
  const right: Prompt = async (_question, options) => {
    if (options.secret) secret++;
    return "open sesame";
  };
  await Promise.all([login(settings, right), login(settings, right)]);
  await login(settings);
  t.equal(secret, 1, "two connections at once ask once; a reconnect needs nobody");
  await copyFile(file("user_key"), locked);
  await login(settings);
  t.pass("a changed file is read again");
  t.notMatch(sshd.log(), /open sesame/);
});

t.test("agent: its keys, their order, IdentitiesOnly, an agent that is gone", async (t) => {
  const { file, keygen, login } = await vm(t);
  const socket = file("agent");
  const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
  t.teardown(() => agent.kill());
  const add = async (key: string): Promise<unknown> =>
    await run("ssh-add", ["-q", key], { env: { SSH_AUTH_SOCK: socket } });
  await until(
    async () =>
      await run("ssh-add", ["-D"], { env: { SSH_AUTH_SOCK: socket } }).then(
        () => true,
        () => false,
      ),
  );
  const locked = await keygen("locked", "open sesame");
  for (let index = 0; index < 7; index++) await add(await keygen(`many${index}`));
  const cut = await codeOf(login(`IdentityFile none\nIdentityAgent ${socket}\n`));
  t.match(
    cut,
    { code: "DT_SSH_AUTH", why: /MaxAuthTries.*many6$/, fix: /IdentitiesOnly yes.* vm >>/ },
    "seven wrong keys are too many",
  );
  await login(`IdentityFile ${file("user_key")}\nIdentitiesOnly yes\nIdentityAgent ${socket}\n`);
  t.pass("IdentitiesOnly leaves the agent's others out");

  await add(file("user_key"));
  await rm(file("user_key"));
  await login(`IdentityFile ${file("user_key")}\nIdentityAgent ${socket}\n`);
  t.pass("the named key goes first, and only its public half is on disk");
  const refused = await codeOf(login(`IdentityFile ${file("many0")}\nIdentitiesOnly yes\nIdentityAgent ${socket}\n`));
  t.match(refused.why, /^agent key ssh-ed25519 many0: refused; the server accepts/);
  t.equal(refused.why?.includes(`${file("many0")}: refused`), false, "not offered twice");

  const gone = await codeOf(login(`IdentityFile ${locked}\nIdentityAgent ${file("no-agent")}\n`));
  t.match(gone, { code: "DT_SSH_KEY_UNREADABLE", why: /agent \S+no-agent: Failed to connect/ });
});

t.test("a server that is down, silent, or no SSH server", async (t) => {
  const { sshd, login, file } = await vm(t);
  const reach = async (port: number, timeoutMs = 5000, signal?: AbortSignal): Promise<unknown> => {
    const destination = `${sshd.user}@127.0.0.1:${port}`;
    const options = signal === undefined ? { timeoutMs } : { timeoutMs, signal };
    return await openTunnel({ name: "devstack", destination, configFile: sshd.sshConfig }, options);
  };
  const down = await codeOf(reach(1));
  t.match(down, {
    code: "DT_SSH_UNREACHABLE",
    message: "the SSH server 127.0.0.1:1 cannot be reached",
    why: "nothing listens there",
  });
  const nowhere = await codeOf(
    openTunnel({ name: "x", destination: "x@no-such-host.invalid", configFile: "/dev/null" }),
  );
  t.match(nowhere, { code: "DT_SSH_UNREACHABLE", why: "there is no host no-such-host.invalid" });

  const silent = await service(() => {});
  t.teardown(async () => await silent.close());
  t.match(await codeOf(reach(silent.port, 100)), { code: "DT_SSH_TIMEOUT", why: /in 100 ms/ });
  const controller = new AbortController();
  const stopped = codeOf(reach(silent.port, 5000, controller.signal));
  await until(() => silent.sockets.length === 2);
  controller.abort();
  t.equal((await stopped).code, "DT_SSH_UNREACHABLE");
  t.equal((await codeOf(reach(silent.port, 5000, controller.signal))).code, "DT_SSH_UNREACHABLE");
  await until(() => silent.sockets.every((socket) => socket.readableEnded || socket.destroyed || !socket.resume()));

  const answers: [string, string, RegExp][] = [
    ["HTTP/1.1 400 Bad Request\r\n\r\n", "DT_SSH_PROTOCOL", /it answered "HTTP\/1\.1 400/],
    ["x".repeat(100_000), "DT_SSH_PROTOCOL", /it answered "xxx/],
    ["\0\x01\x02\xff".repeat(300), "DT_SSH_PROTOCOL", /it answered/],
    ["SSH-1.5-old\r\n", "DT_SSH_PROTOCOL", /./],
    [`SSH-2.0-fake\r\n${"\xff".repeat(2000)}`, "DT_SSH_PROTOCOL", /./],
    ["", "DT_SSH_UNREACHABLE", /closed the connection before it said anything/],
  ];
  for (const [bytes, code, why] of answers) {
    const peer = await service((socket) => socket.end(Buffer.from(bytes, "latin1")));
    const error = await codeOf(reach(peer.port));
    t.match(error, { code, why }, JSON.stringify(bytes.slice(0, 20)));
    await peer.close();
  }

  const strange = await ThrowawaySshd.start({ settings: { KexAlgorithms: "sntrup761x25519-sha512@openssh.com" } });
  t.teardown(async () => await strange.stop());
  const mismatch = await codeOf(openTunnel({ name: "x", destination: "vm", configFile: strange.sshConfig }));
  t.match(mismatch, { code: "DT_SSH_PROTOCOL", why: /no matching key exchange/i });

  const command = await codeOf(login(`ProxyCommand echo broken proxy >&2; false\nIdentityFile ${file("user_key")}\n`));
  t.match(command, { code: "DT_SSH_UNREACHABLE", why: "broken proxy" });
  const missing = await codeOf(login(`ProxyCommand /nonexistent/proxy %h\n`));
  t.match(missing, { code: "DT_SSH_UNREACHABLE", why: /not found/ });
  t.ok(known(missing.fix));
});
