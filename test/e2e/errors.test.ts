// What a user reads when something is wrong, from the real program: one code, what, why, a fix, and the exit code.
import t from "tap";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { ThrowawaySshd } from "../../src/demo/throwaway-sshd.ts";
import { program, startRelay } from "../helpers/relay-process.ts";
import { freePort, listen } from "../helpers/sockets.ts";

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function debugtap(...args: string[]): Promise<Outcome> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
  child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}

function config(dir: string, content: unknown): string {
  const file = `${dir}/debugtap.yml`;
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
  return file;
}

t.test("an unknown key: line, column, what was meant; exit 2", async (t) => {
  const file = config(t.testdir(), "services:\n  api: { wire: pydevd, dails: 5678, ide: 5711 }\n");
  const { code, stderr } = await debugtap("up", "--config", file);
  t.equal(code, 2);
  t.match(stderr, /^DT_CONFIG_INVALID/);
  t.match(stderr, "debugtap.yml:2:24");
  t.match(stderr, "dials");
});

t.test("a service that is not there: what was meant; exit 2", async (t) => {
  const file = config(t.testdir(), { services: { "cinder-api": { wire: "pydevd", dials: 5678, ide: 5711 } } });
  const { code, stderr } = await debugtap("up", "cinder-apo", "--config", file);
  t.equal(code, 2);
  t.match(stderr, /^DT_SERVICE_UNKNOWN: there is no service cinder-apo/);
  t.match(stderr, "fix: debugtap up cinder-api");
});

t.test("a port in use: its owner's pid and name; exit 3", async (t) => {
  const taken = await listen();
  t.teardown(() => taken.close());
  const args = ["relay", "--no-record", "--wire", "dap", "--listen", `${taken.port}`, "--to", `${await freePort()}`];
  const { code, stderr } = await debugtap(...args);
  t.equal(code, 3);
  t.match(stderr, `DT_PORT_IN_USE`);
  t.match(stderr, `${process.pid}`);
  const json = await debugtap(...args, "--json");
  t.equal(json.code, 3);
  t.match(JSON.parse(json.stdout.trim().split("\n").at(-1) ?? ""), { error: { code: "DT_PORT_IN_USE" } });
});

t.test("a host that is down is told, with the next try, and tried again", async (t) => {
  const dir = t.testdir();
  writeFileSync(`${dir}/ssh_config`, `Host vm\n  HostName 127.0.0.1\n  Port ${await freePort()}\n`, { mode: 0o600 });
  const file = config(dir, {
    hosts: { vm: { ssh: "vm", ssh_config: "ssh_config" } },
    services: { api: { host: "vm", wire: "dap", listens: 5678, ide: await freePort() } },
    record: { enabled: false },
  });
  const relay = startRelay(["up", "--config", file]);
  t.teardown(() => relay.kill("SIGKILL"));
  const { host } = await relay.event("host", ({ host }) => host.state === "down");
  t.equal(host.reason?.code, "DT_SSH_UNREACHABLE");
  t.ok((host.retryAt ?? 0) > 0);
  const { service } = await relay.event("service", ({ service }) => service.state === "waiting");
  t.equal(service.reason?.code, "DT_SSH_UNREACHABLE", "the service says why it cannot be had");
  relay.kill("SIGINT");
  t.equal(await relay.exit, 0);
});

t.test("a wrong key, an unknown and a changed host key; exit 3, with the line to run", async (t) => {
  const sshd = await ThrowawaySshd.start();
  t.teardown(() => sshd.stop());
  const dir = t.testdir({ empty: "" });
  const services = { api: { host: "vm", wire: "dap", listens: 5678, ide: await freePort() } };
  const file = config(dir, {
    hosts: { vm: { ssh: "vm", ssh_config: "ssh_config" } },
    services,
    record: { enabled: false },
  });
  const settings = readFileSync(sshd.sshConfig, "utf8");
  const write = (text: string): void => writeFileSync(`${dir}/ssh_config`, text, { mode: 0o600 });

  write(settings.replace(/UserKnownHostsFile .*/, `UserKnownHostsFile ${dir}/empty`));
  const unknown = await debugtap("up", "--config", file);
  t.equal(unknown.code, 3);
  t.match(unknown.stderr, /DT_HOSTKEY_UNKNOWN[^]*SHA256:[^]*fix: /);

  const other = await ThrowawaySshd.start();
  t.teardown(() => other.stop());
  const otherKey = /IdentityFile .*/.exec(readFileSync(other.sshConfig, "utf8"))?.[0] ?? "";
  write(settings.replace(/IdentityFile .*/, otherKey));
  const refused = await debugtap("up", "--config", file);
  t.equal(refused.code, 3);
  t.match(refused.stderr, /DT_SSH_AUTH[^]*fix: /);

  const knownHosts = readFileSync(`${other.dir}/known_hosts`, "utf8").replaceAll(`${other.port}`, `${sshd.port}`);
  writeFileSync(`${dir}/changed`, knownHosts);
  write(settings.replace(/UserKnownHostsFile .*/, `UserKnownHostsFile ${dir}/changed`));
  const changed = await debugtap("up", "--config", file);
  t.equal(changed.code, 3);
  t.match(changed.stderr, /DT_HOSTKEY_CHANGED[^]*fix: ssh-keygen -R/);
});

t.test("a verb that is not there, and one without what it needs; exit 2", async (t) => {
  const verb = await debugtap("upp");
  t.equal(verb.code, 2);
  t.match(verb.stderr, /^DT_USAGE[^]*up/);
  const option = await debugtap("relay", "--wire", "dap");
  t.equal(option.code, 2);
  t.match(option.stderr, /^DT_USAGE[^]*--listen/);
  const port = await debugtap("relay", "--wire", "dap", "--listen", "99999", "--to", "1");
  t.equal(port.code, 2);
  t.match(port.stderr, /^DT_USAGE: --listen 99999 is not a port/);
});

t.test("no configuration; exit 2", async (t) => {
  const { code, stderr } = await debugtap("up", "--config", `${t.testdir()}/debugtap.yml`);
  t.equal(code, 2);
  t.match(stderr, /^DT_CONFIG_MISSING/);
});
