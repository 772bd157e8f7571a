// Services of a VM that know nothing of a debugger: inject, restart and a request give hits in all of their processes, both workers of uWSGI
// included; nothing of their sources is touched, and all is as it was after eject, also when everything was killed in between.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { debugtapId } from "../../src/inject/folder.ts";
import { startDevstack } from "../helpers/devstack.ts";
import { treeScript } from "../helpers/laptop.ts";
import { shell } from "../helpers/readme.ts";
import { record, type Recorder } from "../helpers/recorder.ts";
import { program } from "../helpers/relay-process.ts";
import { freePort } from "../helpers/sockets.ts";

const names = ["cinder-api", "cinder-scheduler", "cinder-volume"];
const units = ["devstack@c-api", "devstack@c-sch", "devstack@c-vol"];

t.test("no edits: hits in every process, and nothing is left", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "dte-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const { vm, source, api, line, status } = await startDevstack(t);
  const service = async (wire: "dap" | "pydevd", unit: string): Promise<object> => ({
    host: "vm",
    wire,
    ide: await freePort(),
    run: { unit },
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
  const there = join("/var/lib/debugtap", debugtapId(join(dir, "debugtap.yml")));
  const touched = (): string => vm.run(["sh", "-c", treeScript("/home", "/etc/systemd/system", source, there)]).stdout;
  const before = touched();

  await debugtap("inject", "--yes");
  t.equal(touched() === before, false);
  const specs = [
    line(source, "api.py", "self.bus.cast("),
    line(source, "scheduler.py", "self.bus.cast("),
    line(source, "volume.py", "self.driver.create_volume("),
  ];
  const recorder = record(t, [
    "-c",
    join(dir, "debugtap.yml"),
    "--for",
    "10m",
    ...specs.flatMap((spec) => ["--at", spec]),
  ]);
  for (const name of names) await recorder.until((said) => isListening(said, name));
  await debugtap("restart", ...names);
  await recorder.until(({ type }) => type === "ready");

  const sessions = (service: string): number =>
    new Set(recorder.hits.filter((hit) => hit.service === service).map(({ session }) => session)).size;
  const create = async (): Promise<void> => {
    const body = JSON.stringify({ volume: { name: "first", size: 1 } });
    const answer = await fetch(`http://127.0.0.1:${api}/v3/demo/volumes`, { method: "POST", body });
    if (answer.status !== 202) throw new Error(`${answer.status} ${await answer.text()}`);
  };
  // Two at once, so that a worker which stands leaves the other one to the other worker.
  while (sessions("cinder-api") < 2) await Promise.all([create(), create()]);
  await recorder.until(() => names.every((name) => sessions(name) > 0));
  t.equal(status(), "", "git has nothing to say of the sources");

  // All at once: whoever could have cleaned up does not.
  recorder.stop("SIGKILL");
  await recorder.exit;
  for (const unit of units) vm.run(["systemctl", "kill", "--signal=KILL", unit]);
  await vm.sshd.halt();
  await vm.sshd.resume();
  await debugtap("eject");
  t.equal(touched(), before, "each file, its mode and its owner");
  for (const unit of units) t.equal(vm.run(["systemctl", "restart", unit]).code, 0);
  t.notMatch(vm.run(["sh", "-c", "cat /proc/[0-9]*/environ"]).stdout, "DEBUGTAP_HOOK");

  const [injected = "", restarted = ""] = (
    await debugtap("inject", "cinder-api", "--restart", "--yes", "--json")
  ).split("\n");
  t.match(JSON.parse(injected), { written: true, hosts: [{ services: [{ name: "cinder-api" }] }] });
  t.match(JSON.parse(restarted), {
    services: [{ service: "cinder-api", ok: true, before: 3, processes: { length: 3 } }],
  });
  const pid = (): string => vm.run(["systemctl", "show", "--property=MainPID", "devstack@c-api"]).stdout;
  const running = pid();
  await debugtap("inject", "--restart", "--dry-run");
  t.equal(pid(), running, "a dry run restarts nothing");
  await debugtap("eject");
  t.equal(touched(), before, "and in order");
  t.equal(status(), "");
});

function isListening(said: Recorder["said"][number], name: string): boolean {
  if (said.type !== "relay" || said.event.type !== "service") return false;
  return said.event.service.name === name && said.event.service.state === "listening";
}
