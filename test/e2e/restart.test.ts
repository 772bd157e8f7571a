// `debugtap restart` and `debugtap logs` by the real program over a real sshd: units of a real systemd, with a relay, after inject.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DebugClient } from "@vscode/debugadapter-testsupport";
import t, { type Test } from "tap";
import { debugtapId } from "../../src/inject/folder.ts";
import { program, startRelay } from "../helpers/relay-process.ts";
import { stage, unit, until, type Restarted } from "../helpers/restart-stage.ts";
import { freePort } from "../helpers/sockets.ts";

t.jobs = 2;

t.test(
  "a unit: back with its breakpoint before its first line; with workers; one that does not come back",
  async (t) => {
    const [port, ide, forkPort, brokenPort] = [await freePort(), await freePort(), await freePort(), await freePort()];
    const python = "/usr/bin/python3 -Xfrozen_modules=off";
    const s = await stage(
      t,
      (there) => ({
        "api.service": unit(`${python} ${there}/listens.py ${port}`),
        "forks.service": unit(`${python} ${there}/serves.py ${forkPort} 2`),
        "broken.service": unit(
          `/bin/sh -c '[ -e ${there}/broken ] && { echo its database is away; exit 3; }; exec ${python} ${there}/serves.py ${brokenPort} 0'`,
          "Restart=on-failure\nRestartSec=300\n",
        ),
      }),
      true,
    );
    s.configure({
      api: { wire: "dap", listens: port, ide, reattach: true, run: { unit: "api" } },
      forks: { wire: "dap", listens: forkPort, ide: await freePort(), run: { unit: "forks" } },
      broken: { wire: "dap", listens: brokenPort, ide: await freePort(), run: { unit: "broken" } },
    });
    const relay = startRelay(["up", "--config", join(s.here, "debugtap.yml"), "--no-board"], s.env);
    t.teardown(async () => {
      relay.kill("SIGKILL");
      await relay.exit;
    });
    await relay.listening(["api"]);
    const { client, stopped: first } = await ideAt(t, ide, join(s.there, "listens.py"), 5);
    const pidOf = async (): Promise<number> => {
      const { body: threads } = await client.threadsRequest();
      const { body } = await client.stackTraceRequest({ threadId: threads.threads[0]?.id ?? 1 });
      t.match(body.stackFrames[0], { line: 5, source: { path: join(s.there, "listens.py") } });
      const answer = await client.evaluateRequest({ expression: "os.getpid()", frameId: body.stackFrames[0]?.id ?? 0 });
      return Number(answer.body.result);
    };
    await first;
    const old = await pidOf();

    const again = client.waitForEvent("stopped", 40_000);
    const { code, stdout, stderr } = await s.debugtap("restart", "api", "--json");
    t.equal(code, 0, stderr + stdout);
    const [api] = (JSON.parse(stdout) as Restarted).services;
    await again;
    const now = await pidOf();
    t.not(now, old);
    t.match(api, { service: "api", ok: true, before: 1, processes: [{ pid: now }], session: /^api#/ });

    const forks = await s.debugtap("restart", "forks");
    t.equal(forks.code, 0, forks.stderr);
    t.match(forks.stdout, /^forks: back in [\d.]+ s\n(?: {2}pid \d+ {2}\/usr\/bin\/python3 .*\n){3}$/);
    t.match(forks.stderr, "systemctl restart forks.service");

    writeFileSync(join(s.there, "broken"), "");
    const both = await s.debugtap("restart", "broken", "forks", "--json");
    t.equal(both.code, 4);
    t.match(JSON.parse(both.stdout), {
      services: [
        {
          service: "broken",
          ok: false,
          error: {
            code: "DT_RESTART_FAILED",
            what: "broken (broken.service) did not come back",
            why: /its process exited with 3, Result=exit-code[^]*\| its database is away/,
            fix: /^ssh -F \S+ vm 'systemctl status broken\.service'$/,
          },
        },
        { service: "forks", ok: true },
      ],
    });
    const { fix } = JSON.parse(both.stdout).services[0].error;
    t.match(
      spawnSync("sh", ["-c", fix], { encoding: "utf8" }).stdout,
      /broken\.service[^]*its database is away/,
      "as printed",
    );

    const shown = await s.debugtap("logs", "broken", "forks", "--lines", "3", "--no-follow");
    t.equal(shown.code, 0, shown.stderr);
    t.match(shown.stdout, /^broken \| .*its database is away$/m);
    t.match(shown.stdout, /^forks {2}\| .*serves \d+$/m);

    const follow = spawn(process.execPath, [program, "logs", "forks", "--json", "--lines", "100"], {
      cwd: s.here,
      env: { ...process.env, ...s.env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.teardown(() => follow.kill("SIGKILL"));
    const over = once(follow, "close");
    const lines = createInterface({ input: follow.stdout })[Symbol.asyncIterator]();
    await lines.next();
    s.vm.run(["systemctl", "restart", "forks.service"]);
    const main = s.vm.run(["systemctl", "show", "-p", "MainPID", "--value", "forks"]).stdout.trim();
    let seen = "{}";
    while (!seen.includes(`serves ${main}`)) seen = String((await lines.next()).value);
    t.match(JSON.parse(seen), { service: "forks", line: `serves ${main}` }, "what came while it followed");
    follow.kill("SIGINT");
    await over;
    await until(() => s.vm.run(["pgrep", "-f", "journalctl.*-f"]).code === 1);
    t.pass("no journalctl is left there");
  },
);

async function ideAt(t: Test, port: number, path: string, line: number) {
  const client = new DebugClient("node", "", "python");
  await client.start(port);
  t.teardown(() => client.stop());
  await client.initializeRequest({
    adapterID: "python",
    pathFormat: "path",
    linesStartAt1: true,
    columnsStartAt1: true,
  });
  const initialized = client.waitForEvent("initialized", 10_000);
  const stopped = client.waitForEvent("stopped", 40_000);
  stopped.catch(() => undefined);
  const attached = client.attachRequest({ justMyCode: true } as never);
  await initialized;
  await client.setBreakpointsRequest({ source: { path }, breakpoints: [{ line }] });
  await client.configurationDoneRequest();
  await attached;
  return { client, stopped };
}

t.test(
  "after inject: no line runs before its breakpoint is set; workers of uWSGI; one that ignores its environment; one whose debugger fails",
  async (t) => {
    const [port, webPort, ide] = [await freePort(), await freePort(), await freePort()];
    const s = await stage(
      t,
      (there) => ({
        // Of another user: what it reads is root's.
        "api.service": `[Service]\nUser=nobody\nExecStart=/usr/bin/python3 -Xfrozen_modules=off ${there}/plain.py\n`,
        "web.service": unit(
          `/usr/bin/uwsgi --plugin python3 --socket ${there}/web.sock --master --processes 2 --wsgi-file ${there}/web.py`,
          "KillSignal=SIGQUIT\n",
        ),
        "deaf.service": unit(`/usr/bin/python3 -I ${there}/plain.py`),
        "dial.service": unit(`/usr/bin/python3 ${there}/plain.py`),
        "stuck.service": unit(`/usr/bin/python3 ${there}/plain.py`),
      }),
      true,
    );
    const taken = createServer().listen(0, "127.0.0.1");
    t.teardown(() => taken.close());
    await once(taken, "listening");
    s.configure({
      api: { wire: "dap", listens: port, ide, reattach: true, run: { unit: "api" } },
      web: { wire: "dap", listens: webPort, ide: await freePort(), run: { unit: "web" } },
      dial: { wire: "pydevd", dials: await freePort(), ide: await freePort(), run: { unit: "dial" } },
      deaf: { wire: "dap", listens: await freePort(), ide: await freePort(), run: { unit: "deaf" } },
      stuck: {
        wire: "dap",
        listens: (taken.address() as AddressInfo).port,
        ide: await freePort(),
        run: { unit: "stuck" },
      },
    });
    const injected = await s.debugtap("inject", "--yes");
    t.equal(injected.code, 0, injected.stderr + injected.stdout);
    const relay = startRelay(["up", "--config", join(s.here, "debugtap.yml"), "--no-board"], s.env);
    t.teardown(async () => {
      relay.kill("SIGKILL");
      await relay.exit;
    });
    await relay.listening(["api"]);
    const all = await s.debugtap("restart", "api", "web", "dial", "deaf", "stuck", "--json");
    t.equal(all.code, 4);
    const [api, web, dial, deaf, stuck] = (JSON.parse(all.stdout) as Restarted).services;
    t.match(api, { ok: true, before: 1, processes: [{ state: "started", forked: false }] }, all.stderr);
    t.match(web, { ok: true, before: 3 });
    t.equal(web?.processes.filter(({ state }) => state === "started").length, 3, all.stdout);
    t.match(dial, { ok: true, session: "dial#1" }, "it has dialled the relay");
    t.match(deaf?.error, { code: "DT_INJECT_IGNORED", why: /-I/ });
    t.match(stuck?.error, { code: "DT_RESTART_UNDEBUGGED", why: /in use/ });

    const { client, stopped } = await ideAt(t, ide, join(s.there, "plain.py"), 1);
    const root = `/var/lib/debugtap/${debugtapId(join(s.here, "debugtap.yml"))}`;
    t.teardown(() => rmSync(root, { recursive: true, force: true }));
    const soon = join(root, "services/api.soon");
    const again = await s.debugtap("restart", "api");
    t.equal(again.code, 0, again.stderr);
    t.match(again.stdout, /^api: back in .*, session api#1\n {2}pid \d+ .* debugpy \S+\n$/);
    await stopped;
    const { body } = await client.threadsRequest();
    const stack = await client.stackTraceRequest({ threadId: body.threads[0]?.id ?? 1 });
    t.match(stack.body.stackFrames[0], { line: 1, source: { path: join(s.there, "plain.py") } });
    t.notOk(existsSync(soon), "the next start waits for nobody");

    for (const signal of ["SIGINT", "SIGKILL"] as const) {
      const broken = spawn(process.execPath, [program, "restart", "api"], {
        cwd: s.here,
        env: { ...process.env, ...s.env },
      });
      const over = once(broken, "close");
      await until(() => existsSync(soon));
      broken.kill(signal);
      await over;
      if (signal === "SIGINT") t.notOk(existsSync(soon), "nor after Ctrl-C");
    }
    const [wait, end] = readFileSync(soon, "utf8").split(" ").map(Number);
    t.match([wait, (end ?? 0) > Date.now() / 1000 + 65], [10, false], "killed: it is over when its time is");
    const ejected = await s.debugtap("eject");
    t.equal(ejected.code, 0, ejected.stderr);
    t.notOk(existsSync(root));
  },
);

t.test("a unit of the user's own systemd, without sudo", async (t) => {
  const port = await freePort();
  const s = await stage(t, () => ({}), false);
  const [uid = "", gid = ""] = ["-u", "-g"].map((flag) => s.vm.run(["id", flag, s.vm.user]).stdout.trim());
  const units = join(s.vm.home, ".config/systemd/user");
  mkdirSync(units, { recursive: true });
  writeFileSync(join(units, "own.target"), "[Unit]\nDefaultDependencies=no\nWants=api.service\n");
  writeFileSync(
    join(units, "api.service"),
    `[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/usr/bin/python3 ${s.there}/serves.py ${port} 0\n`,
  );
  writeFileSync(
    `${s.vm.root}/etc/systemd/system/manager.service`,
    `[Service]
User=${s.vm.user}
Type=notify
Delegate=yes
Environment=XDG_RUNTIME_DIR=/run/user/${uid} SYSTEMD_UNIT_PATH=/home/${s.vm.user}/.config/systemd/user
ExecStartPre=+/usr/bin/install -d -o ${uid} -g ${gid} -m 700 /run/user/${uid}
ExecStart=/lib/systemd/systemd --user --unit=own.target
`,
  );
  const started = s.vm.run(["systemctl", "start", "manager"]);
  t.equal(started.code, 0, started.stderr);
  s.configure({ api: { wire: "dap", listens: port, ide: await freePort(), run: { unit: "api", user: true } } });
  const { code, stdout, stderr } = await s.debugtap("restart", "api", "--json");
  t.equal(code, 0, stderr + stdout);
  t.match(JSON.parse(stdout), { services: [{ ok: true, before: 1, processes: [{ program: /serves\.py/ }] }] });
});
