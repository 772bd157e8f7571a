// A throwaway VM with a real systemd, its journal, D-Bus, and a real sshd, in namespaces of its own on this machine.
//
// Rules
// - Process ids, mounts, host name and cgroups are its own; the network, /tmp and the programs are this machine's.
// - /run, /etc/systemd/system, /etc/sudoers.d and /var/log/journal are empty and its own; /home is {@link SystemdVm.home}.
// - Everything in it ends with its first process, also when the test is killed; a broom that waits outside then removes its folders.
// - Of this machine's units it knows journald and D-Bus alone: its sysinit.target would change the machine, its tmpfiles empty /tmp.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";
import { ThrowawaySshd } from "../../src/demo/throwaway-sshd.ts";

const user = "debugtap-vm";

export interface SystemdVmOptions {
  /** Files of /etc/systemd/system by their names, such as `api.service`; those are started at boot. */
  readonly units?: Readonly<Record<string, string>>;
  /** Whether the user may `sudo -n` anything; default false. */
  readonly sudo?: boolean;
}

export interface SystemdVm {
  /** Logs in as the user {@link user}. */
  readonly sshd: ThrowawaySshd;
  readonly user: string;
  /** The VM's `/` as it is seen from here. */
  readonly root: string;
  /** The user's home: `/home/debugtap-vm` there, this folder here. */
  readonly home: string;
  /** A command in the VM as root, or as another user. */
  readonly run: (
    command: readonly string[],
    as?: string,
  ) => { readonly code: number | null; readonly stdout: string; readonly stderr: string };
}

