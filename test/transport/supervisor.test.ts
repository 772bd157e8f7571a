import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import t from "tap";
import type { DebugtapError } from "../../protocol/errors.ts";
import { ThrowawaySshd } from "../../src/demo/throwaway-sshd.ts";
import { systemClock } from "../../src/transport/clock.ts";
import { superviseHost } from "../../src/transport/supervisor.ts";
import type { HostLink, LinkState, SupervisorOptions } from "../../src/transport/host-link.ts";
import { codeOf, dialLocal, fate, known, listeners, never, readAll, service, until } from "./vm.ts";

type Tap = Pick<typeof t, "teardown" | "comment">;
type State = LinkState["state"];

const loopback = "127.0.0.1";

interface Watched {
  readonly sshd: ThrowawaySshd;
  readonly link: HostLink;
  readonly states: LinkState[];
  readonly stateDir: string;
  /** Waits until the last state is this. */
  readonly becomes: (state: State) => Promise<LinkState>;
}

async function supervised(
  t: Tap,
  options: Partial<SupervisorOptions> & {
    settings?: Record<string, string>;
    through?: number;
    sshd?: ThrowawaySshd;
  } = {},
): Promise<Watched> {
  const { settings, through, sshd: given, ...rest } = options;
  const sshd = given ?? (await ThrowawaySshd.start(settings === undefined ? {} : { settings }));
  if (given === undefined) t.teardown(async () => await sshd.stop());
  const stateDir = options.stateDir ?? (await mkdtemp(join(tmpdir(), "debugtap-state-")));
  t.teardown(async () => await rm(stateDir, { recursive: true, force: true }));
  let configFile = sshd.sshConfig;
  if (through !== undefined) {
    configFile = join(sshd.dir, `ssh_config_${through}`);
    const own = await readFile(sshd.sshConfig, "utf8");
    await writeFile(
      configFile,
      own.replace(`Port ${sshd.port}`, `Port ${through}\n  HostKeyAlias [${loopback}]:${sshd.port}`),
    );
  }
  const states: LinkState[] = [];
  const wakes = new Set<() => void>();
  const link = superviseHost(
    { name: "devstack", destination: "vm", configFile },
    {
      busy: () => true,
      ...rest,
      stateDir,
      onState: (state) => {
        states.push(state);
        for (const wake of wakes) wake();
        options.onState?.(state);
      },
    },
  );
  t.teardown(async () => await link.close());
  const becomes = async (state: State): Promise<LinkState> =>
    await new Promise((resolve) => {
      const look = (): void => {
        if (link.state.state !== state) return;
        wakes.delete(look);
        resolve(link.state);
      };
      wakes.add(look);
      look();
    });
  return { sshd, link, states, stateDir, becomes };
}

/** Runs no more: not there, or there only for its parent to collect. */
function isGone(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1").split(")").at(-1) ?? "");
  } catch {
    return true;
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ").trim();
  } catch {
    return ""; // it ended meanwhile
  }
}

/** What a connection to the port is told. */
async function hear(port: number): Promise<string> {
  const socket = await dialLocal(port);
  const text = await readAll(socket);
  socket.end();
  return text;
}

async function heldBy(port: number): Promise<string[]> {
  return (await listeners()).filter((address) => address.endsWith(`:${port}`));
}

