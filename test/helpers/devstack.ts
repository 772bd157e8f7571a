// A VM that runs services of Cinder's shape as DevStack does: systemd units devstack@c-*, cinder-api in two workers of uWSGI. None of them
// knows of a debugger. Their sources are a git repository; the queue between them is no service of the VM.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";
import { clone } from "./readme.ts";
import { freePort } from "./sockets.ts";
import { startSystemdVm, type SystemdVm } from "./systemd-vm.ts";

export interface Devstack {
  readonly vm: SystemdVm;
  /** The repository, there and here. */
  readonly source: string;
  /** Of cinder-api. */
  readonly api: number;
  /** The line of a source that has this text, as `FILE:LINE` of that directory. */
  readonly line: (dir: string, file: string, text: string) => string;
  /** What git says of the sources; empty: nothing. */
  readonly status: () => string;
}

const sources = ["api.py", "bus.py", "scheduler.py", "volume.py", "volumes.py"];

/** It ends with the test. */
export async function startDevstack(t: Test): Promise<Devstack> {
  if (!existsSync("/usr/bin/uwsgi")) throw new Error("apt-get install uwsgi-core uwsgi-plugin-python3");
  const dir = mkdtempSync(join(tmpdir(), "dtc-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const source = join(dir, "cinder");
  mkdirSync(source);
  for (const name of sources) copyFileSync(join(clone, "examples/services", name), join(source, name));
  cpSync(join(clone, "test/fixtures/readers/cinder"), source, { recursive: true });
  chmodSync(dir, 0o755);
  mkdirSync(join(dir, "data"));
  chmodSync(join(dir, "data"), 0o777);
  git(source, "init", "--quiet");
  git(source, "add", ".");
  git(source, "-c", "user.name=stack", "-c", "user.email=stack@vm", "commit", "--quiet", "-m", "Cinder");

  const [bus, api] = [await freePort(), await freePort()];
  // The kernel ends it when this process is ended.
  const queue = spawn("setpriv", ["--pdeathsig", "KILL", "/usr/bin/python3", join(source, "bus.py")], {
    env: { PATH: "/usr/bin:/bin", BUS_PORT: `${bus}`, PYTHONDONTWRITEBYTECODE: "1" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(queue, "close");
  t.teardown(async () => {
    queue.kill("SIGKILL");
    await ended;
  });
  await once(queue.stderr, "data");
  queue.stderr.resume();
  const unit = (command: string): string => `[Service]
User=debugtap-vm
WorkingDirectory=${source}
Environment=BUS_PORT=${bus} VOLUMES_DB=${join(dir, "data/volumes.db")} PYTHONDONTWRITEBYTECODE=1
ExecStart=${command}
`;
  const uwsgi = `--plugin python3 --master --processes 2 --lazy-apps --die-on-term --wsgi-file ${source}/api_wsgi.py`;
  const vm = await startSystemdVm(t, {
    sudo: true,
    units: {
      "devstack@c-api.service": unit(`/usr/bin/uwsgi ${uwsgi} --http-socket 127.0.0.1:${api}`),
      "devstack@c-sch.service": unit(`/usr/bin/python3 ${source}/scheduler.py`),
      "devstack@c-vol.service": unit(`/usr/bin/python3 ${source}/volume.py`),
    },
  });
  return {
    vm,
    source,
    api,
    line(where, file, text) {
      const at = readFileSync(join(where, file), "utf8")
        .split("\n")
        .findIndex((line) => line.includes(text));
      return `${join(where, file)}:${at + 1}`;
    },
    status: () => git(source, "status", "--porcelain", "--ignored"),
  };
}

function git(dir: string, ...words: string[]): string {
  const { status, stdout, stderr } = spawnSync("git", ["-C", dir, ...words], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}
