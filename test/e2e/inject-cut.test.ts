// `debugtap inject` and `eject` cut off by kill -9 at points all over their scripts on the host: what is ejected then is as it was.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { put, startInjectVm } from "../helpers/inject-vm.ts";
import { laptop } from "../helpers/laptop.ts";

const command = (file: string) => `run: { restart: "true", env_file: ${file} }`;

t.test("cut off at any point, then ejected: all is as it was", async (t) => {
  const vm = await startInjectVm(t);
  put(join(vm.app, "env"), "A=1\n", 0o600);
  put(join(vm.app, "compose.yml"), "services: { web: { image: python } }\n");
  const { id, debugtap } = laptop(t, vm.sshd, {
    api: command(`${vm.app}/env`),
    new: command(`${vm.app}/sub/new.env`),
    web: `run: { compose: web, dir: ${vm.app} }`,
  });
  const before = vm.tree();
  // Stand-ins that count their calls; at the one that is named in `at` they end everything that the login runs.
  const count = join(vm.dir, "count");
  const at = join(vm.dir, "at");
  const tools = ["mv", "mkdir", "chmod", "chown", "rm", "rmdir", "sync", "ln", "cat", "tar"];
  for (const tool of tools) {
    const real = spawnSync("sh", ["-c", `command -v ${tool}`])
      .stdout.toString()
      .trim();
    const script = `#!/bin/sh\necho x >>${count}\n[ "$(/usr/bin/wc -l <${count})" = "$(/bin/cat ${at})" ] && kill -9 "-$(/usr/bin/ps -o pgid= $$ | /usr/bin/tr -d ' ')"\nexec ${real} "$@"\n`;
    put(join(vm.dir, "bin", tool), script, 0o755);
  }
  const arm = (call: number): void => {
    put(count, "", 0o666);
    put(at, `${call}\n`);
  };
  arm(0);
  t.equal((await debugtap("inject", "--yes")).code, 0);
  const calls = readFileSync(count, "utf8").length / 2;
  arm(0);
  t.equal((await debugtap("eject")).code, 0);
  const callsOfEject = readFileSync(count, "utf8").length / 2;
  t.equal(vm.tree(), before);

  const points = 8;
  for (let point = 1; point <= points; point++) {
    const call = Math.max(1, Math.round((point / points) * (calls - 1)));
    arm(call);
    const cut = await debugtap("inject", "--yes");
    t.not(cut.code, 0, `inject is cut off at call ${call} of ${calls}`);
    if (point % 2 === 0) {
      arm(Math.round((point / points) * callsOfEject) - 1);
      await debugtap("eject");
    }
    arm(0);
    const script = join(vm.home, ".cache/debugtap", id, "eject.sh");
    const byHand = point % 4 === 1 && existsSync(script);
    if (byHand) t.equal(vm.sh(`sh ${script}`).code, 0, "by hand");
    const { code, stderr } = await debugtap("eject");
    t.equal(code, 0, stderr);
    t.equal(vm.tree(), before, `after call ${call}: as it was${byHand ? ", by hand" : ""}`);
  }
  arm(Math.round(calls / 2));
  await debugtap("inject", "--yes");
  arm(0);
  t.equal((await debugtap("inject", "--yes")).code, 0, "it can be injected again too");
  await debugtap("eject");
  t.equal(vm.tree(), before);
});
