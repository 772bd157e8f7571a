// README's reader "PyCharm, with OpenStack on a VM": its commands against a VM with systemd; PyCharm is a scripted IDE that listens where the
// run configurations say.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { parseHit } from "../../src/demo/hits.ts";
import { holdDefaultPorts } from "../helpers/default-ports.ts";
import { startDevstack } from "../helpers/devstack.ts";
import { ide, type Running } from "../helpers/processes.ts";
import { pack, sectionOf, shell } from "../helpers/readme.ts";

/** Where the request goes, in this order. */
const stops = [
  { service: "cinder-api", file: "api.py", text: "self.bus.cast(", function: "create" },
  { service: "cinder-scheduler", file: "scheduler.py", text: "self.bus.cast(", function: "create_volume" },
  { service: "cinder-volume", file: "volume.py", text: "self.driver.create_volume(", function: "create_volume" },
];

t.test("README: PyCharm, with OpenStack on a VM", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "debugtap-reader-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const { vm, source, api, line, status } = await startDevstack(t);
  const { commands } = sectionOf("PyCharm, with OpenStack on a VM", {
    "stack@192.168.56.101": `${vm.sshd.alias} -F ${vm.sshd.sshConfig}`,
    "192.168.56.101:8776": `127.0.0.1:${api}`,
  });
  const project = join(dir, "cinder");
  mkdirSync(project);
  cpSync(source, project, { recursive: true });
  pack(project);
  const { type } = shell(t, project, dir, { PROJECT: "demo", TOKEN: "demo:demo" });
  const [install = "", init = "", up = "", inject = "", curl = "", ...more] = commands;
  t.same(more, []);

  const succeeds = async (command: string): Promise<string> => {
    const { code, stdout, stderr } = await type(command);
    t.equal(code, 0, `${command}\n${stdout}${stderr}`);
    return stdout;
  };
  await succeeds(install);
  await holdDefaultPorts(t);
  await succeeds(init);
  const relay = await type(up);
  const configurations = readdirSync(join(project, ".idea/runConfigurations")).sort();
  t.same(
    configurations,
    stops.map(({ service }) => `debugtap_${service.replace("-", "_")}.xml`),
  );
  const pycharm: Running[] = configurations.map((name, index) => {
    const xml = readFileSync(join(project, ".idea/runConfigurations", name), "utf8");
    const port = /name="PORT" value="(\d+)"/.exec(xml)?.[1] ?? "";
    const { file = "", text = "" } = stops[index] ?? {};
    const running = ide(
      "ide-pydevd.mjs",
      "--listen",
      port,
      "--break",
      line(project, file, text),
      "--hits",
      "1",
      "--json",
    );
    t.teardown(() => running.child.kill("SIGKILL"));
    return running;
  });
  await Promise.all(pycharm.map((running) => running.prints("listening on")));
  const restarted = await succeeds(inject);
  t.equal(restarted.match(/ pydevd [\d.]+, forked$/gm)?.length, 2, "both workers of uWSGI");
  await succeeds(curl);
  for (const [index, running] of pycharm.entries()) {
    t.equal(await running.exit, 0, `${running.text()}\n${relay.stdout}`);
    const hit =
      running
        .text()
        .split("\n")
        .find((text) => text.startsWith("{")) ?? "";
    const { file = "", function: name } = stops[index] ?? {};
    t.match(parseHit(hit), { file: join(project, file), function: name, locals: { context: /demo/ } });
  }
  t.equal(status(), "");
  await succeeds("debugtap eject");
});
