// `debugtap inject` and `eject` of systemd units, by the real program over a real sshd, in a VM with a real systemd: of the user who logs
// in, of another user, of `systemctl --user`; with directories hidden; without sudo; where nothing can be written.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { laptop, treeScript } from "../helpers/laptop.ts";
import { startSystemdVm, type SystemdVm } from "../helpers/systemd-vm.ts";

/** Says that it is ready when Python runs its program: `systemctl restart` waits for that. */
const program =
  "import os, socket, time; " +
  "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.sendto(b'READY=1', os.environ['NOTIFY_SOCKET']); time.sleep(600)";

function unit(lines: string, python = "/usr/bin/python3"): string {
  return `[Service]\nType=notify\nNotifyAccess=all\nExecStart=${python} -c "${program}"\n${lines}\n`;
}

/** The manager of the user's own units, which a login would start. */
function manager(uid: string): string {
  const paths = "/home/debugtap-vm/.config/systemd/user:/etc/systemd/system";
  return `[Service]
Type=notify
User=debugtap-vm
RuntimeDirectory=user/${uid}
Environment=XDG_RUNTIME_DIR=/run/user/${uid} HOME=/home/debugtap-vm SYSTEMD_UNIT_PATH=${paths}
Delegate=yes
ExecStart=/lib/systemd/systemd --user --unit=users.target
`;
}

const tops = ["/home", "/etc/systemd/system", "/var/lib/debugtap", "/var/tmp/debugtap*"];
const tree = (vm: SystemdVm): string => vm.run(["sh", "-c", treeScript(...tops)]).stdout;

/** A fresh /var/tmp: that of this machine is everybody's. */
async function startVm(...args: Parameters<typeof startSystemdVm>): Promise<SystemdVm> {
  const vm = await startSystemdVm(...args);
  vm.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", "/var/tmp"]);
  return vm;
}

/** Of the unit's process: a map of its environment. */
function environmentOf(vm: SystemdVm, name: string): Map<string, string> {
  const { stdout } = vm.run(["sh", "-c", `tr '\\0' '\\n' </proc/$(systemctl show -p MainPID --value ${name})/environ`]);
  return new Map(stdout.split("\n").map((line) => [line.split("=", 1)[0] ?? "", line.slice(line.indexOf("=") + 1)]));
}