/** A line on the way to the VM: as slow as wanted, or silent. Bytes a second, each connection and way. */
async function line(t: Tap, to: number): Promise<{ port: number; rate: number; frozen: boolean; refuse: boolean }> {
  const state = { port: 0, rate: Infinity, frozen: false, refuse: false };
  const sockets = new Set<Socket>();
  const carry = async (from: Socket, to: Socket): Promise<void> => {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        for (let at = 0; at < chunk.length; at += 8192) {
          const piece = chunk.subarray(at, at + 8192);
          await until(() => !state.frozen);
          await new Promise((resolve) => setTimeout(resolve, (piece.length / state.rate) * 1000));
          if (!to.write(piece)) await new Promise((resolve) => to.once("drain", resolve).once("close", resolve));
        }
      }
      to.end();
    } catch {
      to.destroy();
    }
  };
  const server = createServer({ allowHalfOpen: true, highWaterMark: 8192 }, (near) => {
    if (state.refuse) {
      near.destroy();
      return;
    }
    const far = connect({ host: loopback, port: to, allowHalfOpen: true });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => {}).once("close", () => sockets.delete(socket));
    }
    near.once("close", () => far.destroy());
    far.once("close", () => near.destroy());
    void carry(near, far);
    void carry(far, near);
  });
  server.listen(0, loopback);
  await new Promise((resolve) => server.once("listening", resolve));
  state.port = (server.address() as AddressInfo).port;
  t.teardown(async () => {
    state.frozen = false;
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return state;
}

t.test(
  "a link that works: states, both forwards, commands on their own connection, nothing left after close",
  async (t) => {
    const { sshd, link, states, stateDir, becomes } = await supervised(t);
    const echo = await service();
    t.teardown(async () => await echo.close());
    const early = link.dial({ host: loopback, port: echo.port })(never);
    const listener = await link.listen({ host: loopback, port: 0 })((stream) => stream.end("from the relay"));
    const stream = await early;
    stream.end("waited for the first connection");
    t.equal(await readAll(stream), "waited for the first connection");
    await becomes("up");
    t.same(
      states.map(({ state }) => state),
      ["connecting", "up"],
    );
    t.equal(await hear(listener.port), "from the relay");
    t.same(await heldBy(listener.port), [`${loopback}:${listener.port}`], "loopback only");
    const pid = known(link.facts.sshdPid);
    t.ok(sshd.sessions().includes(pid));
    t.match(await codeOf(link.dial({ host: loopback, port: 1 })(never)), { code: "DT_SERVICE_DOWN" });

    const parents = await Promise.all([link.exec("echo $PPID"), link.exec("echo $PPID")]);
    const [lane] = parents.map(({ stdout }) => Number(stdout));
    t.equal(Number(parents[1]?.stdout), lane, "one connection for all commands");
    t.not(lane, pid, "and not the debug lane");
    const pending = codeOf(link.exec("sleep 60"));
    await until(() => sshd.sessions().length > 2);
    process.kill(known(lane), "SIGKILL");
    t.equal((await pending).code, "DT_LINK_LOST");
    t.not(Number((await link.exec("echo $PPID")).stdout), lane, "the next command has a new one");
    t.equal(link.facts.sshdPid, pid);
    t.equal(states.length, 2, "the debug lane did not notice");

    const record = (await readdir(stateDir)).find((name) => name.endsWith(`${process.pid}.json`));
    t.equal((await stat(join(stateDir, known(record)))).mode & 0o777, 0o600);
    t.match(JSON.parse(await readFile(join(stateDir, known(record)), "utf8")), { sshdPid: pid, relayPid: process.pid });
    await until(() => link.state.state === "up" && link.state.rtt !== undefined);
    await link.close();
    await until(() => sshd.sessions().length === 0);
    t.same(await heldBy(listener.port), []);
    t.same(await readdir(stateDir), [], "an orderly end leaves no record");
    t.equal((await codeOf(link.dial({ host: loopback, port: echo.port })(never))).code, "DT_LINK_LOST");
    t.equal((await codeOf(link.listen({ host: loopback, port: 0 })(() => {}))).code, "DT_LINK_LOST");
    t.equal((await codeOf(link.exec("true"))).code, "DT_LINK_LOST");
  },
);

t.test("a command that is under way when the link is closed leaves no timer that keeps the program", async (t) => {
  const pending = new Map<symbol, number>();
  const clock = {
    ...systemClock,
    after: (ms: number, run: () => void) => {
      const key = Symbol("timer");
      pending.set(key, ms);
      const cancel = systemClock.after(ms, () => {
        pending.delete(key);
        run();
      });
      return () => {
        pending.delete(key);
        cancel();
      };
    },
  };
  const { sshd, link, becomes } = await supervised(t, { clock });
  await becomes("up");
  const running = codeOf(link.exec("exec sleep 31"));
  await until(() => sshd.sessions().some((pid) => !isGone(pid) && commandLine(pid) === "sleep 31"));
  await link.close();
  t.equal((await running).code, "DT_LINK_LOST");
  t.same(
    [...pending.values()].filter((ms) => ms > 1000),
    [],
  );
});

t.test("the sshd child is killed: streams are lost, forwards are back on their ports, dials wait", async (t) => {
  const { link, states, becomes } = await supervised(t);
  const echo = await service();
  t.teardown(async () => await echo.close());
  const accepted: Duplex[] = [];
  const ports = await Promise.all(
    Array.from({ length: 5 }, async () => {
      return await link.listen({ host: loopback, port: 0 })((stream) => accepted.push(stream));
    }),
  );
  const closed = known(ports.pop());
  await closed.close();
  await becomes("up");
  const times: number[] = [];
  for (let round = 0; round < 5; round++) {
    accepted.length = 0;
    const client = await dialLocal(known(ports[0]).port);
    const dialled = await link.dial({ host: loopback, port: echo.port })(never);
    await until(() => accepted.length === 1);
    const fates = Promise.all([fate(known(accepted[0])), fate(dialled)]);
    const clientClosed = new Promise((resolve) => client.once("close", resolve).resume());
    const begin = performance.now();
    process.kill(known(link.facts.sshdPid), "SIGKILL");
    await becomes("down");
    const waiting = link.dial({ host: loopback, port: echo.port })(never);
    t.same(await fates, [["DT_LINK_LOST"], ["DT_LINK_LOST"]]);
    await becomes("up");
    times.push(performance.now() - begin);
    client.end();
    await clientClosed;
    const stream = await waiting;
    stream.end("through the outage");
    t.equal(await readAll(stream), "through the outage");
    for (const { port } of ports) t.same(await heldBy(port), [`${loopback}:${port}`]);
    t.same(await heldBy(closed.port), [], "what was closed does not come back");
  }
  times.sort((a, b) => a - b);
  t.comment(`back in ${times.map((time) => time.toFixed(0)).join(", ")} ms`);
  t.same(
    [...new Set(states.slice(2).map(({ state }) => state))].sort(),
    ["connecting", "down", "up"],
    "and nothing else was said",
  );
  t.match(
    states.find(({ state }) => state === "down"),
    { reason: { code: "DT_LINK_LOST" }, retryAt: Number },
  );
});

t.test("the sshd child freezes: found out, ended, and its port is ours again", async (t) => {
  const { link, becomes } = await supervised(t);
  const accepted: Duplex[] = [];
  const { port } = await link.listen({ host: loopback, port: 0 })((stream) => accepted.push(stream));
  await becomes("up");
  for (let round = 0; round < 3; round++) {
    accepted.length = 0;
    const client = await dialLocal(port);
    client.resume();
    await until(() => accepted.length === 1);
    const lost = fate(known(accepted[0]));
    const old = known(link.facts.sshdPid);
    const begin = performance.now();
    process.kill(old, "SIGSTOP");
    await becomes("down");
    const detected = performance.now() - begin;
    t.same(await lost, ["DT_LINK_LOST"]);
    await becomes("up");
    t.comment(`found out after ${detected.toFixed(0)} ms, back after ${(performance.now() - begin).toFixed(0)} ms`);
    t.ok(detected > 1400, "not before it must be so");
    await until(() => isGone(old));
    client.end();
    t.same(await heldBy(port), [`${loopback}:${port}`]);
    const again = await dialLocal(port);
    await until(() => accepted.length === 2);
    again.destroy();
    accepted[1]?.destroy();
  }
});

t.test("a machine that slept finds out within a second or two", async (t) => {
  let jump = 0;
  const { link, becomes } = await supervised(t, {
    busy: () => false,
    clock: { ...systemClock, wall: () => Date.now() + jump },
  });
  await becomes("up");
  process.kill(known(link.facts.sshdPid), "SIGSTOP");
  jump = 3_600_000;
  const begin = performance.now();
  await becomes("down");
  const detected = performance.now() - begin;
  t.ok(detected < 4000, `${detected.toFixed(0)} ms, where 5 s and 5 s would be due`);
  await becomes("up");
});

t.test("the daemon stops and starts again", async (t) => {
  const { sshd, link, states, becomes } = await supervised(t, { waitMs: 300 });
  const { port } = await link.listen({ host: loopback, port: 0 })(() => {});
  await becomes("up");
  const daemon = Number(
    readFileSync(`/proc/${known(link.facts.sshdPid)}/status`, "utf8").match(/^PPid:\s+(\d+)/m)?.[1],
  );
  const root = sshd.sessions().includes(daemon)
    ? Number(readFileSync(`/proc/${daemon}/status`, "utf8").match(/^PPid:\s+(\d+)/m)?.[1])
    : daemon;
  process.kill(root, "SIGKILL");
  await until(() => isGone(root));
  process.kill(known(link.facts.sshdPid), "SIGKILL");
  await until(() => states.some((state) => state.state === "down" && state.reason.code === "DT_SSH_UNREACHABLE"));
  t.equal(
    (await codeOf(link.dial({ host: loopback, port: 9 })(never))).code,
    "DT_SSH_UNREACHABLE",
    "a dial waits its time, then has the reason",
  );
  const whole = states.filter((state) => state.state === "down");
  t.equal(new Set(whole.map(({ since }) => since)).size, 1, "down since one and the same moment");
  const { uid, gid } = await stat(sshd.dir);
  const again = spawn("/usr/sbin/sshd", ["-D", "-f", join(sshd.dir, "sshd_config")], { stdio: "ignore", uid, gid });
  t.teardown(() => again.kill("SIGKILL"));
  await becomes("up");
  t.same(await heldBy(port), [`${loopback}:${port}`]);
  await link.close();
});

t.test("what trying again cannot mend is final, until a file changes or somebody says so", async (t) => {
  const sshd = await ThrowawaySshd.start();
  t.teardown(async () => await sshd.stop());
  const knownHosts = join(sshd.dir, "known_hosts");
  const authorized = join(sshd.dir, "authorized_keys");
  await rename(knownHosts, `${knownHosts}.away`);
  const { link, states, becomes } = await supervised(t, { sshd });
  const waiting = codeOf(link.listen({ host: loopback, port: 0 })(() => {}));
  const down = await becomes("down");
  t.match(down, { reason: { code: "DT_HOSTKEY_UNKNOWN" }, retryAt: undefined });
  t.equal((await waiting).code, "DT_HOSTKEY_UNKNOWN");
  t.equal((await codeOf(link.dial({ host: loopback, port: 9 })(never))).code, "DT_HOSTKEY_UNKNOWN", "at once");
  t.equal((await codeOf(link.listen({ host: loopback, port: 0 })(() => {}))).code, "DT_HOSTKEY_UNKNOWN");
  t.equal((await codeOf(link.exec("true"))).code, "DT_HOSTKEY_UNKNOWN");
  t.equal(states.length, 2, "and not tried again");
  await rename(`${knownHosts}.away`, knownHosts);
  await becomes("up");
  t.match(states[2], { state: "connecting", attempt: 1, why: "the settings changed" });
  const { port } = await link.listen({ host: loopback, port: 0 })(() => {});

  await rename(authorized, `${authorized}.away`);
  process.kill(known(link.facts.sshdPid), "SIGKILL");
  await until(() => link.state.state === "down" && link.state.retryAt === undefined);
  t.match(link.state, { reason: { code: "DT_SSH_AUTH" } });
  await rename(`${authorized}.away`, authorized);
  const dial = codeOf(link.dial({ host: loopback, port: 1 })(never));
  t.equal((await dial).code, "DT_SSH_AUTH", "nothing here has changed, so it is still final");
  link.poke("the user asked");
  t.equal((await codeOf(link.dial({ host: loopback, port: 1 })(never))).code, "DT_SERVICE_DOWN", "waits from then on");
  t.match(states.at(-2), { state: "connecting", attempt: 1, why: "the user asked" });
  t.same(await heldBy(port), [`${loopback}:${port}`], "a forward that was open is back even after that");

  const broken = await supervised(t, { sshd, settings: {}, through: 1 });
  const config = join(sshd.dir, "ssh_config_1");
  await writeFile(config, "Host vm\n  NoSuchOption yes\n");
  await utimes(config, 1, 1);
  await until(() => broken.states.some((state) => state.state === "down" && state.reason.code === "DT_SSH_CONFIG"));
  await writeFile(config, await readFile(sshd.sshConfig));
  await broken.becomes("up");
});

t.test("a server that hangs up before its banner is left alone", async (t) => {
  const sshd = await ThrowawaySshd.start();
  t.teardown(async () => await sshd.stop());
  const way = await line(t, sshd.port);
  way.refuse = true;
  let network = "wired";
  const { link, states, becomes } = await supervised(t, { sshd, through: way.port, network: () => network });
  await until(() => link.state.state === "down" && (link.state.retryAt ?? 0) - Date.now() > 5000);
  t.ok(known((link.state as { retryAt?: number }).retryAt) - Date.now() > 14_000);
  t.equal(states.filter(({ state }) => state === "connecting").length, 2, "tried twice");
  t.match(link.state, { reason: { code: "DT_SSH_UNREACHABLE", why: /hang|closed/ } });
  const dial = link
    .dial({ host: loopback, port: 1 })(never)
    .catch((error: DebugtapError) => error.code);
  t.equal(states.length, 4, "a dial does not change that");
  way.refuse = false;
  network = "wireless";
  await becomes("up");
  t.match(states.at(-2), { why: "the network changed" }, "another network does");
  t.equal(await dial, "DT_SERVICE_DOWN");
});

t.test("a relay that crashed: what it left is ended; a relay that lives keeps what it has", async (t) => {
  const sshd = await ThrowawaySshd.start();
  t.teardown(async () => await sshd.stop());
  const stateDir = await mkdtemp(join(tmpdir(), "debugtap-state-"));
  const reserve = await service();
  const { port } = reserve;
  await reserve.close();
  const script = `
    import { superviseHost } from ${JSON.stringify(import.meta.resolve("../../src/transport/supervisor.js"))};
    const [configFile, stateDir, port] = process.argv.slice(1);
    const link = superviseHost({ name: "devstack", destination: "vm", configFile },
      { stateDir, busy: () => true, onState: ({ state }) => {
        if (state === "up") console.log(link.facts.sshdPid);
      } });
    await link.listen({ host: "127.0.0.1", port: Number(port) })((stream) => stream.end("other relay"));
  `;
  const relay = async (): Promise<{ pid: number; sshdPid: number; kill(): Promise<void> }> => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", script, sshd.sshConfig, stateDir, `${port}`], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exited = new Promise((resolve) => child.once("exit", resolve));
    t.teardown(() => child.kill("SIGKILL"));
    const sshdPid = await new Promise<number>((resolve) =>
      child.stdout.once("data", (text: Buffer) => resolve(Number(text.toString()))),
    );
    await until(async () => (await readdir(stateDir)).some((name) => name.endsWith(`.${child.pid}.json`)));
    return {
      pid: known(child.pid),
      sshdPid,
      kill: async () => {
        child.kill("SIGKILL");
        await exited;
      },
    };
  };

  const crashed = await relay();
  process.kill(crashed.sshdPid, "SIGSTOP"); // or it would see the end of the connection
  await crashed.kill();
  t.same(await heldBy(port), [`${loopback}:${port}`], "the port is still held");
  const first = await supervised(t, { sshd, stateDir });
  const listener = await first.link.listen({ host: loopback, port })((stream) => stream.end("this relay"));
  t.equal(listener.port, port);
  await until(() => isGone(crashed.sshdPid));
  await first.becomes("up");
  t.equal(await hear(port), "this relay");
  await first.link.close();
  t.same(await readdir(stateDir), [], "and its record is gone as well");

  const living = await relay();
  const second = await supervised(t, { sshd, stateDir });
  const taken = await codeOf(second.link.listen({ host: loopback, port })(() => {}));
  t.match(taken, { code: "DT_REMOTE_PORT", why: new RegExp(`another debugtap \\(pid ${living.pid} `) });
  await second.becomes("up");
  t.notOk(isGone(living.sshdPid));
  t.equal(await hear(port), "other relay");
  process.kill(living.sshdPid, "SIGSTOP");
  await living.kill();
  await second.link.listen({ host: loopback, port })((stream) => stream.end("second relay"));
  t.equal(await hear(port), "second relay", "until it crashes too");
  await second.link.close();
  t.same(await readdir(stateDir), []);
});

