// `debugtap doctor` over a real sshd: the way to a host, units of a real systemd, and this machine. Services: doctor.test.ts.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { freePorts } from "../../src/demo/ports.ts";
import type { Finding } from "../../src/doctor/finding.ts";
import { doctorStage, wrongs } from "../helpers/doctor-stage.ts";
import { startSystemdVm } from "../helpers/systemd-vm.ts";

const id = `dh${process.pid}`;

t.test("the way to a host: its key, what sshd forwards, its sessions", async (t) => {
  const stage = await doctorStage(t, {
    settings: {
      AllowTcpForwarding: "no",
      PermitListen: "none",
      PermitOpen: "none",
      MaxSessions: "2",
    },
  });
  const { sshd, paste } = stage;
  const known = join(sshd.dir, "known_hosts");
  const [name, type] = readFileSync(known, "utf8").split(" ");
  const otherKey = readFileSync(join(sshd.dir, "user_key.pub"), "utf8").split(" ")[1];
  writeFileSync(known, `${name} ${type} ${otherKey}\n`);
  const words = [sshd.alias, "-F", sshd.sshConfig];
  const started = (): number => sshd.log().split("Server listening on").length;
  const pasteAndReload = async (fix: string | undefined): Promise<void> => {
    const before = started();
    await paste(fix);
    while (started() === before) await new Promise(setImmediate);
  };
  const findings = async (code: number): Promise<readonly Finding[]> => {
    const told = await stage.doctor(...words);
    t.equal(told.code, code, told.stderr);
    return told.findings;
  };
  for (const code of ["DT_HOSTKEY_CHANGED", "DT_HOSTKEY_UNKNOWN"]) {
    const found = await findings(3);
    const [wrong, ...more] = found.filter(({ status }) => status === "wrong");
    t.match(wrong, { code, subject: sshd.alias });
    t.same(more, []);
    t.match(
      found.filter(({ status }) => status === "unseen"),
      [{ what: /services/, why: "there is no connection" }],
      "the rest is not told as ok",
    );
    await paste(wrong?.fix);
  }
  const keys = join(sshd.dir, "authorized_keys");
  writeFileSync(keys, `# mine\nrestrict ${readFileSync(keys, "utf8")}`);
  for (const setting of ["AllowTcpForwarding no", "none", `${keys}:2 begins with restrict`]) {
    const wrong = (await stage.doctor(...words)).findings.filter(({ code }) => code === "DT_FORWARD_DENIED");
    t.match(
      wrong.map(({ status }) => status),
      ["wrong", "wrong"],
    );
    t.ok(
      wrong.every(({ why }) => why?.includes(setting)),
      setting,
      { wrong },
    );
    for (const fix of new Set(wrong.map((each) => each.fix)))
      await (setting.startsWith(keys) ? paste(fix) : pasteAndReload(fix));
  }
  const [few] = wrongs((await stage.doctor(...words)).findings, "DT_DOCTOR_SESSIONS", sshd.alias);
  t.match(few, { what: "sshd allows 2 sessions a connection" });
  await pasteAndReload(few?.fix);
  const last = (await stage.doctor(...words)).findings;
  for (const code of ["DT_FORWARD_DENIED", "DT_DOCTOR_SESSIONS"])
    t.same(new Set(last.filter((each) => each.code === code).map(({ status }) => status)), new Set(["ok"]));

  writeFileSync(keys, "");
  const refused = (await findings(3)).find(({ status }) => status === "wrong");
  t.match(refused, { code: "DT_SSH_AUTH", fix: `ssh-copy-id -F ${sshd.sshConfig}` });
  await sshd.halt();
  t.match(
    (await findings(3)).find(({ status }) => status === "wrong"),
    { code: "DT_SSH_UNREACHABLE" },
  );
});