t.test("units of this user, of another, and hidden; then all as before", async (t) => {
  const uid = spawnSync("id", ["-u", "debugtap-vm"], { encoding: "utf8" }).stdout.trim();
  const vm = await startVm(t, {
    sudo: true,
    units: {
      "own.service": unit(`User=debugtap-vm\nEnvironment="PYTHONPATH=/opt/it's $mine:" OTHER=1`),
      "nobody.service": unit(
        "User=nobody\nProtectSystem=strict\nProtectHome=yes\nEnvironmentFile=/etc/systemd/system/nobody.env",
      ),
      "dynamic.service": unit("DynamicUser=yes"),
      "nobody.env": 'A=1\nPYTHONPATH="/opt/a \\"b"\nSECRET=x\n',
      "users.target": "[Unit]\nDefaultDependencies=no\n",
      "manager.service": manager(uid),
    },
  });
  t.teardown(() => vm.run(["systemctl", "stop", "dynamic"])); // which has a directory in /tmp while it runs
  const { id, debugtap } = laptop(t, vm.sshd, {
    own: "run: { unit: own }",
    nobody: "run: { unit: nobody }",
    dynamic: "run: { unit: dynamic }",
    mine: "run: { unit: mine, user: true }",
  });
  const users = (command: string) =>
    vm.run(["env", `XDG_RUNTIME_DIR=/run/user/${uid}`, "HOME=/home/debugtap-vm", "sh", "-c", command], "debugtap-vm");
  const file = "~/.config/systemd/user/mine.service";
  const set = users(
    `mkdir -p ~/.config/systemd/user && cat >${file} <<'END'\n[Unit]\nDefaultDependencies=no\n${unit("")}END\nsystemctl --user daemon-reload`,
  );
  t.equal(set.code, 0, set.stderr);
  const before = tree(vm);
  const dry = await debugtap("inject", "--dry-run");
  t.equal(dry.code, 0, dry.stderr);
  t.match(dry.stdout, `nobody.service runs as nobody: its files are root's, in /var/lib/debugtap/${id}`);
  t.equal(tree(vm), before, "a dry run writes nothing");

  const { code, stdout, stderr } = await debugtap("inject", "--yes");
  t.equal(code, 0, stderr);
  t.match(stdout, "debugtap restart own nobody dynamic mine");
  const [folder, shared] = [`/home/debugtap-vm/.cache/debugtap/${id}`, `/var/lib/debugtap/${id}`];
  const here = join(vm.home, ".cache/debugtap", id);
  t.equal(readlinkSync(join(here, "state/nobody")), `${shared}/state/nobody`);
  const restarted = vm.run(["systemctl", "restart", "own", "nobody", "dynamic"]);
  t.equal(restarted.code, 0, restarted.stderr);
  t.equal(users("systemctl --user restart mine").code, 0);
  const [own, nobody] = [environmentOf(vm, "own"), environmentOf(vm, "nobody")];
  t.same([own.get("PYTHONPATH"), own.get("OTHER")], [`${folder}/hook:/opt/it's $mine:`, "1"]);
  t.same([nobody.get("PYTHONPATH"), nobody.get("SECRET")], [`${shared}/hook:/opt/a "b`, "x"]);
  for (const name of ["own", "nobody", "dynamic", "mine"]) {
    const states = vm.run(["sh", "-c", `cat ${folder}/state/${name}/*.json`], "debugtap-vm").stdout;
    t.match(JSON.parse(states), { service: name, state: "started" }, `${name} is debugged`);
  }
  t.equal(vm.run(["sh", "-c", `echo x >>${shared}/hook/sitecustomize.py`], "debugtap-vm").code, 2, "root's alone");

  const injected = tree(vm);
  t.match((await debugtap("inject", "--yes")).stdout, "nothing is to be changed there");
  t.equal(tree(vm), injected, "a second time changes nothing");

  vm.run(["mv", "/etc/sudoers.d/vm", "/etc/sudoers.d/vm.off"]);
  const refused = await debugtap("eject");
  t.match([refused.code, refused.stderr], [4, /DT_SUDO_NEEDED: .*\n.*\n  fix: ssh -t .* 'sh .*\/eject\.sh'/]);
  t.equal(tree(vm), injected, "nothing is half undone");
  vm.run(["mv", "/etc/sudoers.d/vm.off", "/etc/sudoers.d/vm"]);

  const ejected = await debugtap("eject", "nobody");
  t.match(ejected.stdout, /zz-debugtap-\w+\.conf: as it was/);
  t.equal(vm.run(["systemctl", "restart", "nobody"]).code, 0);
  t.equal(environmentOf(vm, "nobody").get("PYTHONPATH"), '/opt/a "b', "systemd knows");
  const byHand = vm.run(["sh", `${folder}/eject.sh`], "debugtap-vm");
  t.equal(byHand.code, 0, byHand.stdout + byHand.stderr);
  t.match(byHand.stdout, /^running\town \d+$/m, "what still has the debugger in it is said");
  t.equal(tree(vm), before, "by hand: all as it was");
  t.match(vm.run(["systemctl", "show", "-p", "NeedDaemonReload", "own"]).stdout, "NeedDaemonReload=no");
  t.match(
    users("systemctl --user show -p NeedDaemonReload -p DropInPaths mine").stdout,
    /^DropInPaths=\nNeedDaemonReload=no$/m,
  );

  // As when the home directory was cleaned: this machine remembers.
  t.equal((await debugtap("inject", "--yes")).code, 0);
  rmSync(join(vm.home, ".cache"), { recursive: true });
  t.equal((await debugtap("eject", "--all")).code, 0);
  t.equal(tree(vm), before, "the manifest was lost");
});

