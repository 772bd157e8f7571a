// Services of a VM that know nothing of a debugger: inject, restart and a request give hits in all of their processes, both workers of uWSGI
// included; nothing of their sources is touched, and all is as it was after eject, also when everything was killed in between.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import type { LiveMessage } from "../../protocol/api.ts";
import { asker, Listener } from "../helpers/board.ts";
import { startDevstack } from "../helpers/devstack.ts";
import { treeScript } from "../helpers/laptop.ts";
import { shell } from "../helpers/readme.ts";
import { program, startRelay } from "../helpers/relay-process.ts";
import { freePort } from "../helpers/sockets.ts";

const names = ["cinder-api", "cinder-scheduler", "cinder-volume"];
const units = ["devstack@c-api", "devstack@c-sch", "devstack@c-vol"];

t.test("no edits: hits in every process, and nothing is left", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "dte-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const { vm, source, api, line, status } = await startDevstack(t);
  const service = async (wire: "dap" | "pydevd", unit: string): Promise<object> => ({
    ...{ host: "vm", wire, ide: await freePort(), run: { unit } },
    ...(wire === "dap" ? { listens: await freePort(), reattach: true } : { dials: await freePort() }),
  });
  const services = {
    "cinder-api": await service("dap", "devstack@c-api"),
    "cinder-scheduler": await service("pydevd", "devstack@c-sch"),
    "cinder-volume": await service("dap", "devstack@c-vol"),
  };
  const hosts = { vm: { ssh: vm.sshd.alias, ssh_config: vm.sshd.sshConfig } };
  writeFileSync(join(dir, "debugtap.yml"), JSON.stringify({ hosts, services }));
  const { type } = shell(t, dir, dir);
  const debugtap = async (...words: string[]): Promise<string> => {
    const { code, stdout, stderr } = await type([process.execPath, program, ...words].join(" "));
    t.equal(code, 0, `${words.join(" ")}: ${stdout}${stderr}`);
    return stdout;
  };
  const touched = (): string =>
    vm.run(["sh", "-c", treeScript("/home", "/etc/systemd/system", source, "/var/lib/debugtap")]).stdout;
  const before = touched();

  await debugtap("inject", "--yes");
  t.equal(touched() === before, false);
  const env = { XDG_RUNTIME_DIR: join(dir, "run"), XDG_STATE_HOME: join(dir, "state"), NODE_OPTIONS: "" };
  const relay = startRelay(["up", "--config", join(dir, "debugtap.yml"), "--board", "0"], env);
  t.teardown(async () => {
    relay.kill("SIGKILL");
    await relay.exit;
  });
  const { url } = await relay.event("board", () => true);
  const board = readFileSync(join(dir, "run/debugtap", `${relay.pid}.board`), "utf8");
  const token = new URL((JSON.parse(board) as { address: string }).address).searchParams.get("token") ?? "";
  await relay.listening(names);
  const live = new Listener({ url }, token);
  t.teardown(() => live.socket.terminate());
  const specs = [
    line(source, "api.py", "self.bus.cast("),
    line(source, "scheduler.py", "self.bus.cast("),
    line(source, "volume.py", "self.driver.create_volume("),
  ];
  t.equal((await asker(url, token)("PUT", "/api/breakpoints", { specs })).status, 200);
  await debugtap("restart", ...names);

  const workers = new Set<string | null>();
  const create = async (): Promise<void> => {
    const body = JSON.stringify({ volume: { name: "first", size: 1 } });
    const answer = await fetch(`http://127.0.0.1:${api}/v3/demo/volumes`, { method: "POST", body });
    t.equal(answer.status, 202);
    workers.add(answer.headers.get("x-worker"));
  };
  while (workers.size < 2) await Promise.all([create(), create()]);
  await live.hears(() => sessionsOf(live, "cinder-api").size === 2);
  for (const name of names.slice(1)) await live.hears(() => sessionsOf(live, name).size === 1);
  t.equal(status(), "", "git has nothing to say of the sources");

  // All at once: whoever could have cleaned up does not.
  relay.kill("SIGKILL");
  await relay.exit;
  for (const unit of units) vm.run(["systemctl", "kill", "--signal=KILL", unit]);
  await vm.sshd.halt();
  await vm.sshd.resume();
  await debugtap("eject");
  t.equal(touched(), before, "each file, its mode and its owner");
  for (const unit of units) t.equal(vm.run(["systemctl", "restart", unit]).code, 0);
  t.notMatch(vm.run(["sh", "-c", "cat /proc/[0-9]*/environ"]).stdout, "DEBUGTAP_HOOK");

  await debugtap("inject", "--yes");
  await debugtap("eject");
  t.equal(touched(), before, "and in order");
  t.equal(status(), "");
});

/** That a hit was told of. */
function sessionsOf({ heard }: Listener, service: string): Set<string> {
  const rows = heard.flatMap((message: LiveMessage) => (message.type === "hit" ? [message.row] : []));
  return new Set(rows.filter((row) => row.service === service).map(({ session }) => session));
}