t.test("units of a real systemd: drop-ins by sudo; what is another user's is not told as ok", async (t) => {
  const notify =
    "import os, socket, time; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.sendto(b'READY=1', os.environ['NOTIFY_SOCKET']); time.sleep(600)";
  const unit = (user: string, code: string, more = ""): string =>
    `[Service]\nType=notify\nNotifyAccess=all\nUser=${user}\n${more}ExecStart=/usr/bin/python3 -c "${code}"\n`;
  const vm = await startSystemdVm(t, {
    sudo: true,
    units: {
      "dog.service": unit("debugtap-vm", notify, "WatchdogSec=45s\n"),
      "green.service": unit("debugtap-vm", `import eventlet; eventlet.monkey_patch(thread=False); ${notify}`),
      "other.service": unit("nobody", notify),
    },
  });
  const stage = await doctorStage(t, { vm: vm.sshd });
  const ports = await freePorts(6);
  const services = ["dog", "green", "other"].map((name, index) => [
    name,
    { host: "vm", wire: "dap", listens: ports[index], ide: ports[index + 3], run: { unit: name } },
  ]);
  const hosts = { vm: { ssh: "vm", ssh_config: vm.sshd.sshConfig } };
  writeFileSync(join(stage.here, "debugtap.yml"), JSON.stringify({ hosts, services: Object.fromEntries(services) }));
  const before = (await stage.doctor()).findings;
  const faults = [
    ["DT_DOCTOR_WATCHDOG", "dog", "45 s"],
    ["DT_DOCTOR_GEVENT", "green", "not set"],
  ] as const;
  for (const [code, subject, text] of faults) {
    const [finding] = wrongs(before, code, subject, text);
    t.match(finding?.fix, `sudo systemctl restart ${subject}.service`, code, { before });
    await stage.paste(finding?.fix);
  }
  const hidden = before.filter(({ subject, code }) => subject === "other" && code === "DT_DOCTOR_HIDDEN");
  t.match(hidden, [{ status: "unseen", why: /^the environment of pid \d+ is another user's$/ }]);
  const after = (await stage.doctor()).findings;
  for (const [code, subject] of faults) t.same(wrongs(after, code, subject), [], `${code} is mended`);
  t.ok(
    after.some(({ code, subject, status }) => code === "DT_DOCTOR_GEVENT" && subject === "green" && status === "ok"),
  );
});

t.test("this machine: the state directory, room, the configuration", async (t) => {
  const stage = await doctorStage(t);
  const { here, paste } = stage;
  mkdirSync(join(here, "state"));
  writeFileSync(join(here, "state/debugtap"), "a file\n");
  const small = join(here, "small");
  mkdirSync(small);
  const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=520m", "tmpfs", small], {
    encoding: "utf8",
  });
  t.equal(status, 0, stderr);
  t.teardown(() => spawnSync("umount", [small]));
  writeFileSync(join(small, "old-trace"), Buffer.alloc(60e6));
  const yaml = (service: object): void =>
    writeFileSync(
      join(here, "debugtap.yml"),
      JSON.stringify({ services: { [`${id}_none`]: service }, record: { dir: "./small" } }),
    );
  const [listens = 0, ide = 0] = await freePorts(2);
  yaml({ wire: "dap", listens, ide });
  const before = (await stage.doctor()).findings;
  const [state] = wrongs(before, "DT_DOCTOR_STATE", "this machine");
  await paste(state?.fix);
  const [room] = wrongs(before, "DT_DOCTOR_DISK", "this machine");
  t.match(room?.fix, "# and remove what you do not need");
  await paste(room?.fix);
  rmSync(join(small, "old-trace"));
  t.match(wrongs(before, "DT_SERVICE_DOWN", `${id}_none`), [
    { why: "the service does not run", fix: /^start .*_none anew on local/ },
  ]);
  const after = await stage.doctor();
  for (const code of ["DT_DOCTOR_STATE", "DT_DOCTOR_DISK"])
    t.same(wrongs(after.findings, code, "this machine"), [], code);
  t.same(readdirSync(join(here, "state/debugtap")), [], "nothing was written");

  yaml({ wire: "dap", listens: "x", ide });
  const broken = await stage.doctor();
  t.equal(broken.code, 4);
  t.match(
    broken.findings.filter(({ code }) => code === "DT_CONFIG_INVALID"),
    [{ status: "wrong" }],
  );
  yaml({ wire: "dap", listens, ide });
  const typo = await stage.doctor(`${id}_non`);
  t.match(
    [typo.code, JSON.parse(typo.stdout)],
    [2, { error: { code: "DT_USAGE", fix: `debugtap doctor ${id}_none` } }],
  );
});
