// `debugtap restart` and `debugtap logs` without systemd: tabs of a real screen over a real sshd, own commands, compose; and without sudo.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { debugtapId } from "../../src/inject/folder.ts";
import { program } from "../helpers/relay-process.ts";
import { debugtapIn, serves, stage, unit, until, type Restarted } from "../helpers/restart-stage.ts";
import { freePort } from "../helpers/sockets.ts";
import type { SystemdVm } from "../helpers/systemd-vm.ts";

t.jobs = 2;

function listensOn(port: number): boolean {
  const row = `:${port.toString(16).toUpperCase().padStart(4, "0")} 00000000:0000 0A`;
  return readFileSync("/proc/net/tcp", "utf8").includes(row);
}

function environment({ root }: SystemdVm, served = ""): string[] {
  const all = readFileSync(`${root}/proc/${served.replace(/\D/g, "")}/environ`, "utf8").split("\0");
  return all.filter((each) => /^(?:DEBUGTAP_HOOK|PYTHONPATH)=/.test(each)).sort();
}

t.test("no sudo; a tab of screen, its shell and its history; an own command; what is not said", async (t) => {
  const [port, tabPort, dashPort, ownPort, stubbornPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const python = "/usr/bin/python3 -Xfrozen_modules=off";
  const s = await stage(t, (there) => ({ "api.service": unit(`${python} ${there}/serves.py ${port} 0`) }), false);
  const dap = async (listens?: number) => ({
    wire: "dap",
    listens: listens ?? (await freePort()),
    ide: await freePort(),
  });
  const own = `sh ${s.there}/again.sh`;
  writeFileSync(
    join(s.there, "again.sh"),
    `pkill -u debugtap-vm -f "serves.py ${ownPort}"\nsetsid ${python} ${s.there}/serves.py ${ownPort} 0 >${s.there}/own.log 2>&1 </dev/null &\n`,
  );
  s.configure({
    api: { ...(await dap(port)), run: { unit: "api.service" } },
    tab: { ...(await dap(tabPort)), run: { screen: "stack", tab: "api" } },
    dash: { ...(await dap(dashPort)), run: { screen: "stack", tab: "1" } },
    bare: { ...(await dap()), run: { screen: "stack", tab: "bare" } },
    stubborn: { ...(await dap(stubbornPort)), run: { screen: "stack", tab: "stubborn" } },
    nowhere: { ...(await dap()), run: { screen: "stack", tab: "nowhere" } },
    own: { ...(await dap(ownPort)), run: { restart: own, logs: `tail -n 5 -f ${s.there}/own.log` } },
    fails: { ...(await dap()), run: { restart: "echo no such thing; exit 7" } },
    unsaid: await dap(),
  });
  const refused = await s.debugtap("restart", "api", "nowhere", "bare", "fails", "--json");
  t.equal(refused.code, 4);
  t.match(
    (JSON.parse(refused.stdout) as Restarted).services.map(({ error }) => error),
    [
      { code: "DT_SUDO_NEEDED", fix: "ssh -t vm sudo systemctl restart api.service" },
      { code: "DT_RESTART_TAB", what: /no screen stack of this user/ },
      { code: "DT_RESTART_TAB" },
      { code: "DT_RESTART_FAILED", what: /ended with 7/, why: /no such thing/ },
    ],
  );
  t.match((await s.debugtap("restart", "unsaid")).stderr, /DT_RUN_MISSING: .*does not say how unsaid is run/);

  const screen = (...words: string[]) =>
    s.vm.run(["env", "HOME=/home/debugtap-vm", "TERM=xterm", "screen", ...words], s.vm.user);
  const history = join(s.vm.home, ".bash_history");
  writeFileSync(join(s.vm.home, ".bashrc"), "PS1='$ '\nPROMPT_COMMAND='history -a'\n");
  t.equal(screen("-dmS", "stack", "-t", "api", "bash").code, 0, "apt-get install screen");
  t.teardown(() => screen("-S", "stack", "-X", "quit"));
  screen("-S", "stack", "-X", "screen", "-t", "sh", "sh");
  screen(
    "-S",
    "stack",
    "-X",
    "screen",
    "-t",
    "bare",
    "sh",
    "-c",
    `exec ${python} ${s.there}/serves.py ${await freePort()} 0`,
  );
  // With a variable and a pipe, which the command line of its process does not show.
  const command = `WHO=me ${python} ${s.there}/serves.py ${tabPort} 1 | tee -a ${s.there}/tab.log`;
  screen("-S", "stack", "-p", "api", "-X", "stuff", `${command}\r`);
  const served = (): string[] =>
    (readdirSync(s.there).includes("tab.log") ? readFileSync(join(s.there, "tab.log"), "utf8") : "").match(
      /serves \d+/g,
    ) ?? [];
  await until(() => served().length === 1);

  const { code, stdout, stderr } = await s.debugtap("restart", "tab", "--json");
  t.equal(code, 0, stderr + stdout);
  const [restarted] = (JSON.parse(stdout) as Restarted).services;
  t.match(restarted, { service: "tab", ok: true, before: 2 });
  t.equal(served().length, 2);
  const pid = Number(/\d+/.exec(served()[1] ?? "")?.[0]);
  t.ok(
    restarted?.processes.some((each) => each.pid === pid),
    stdout,
  );
  t.match(readFileSync(`${s.vm.root}/proc/${pid}/environ`, "utf8"), "WHO=me", "it was run again as it was typed");
  t.same(
    new Set(readFileSync(history, "utf8").trim().split("\n")),
    new Set([command]),
    "nothing of ours is in its history",
  );

  // With the variables of inject, which end with it.
  const folder = join(s.vm.home, ".cache/debugtap", debugtapId(join(s.here, "debugtap.yml")));
  for (const each of ["env", "services", "state/tab"]) mkdirSync(join(folder, each), { recursive: true });
  writeFileSync(join(folder, "services/tab.json"), "{}");
  writeFileSync(
    join(folder, "env/tab.sh"),
    `export DEBUGTAP_HOOK='${folder}/services/tab.json' PYTHONPATH='${folder}/hook:/opt/own'\n`,
  );
  s.vm.run(["chown", "-R", s.vm.user, "/home/debugtap-vm"]);
  const plain = await s.debugtap("restart", "tab", "--no-wait");
  t.match([plain.code, plain.stdout], [0, "tab: restarted\n"], plain.stderr);
  await until(() => served().length === 3);
  t.match(environment(s.vm, served().at(-1)), [/^DEBUGTAP_HOOK=/, `PYTHONPATH=${folder}/hook:/opt/own`]);
  rmSync(join(s.vm.home, ".cache"), { recursive: true });
  await s.debugtap("restart", "tab", "--no-wait");
  await until(() => served().length === 4);
  t.same(environment(s.vm, served().at(-1)), ["PYTHONPATH=/opt/own"]);
  t.same(new Set(readFileSync(history, "utf8").trim().split("\n")), new Set([command]), "still nothing of ours");

  const bare = await s.debugtap("restart", "bare");
  t.match([bare.code, bare.stderr], [4, /DT_RESTART_TAB: tab bare .* has no shell that could run its program again/]);

  // dash has no history: its program is run again by its command line.
  screen("-S", "stack", "-p", "1", "-X", "stuff", `${python} ${s.there}/serves.py ${dashPort} 0\r`);
  await until(() => s.vm.run(["pgrep", "-f", `serves.py ${dashPort}`]).code === 0);
  const dash = await s.debugtap("restart", "dash");
  t.match([dash.code, dash.stdout], [0, /^dash: back in/], dash.stderr);

  screen("-S", "stack", "-X", "screen", "-t", "stubborn", "sh");
  screen("-S", "stack", "-p", "stubborn", "-X", "stuff", `${python} ${s.there}/stubborn.py ${stubbornPort} 0\r`);
  await until(() => listensOn(stubbornPort));
  const stuck = await s.debugtap("restart", "stubborn", "--timeout", "1s");
  t.match([stuck.code, stuck.stderr], [4, /DT_RESTART_STUCK: [^]*fix: debugtap restart stubborn --force/]);
  const forced = await s.debugtap("restart", "stubborn", "--force");
  t.match([forced.code, forced.stdout, forced.stderr], [0, /^stubborn: back in/, /killed, because/]);

  const owned = await s.debugtap("restart", "own");
  t.match([owned.code, owned.stdout], [0, /^own: back in/], owned.stderr);
  const ownLog = await s.debugtap("logs", "own", "--no-follow");
  t.match([ownLog.code, ownLog.stderr], [2, /DT_USAGE: the log of own is a command of its own/]);

  const left = (): string[] => readdirSync("/tmp").filter((name) => name.startsWith("debugtap-log."));
  const there = left();
  const nowhere = await s.debugtap("logs", "nowhere", "--no-follow");
  t.match([nowhere.code, nowhere.stderr], [4, /DT_LOGS_FAILED: [^]*screen stack has no tab nowhere/]);
  const follow = spawn(process.execPath, [program, "logs", "dash", "own"], {
    cwd: s.here,
    env: { ...process.env, ...s.env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.teardown(() => follow.kill("SIGKILL"));
  const over = once(follow, "close");
  let text = "";
  follow.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await until(() => /^dash \| serves \d+$/m.test(text) && /^own {2}\| serves \d+$/m.test(text));
  screen("-S", "stack", "-p", "1", "-X", "stuff", "\x03");
  await until(() => text.match(/^dash \| KeyboardInterrupt$/gm)?.length === 2); // what is typed before that is lost
  screen("-S", "stack", "-p", "1", "-X", "stuff", "echo a last $((40 + 2)) \r");
  await until(() => /^dash \| a last 42$/m.test(text));
  t.equal(text.match(/^dash \| serves \d+$/gm)?.length, 2, "each line once");
  // More than the tab keeps: what is there moves up.
  for (const first of [1001, 2001, 3001]) {
    screen("-S", "stack", "-p", "1", "-X", "stuff", `seq ${first} ${first + 60}\r`);
    await until(() => text.includes(`dash | ${first + 60}\n`));
  }
  const numbers = text.match(/^dash \| \d{4}$/gm) ?? [];
  t.same([numbers.length, new Set(numbers).size], [183, 183], "no line twice, none left out");
  follow.kill("SIGKILL");
  await over;
  await until(() => s.vm.run(["pgrep", "-f", "tail -n 5 -f"]).code === 1);
  await until(() => left().every((name) => there.includes(name)));
  t.pass("nothing is left there");
});

const dockerStandIn = (dir: string, port: number) => `#!/bin/sh
echo "$*" >>${dir}/told
case "$*" in
*"ps -q "*) cat ${dir}/id;;
"inspect -f {{.State.Pid}} "*) cat ${dir}/pid;;
"inspect "*) p=$(cat ${dir}/pid); if [ -d /proc/$p ]; then s=running; else s=exited; p=0; fi; echo "$(cat ${dir}/id) $s 7 $(cat ${dir}/started) $p";;
*" up -d "*) [ -s ${dir}/pid ] && kill $(cat ${dir}/pid); [ -e ${dir}/broken ] && exit
  setsid /usr/bin/python3 ${dir}/serves.py ${port} 0 >${dir}/log 2>&1 </dev/null & echo $! >${dir}/pid; date +%s%N >${dir}/started; echo c0ffee >${dir}/id;;
*" logs "*) cat ${dir}/log;;
esac
`;

t.test(
  "a compose service, with inject's override; a container that does not stay (`docker` is a stand-in)",
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), "dt-"));
    t.teardown(() => {
      spawnSync("sh", ["-c", `kill $(cat ${dir}/pid)`]);
      rmSync(dir, { recursive: true, force: true });
    });
    const port = await freePort();
    mkdirSync(join(dir, "bin"));
    writeFileSync(join(dir, "bin/docker"), dockerStandIn(dir, port), { mode: 0o755 });
    writeFileSync(join(dir, "serves.py"), serves);
    for (const name of ["compose.yml", "compose.override.yml"]) writeFileSync(join(dir, name), "");
    const run = { compose: "api", dir };
    writeFileSync(
      join(dir, "debugtap.yml"),
      JSON.stringify({ services: { api: { wire: "dap", listens: port, ide: await freePort(), run } } }),
    );
    const env = { PATH: `${dir}/bin:${process.env["PATH"]}`, XDG_RUNTIME_DIR: dir, NO_COLOR: "1", NODE_OPTIONS: "" };
    const debugtap = debugtapIn(dir, env);
    const ups = (): string[] =>
      readFileSync(join(dir, "told"), "utf8")
        .split("\n")
        .filter((line) => line.includes(" up "));
    const first = await debugtap("restart", "api");
    t.match([first.code, first.stdout], [0, /^api: back in .*\n {2}pid \d+ .*serves\.py/], first.stderr);
    const pid = readFileSync(join(dir, "pid"), "utf8").trim();
    t.match(first.stdout, `pid ${pid} `);

    writeFileSync(join(dir, "compose.debugtap.yml"), "");
    const second = await debugtap("restart", "api", "--json");
    const [api] = (JSON.parse(second.stdout) as Restarted).services;
    t.match(
      api,
      { ok: true, before: 1, processes: [{ pid: Number(readFileSync(join(dir, "pid"), "utf8")) }] },
      second.stderr,
    );
    t.not(api?.processes[0]?.pid, Number(pid));
    t.same(ups(), [
      "compose up -d --force-recreate api",
      "compose -f compose.yml -f compose.override.yml -f compose.debugtap.yml up -d --force-recreate api",
    ]);
    const logs = await debugtap("logs", "api", "--no-follow");
    t.match([logs.code, logs.stdout], [0, /^serves \d+\n$/], logs.stderr);

    writeFileSync(join(dir, "broken"), "");
    const broken = await debugtap("restart", "api");
    t.match(
      [broken.code, broken.stderr],
      [4, /DT_RESTART_FAILED: api \(api\) did not come back\n {2}why: its container is exited, exit code 7/],
    );
  },
);