/** As root only. It ends with the test. Resolves when the units are started and sshd listens. */
export async function startSystemdVm(t: Test, { units = {}, sudo = false }: SystemdVmOptions = {}): Promise<SystemdVm> {
  needed();
  const dir = mkdtempSync(join(tmpdir(), "dtvm-"));
  const home = join(dir, "home", user);
  for (const each of ["units", "base/service.d", "base/socket.d", "sudoers"])
    mkdirSync(join(dir, each), { recursive: true });
  mkdirSync(home, { recursive: true });
  const [uid, gid] = ids();
  chownSync(home, uid, gid);
  for (const each of [dir, join(dir, "home")]) chmodSync(each, 0o755);
  if (sudo) writeFileSync(join(dir, "sudoers/vm"), `${user} ALL=(ALL) NOPASSWD: ALL\n`, { mode: 0o440 });
  const plain = "[Unit]\nDefaultDependencies=no\n";
  const wanted = ["systemd-journald.service", "dbus.service", ...Object.keys(units), "ready.service"];
  const base = {
    "service.d/plain.conf": plain,
    "socket.d/plain.conf": plain,
    "vm.target": `${plain}Wants=${wanted.join(" ")}\n`,
    "ready.service": `[Unit]\nAfter=${wanted.slice(0, -1).join(" ")}\n[Service]\nType=oneshot\nStandardOutput=file:${dir}/ready\nExecStart=/bin/echo ready\n`,
  };
  for (const [name, text] of Object.entries(base)) writeFileSync(join(dir, "base", name), text);
  for (const [name, text] of Object.entries(units)) writeFileSync(join(dir, "units", name), text);
  writeFileSync(join(dir, "boot.sh"), boot(dir));
  spawnSync("mkfifo", [join(dir, "ready")]);

  // setpriv: the kernel ends it when this process ends; --kill-child: and all of the VM with it.
  const words = ["--pdeathsig", "KILL", "sh", join(dir, "enter.sh")];
  writeFileSync(join(dir, "enter.sh"), enter(dir));
  const broom = spawn("sh", ["-c", sweep(dir)], { detached: true, stdio: ["pipe", "ignore", "inherit"] });
  const swept = once(broom, "close");
  const child = spawn("setpriv", words, { stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "close");
  const told = spawn("cat", [join(dir, "ready")], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  let sshd: ThrowawaySshd | undefined;
  t.teardown(async () => {
    await sshd?.stop();
    told.kill("SIGKILL");
    // Its first process: the kernel ends all others before it, and unshare waits for that.
    for (const pid of childrenOf(child.pid ?? 0)) process.kill(pid, "SIGKILL");
    await ended;
    broom.stdin.end();
    await swept;
  });
  const isReady = await Promise.race([once(told.stdout, "data").then(() => true), ended.then(() => false)]);
  const [first] = childrenOf(child.pid ?? 0);
  if (!isReady || first === undefined) throw new Error(`systemd did not start in its namespaces:\n${text}`);
  const inside = ["nsenter", "-t", `${first}`, "-m", "-p", "-u", "-C", "--wd=/"];
  const become = (name: string) => ["setpriv", `--reuid=${name}`, `--regid=${name}`, "--clear-groups"];
  sshd = await ThrowawaySshd.start({ through: [...inside, ...become(user)] });
  writeFileSync(join(dir, "sshd"), sshd.dir);
  return {
    sshd,
    user,
    root: `/proc/${first}/root`,
    home,
    run(command, as) {
      const [program = "", ...rest] = [...inside, ...(as === undefined ? [] : become(as)), ...command];
      const { status, stdout, stderr } = spawnSync(program, rest, {
        encoding: "utf8",
        env: { PATH: process.env["PATH"] },
      });
      return { code: status, stdout, stderr };
    },
  };
}

/** Its input ends with the test. The last processes may need a moment to leave the cgroup. */
function sweep(dir: string): string {
  return `cat >/dev/null; cgroup=$(cat ${dir}/cgroup); sshd=$(cat ${dir}/sshd 2>/dev/null)
for try in 1 2 3 4 5 6 7 8 9; do
  [ ! -d "$cgroup" ] || find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null && break; sleep 0.3
done
rm -rf ${dir} "$sshd"`;
}

/** Its cgroup of the one hierarchy that has no version 1 in it; systemd there sees no other. */
function enter(dir: string): string {
  return `set -e
cgroups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
mkdir "$cgroups/debugtap-vm-$$"; echo "$cgroups/debugtap-vm-$$" >${dir}/cgroup
echo $$ >"$cgroups/debugtap-vm-$$/cgroup.procs"
exec unshare --fork --pid --mount --uts --cgroup --kill-child sh ${dir}/boot.sh
`;
}

function boot(dir: string): string {
  return `set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /etc/systemd/system && cp -r ${dir}/units/. /etc/systemd/system
cp -r ${dir}/base /run/base
for unit in systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket dbus.service dbus.socket; do
  cp /lib/systemd/system/$unit /run/base
done
export SYSTEMD_UNIT_PATH=/etc/systemd/system:/run/systemd/system:/run/base SYSTEMD_GENERATOR_PATH=/run/none
mount -t tmpfs -o mode=755 tmpfs /etc/sudoers.d && cp -r ${dir}/sudoers/. /etc/sudoers.d
[ ! -d /var/log/journal ] || mount -t tmpfs tmpfs /var/log/journal
mount --bind ${dir}/home /home
mkdir -m 1777 /run/screen
export container=debugtap
exec /lib/systemd/systemd --system --unit=vm.target --log-target=journal --show-status=no
`;
}

function needed(): void {
  if (process.getuid?.() !== 0) throw new Error("a VM with systemd needs root: run the tests as root");
  const programs = { systemd: "/lib/systemd/systemd", dbus: "/usr/bin/dbus-daemon", sudo: "/usr/bin/sudo" };
  const more = { "util-linux": "/usr/bin/unshare", "util-linux-extra": "/usr/bin/nsenter" };
  const missing = Object.entries({ ...programs, ...more }).filter(([, path]) => !existsSync(path));
  if (missing.length > 0) throw new Error(`apt-get install ${missing.map(([name]) => name).join(" ")}`);
}

function ids(): [uid: number, gid: number] {
  const [, uid = "", gid = ""] =
    new RegExp(`^${user}:[^:]*:(\\d+):(\\d+):`, "m").exec(readFileSync("/etc/passwd", "utf8")) ?? [];
  if (uid === "") throw new Error(`useradd --system --shell /bin/sh --no-create-home ${user}`);
  return [Number(uid), Number(gid)];
}

function childrenOf(pid: number): number[] {
  try {
    return (readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").match(/\d+/g) ?? []).map(Number);
  } catch {
    return []; // it has ended
  }
}