t.test("a port that somebody took during the outage is told, and taken back when it is free", async (t) => {
  const problems: (string | undefined)[] = [];
  const sshd = await ThrowawaySshd.start();
  t.teardown(async () => await sshd.stop());
  const way = await line(t, sshd.port);
  const { link, becomes } = await supervised(t, {
    sshd,
    through: way.port,
    onForward: (_at, problem) => problems.push(problem?.code),
  });
  const { port } = await link.listen({ host: loopback, port: 0 })((stream) => stream.end("ours"));
  await becomes("up");
  way.refuse = true;
  process.kill(known(link.facts.sshdPid), "SIGKILL");
  await becomes("down");
  const thief = createServer((socket) => socket.end("theirs"));
  await until(
    async () =>
      await new Promise<boolean>((resolve) => {
        thief.once("error", () => resolve(false)).listen(port, loopback, () => resolve(true));
      }),
  );
  way.refuse = false;
  link.poke("the line is back");
  await becomes("up");
  t.same(problems, ["DT_REMOTE_PORT"]);
  t.equal(await hear(port), "theirs", "and we are nowhere else");
  await new Promise((resolve) => thief.close(resolve));
  await until(() => problems.length === 2);
  t.same(problems, ["DT_REMOTE_PORT", undefined]);
  t.equal(await hear(port), "ours");
});