t.test("no sudo, a home that is read-only, nothing to write to, a unit that cannot be", async (t) => {
  const vm = await startVm(t, {
    units: {
      "own.service": unit("User=debugtap-vm"),
      "hidden.service": unit("User=nobody\nTemporaryFileSystem=/var:ro\nProtectHome=yes"),
      "old.service": unit("User=debugtap-vm", "/home/debugtap-vm/python3.5").replace("Type=notify", "Type=exec"),
      "deaf.service": unit("User=debugtap-vm").replace("python3 -c", "python3 -I -c"),
    },
  });
  writeFileSync(
    join(vm.home, "python3.5"),
    `#!/bin/sh\n[ -e /tmp/none ] || echo '{"version": "3.5.3", "roots": [], "has": []}'\n`,
    { mode: 0o755 },
  );
  const variables = join(vm.home, "env");
  writeFileSync(variables, "A=1\n", { mode: 0o644 });
  const { id, debugtap, dir } = laptop(t, vm.sshd, {
    own: "run: { unit: own }",
    hidden: "run: { unit: hidden }",
    old: "run: { unit: old }",
    none: "run: { unit: no-such-unit }",
    deaf: "run: { unit: deaf }",
    file: 'run: { restart: "true", env_file: /srv/none/env }',
    tab: "run: { screen: stack, tab: api }",
  });
  const before = tree(vm);
  const noSudo = await debugtap("inject", "own", "--yes");
  t.match(
    [noSudo.code, noSudo.stderr],
    [4, /DT_SUDO_NEEDED: .*\n  why: nothing was changed.*own\.service\.d.*\n  fix: ssh -t /],
  );
  t.equal(tree(vm), before, "nothing is half done");
  t.same(JSON.parse(readFileSync(join(dir, "state/debugtap/injected.json"), "utf8")), [], "nor remembered");
  const hidden = await debugtap("inject", "hidden", "--json");
  t.match(
    [hidden.code, JSON.parse(hidden.stdout)],
    [4, { error: { code: "DT_INJECT_UNIT", why: /TemporaryFileSystem/ } }],
  );
  const none = await debugtap("inject", "none");
  t.match([none.code, none.stderr], [4, /DT_INJECT_UNIT: there is no unit no-such-unit\.service/]);
  const old = await debugtap("inject", "old");
  t.match([old.code, old.stderr], [4, /DT_INJECT_PYTHON: old runs with Python 3\.5\.3/]);
  t.match((await debugtap("inject", "deaf", "--dry-run")).stdout, "it ignores the environment");
  t.equal(tree(vm), before);

  t.equal(vm.run(["mount", "-o", "remount,ro,bind", "/home"]).code, 0);
  const elsewhere = await debugtap("inject", "tab", "--yes");
  t.match(
    [elsewhere.code, elsewhere.stdout],
    [0, /note: the folder is in \/var\/tmp\/debugtap-\d+: \/home\/.* cannot be written/],
  );
  t.match(vm.run(["stat", "-c", "%a %U", `/var/tmp/debugtap-${uidOf(vm)}/${id}`]).stdout, "700 debugtap-vm");
  const back = await debugtap("eject");
  t.equal(back.code, 0, back.stderr);
  t.equal(tree(vm), before);

  const denied = await debugtap("inject", "file", "--yes");
  t.match([denied.code, denied.stderr], [4, /DT_INJECT_FAILED: .*\/srv\/none\/env/]);
  t.equal((await debugtap("eject")).code, 0);
  t.equal(tree(vm), before);

  vm.run(["mount", "-o", "remount,ro", "/var/tmp"]);
  const inTmp = await debugtap("inject", "tab", "--yes", "--json");
  const { hosts } = JSON.parse(inTmp.stdout) as { hosts: { folder: string }[] };
  t.equal(hosts[0]?.folder, `/tmp/debugtap-inject-${uidOf(vm)}/${id}`);
  t.equal((await debugtap("eject")).code, 0);
  t.notOk(existsSync(`/tmp/debugtap-inject-${uidOf(vm)}/${id}`));

  vm.run(["sh", "-c", "mount --bind /tmp /tmp && mount -o remount,ro,bind /tmp"]);
  const nowhere = await debugtap("inject", "tab", "--yes");
  t.match(
    [nowhere.code, nowhere.stderr],
    [4, /DT_INJECT_PLACE: nothing can be written on vm\n  why: .*\/var\/tmp cannot be written/],
  );
});

function uidOf(vm: SystemdVm): string {
  return vm.run(["id", "-u", vm.user]).stdout.trim();
}