t.test("a slow line that is full both ways is not dead; one that falls silent is", async (t) => {
  const sshd = await ThrowawaySshd.start();
  t.teardown(async () => await sshd.stop());
  const way = await line(t, sshd.port);
  const { link, states, becomes } = await supervised(t, { sshd, through: way.port });
  const sink = await service((socket) => socket.resume());
  const source = await service((socket) => {
    const pour = (): void => {
      while (socket.writable && socket.write(Buffer.alloc(65_536)));
    };
    socket.on("drain", pour);
    pour();
  });
  t.teardown(async () => await Promise.all([sink.close(), source.close()]));
  await becomes("up");
  way.rate = 400_000;
  const dial = async (port: number): Promise<Duplex> => await link.dial({ host: loopback, port })(never);
  let received = 0;
  const down = await dial(source.port);
  down.on("data", (chunk: Buffer) => (received += chunk.length));
  const up = await Promise.all(Array.from({ length: 4 }, async () => await dial(sink.port)));
  for (const stream of up) {
    const pour = (): void => {
      while (stream.writable && stream.write(Buffer.alloc(65_536)));
    };
    stream.on("drain", pour);
    pour();
  }
  await until(() => received > 3_000_000);
  t.notOk(states.some(({ state }) => state === "down"));
  t.match(states.map(({ state }) => state).slice(0, 2), ["connecting", "up"]);
  t.comment(`states: ${states.map((state) => JSON.stringify(state)).join(" ")}`);
  const begin = performance.now();
  way.frozen = true;
  await becomes("down");
  t.comment(`silent line under load: found out after ${(performance.now() - begin).toFixed(0)} ms`);
  way.rate = Infinity;
  way.frozen = false;
  await becomes("up");
});
