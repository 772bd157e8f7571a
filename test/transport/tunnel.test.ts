import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import type { Duplex } from "node:stream";
import t from "tap";
import { DebugtapError } from "../../protocol/errors.ts";
import { reset } from "../../src/duplex.ts";
import type { Peer } from "../../src/duplex.ts";
import { ThrowawaySshd } from "../../src/demo/throwaway-sshd.ts";
import { openTunnel } from "../../src/transport/ssh-tunnel.ts";
import type { Tunnel } from "../../src/transport/tunnel.ts";
import { codeOf, dialLocal, fate, known, listeners, never, readAll, run, service, until } from "./vm.ts";

async function vm(t: Tap, settings?: Record<string, string>): Promise<{ sshd: ThrowawaySshd; tunnel: Tunnel }> {
  const sshd = await ThrowawaySshd.start(settings === undefined ? {} : { settings });
  t.teardown(async () => await sshd.stop());
  const tunnel = await openTunnel({ name: "devstack", destination: "vm", configFile: sshd.sshConfig });
  t.teardown(async () => await tunnel.close());
  return { sshd, tunnel };
}
type Tap = Pick<typeof t, "teardown">;

async function echoService(t: Tap): Promise<Awaited<ReturnType<typeof service>>> {
  const echo = await service();
  t.teardown(async () => await echo.close());
  return echo;
}

t.test("local forward: bytes, half-close both ways, facts", async (t) => {
  const { sshd, tunnel } = await vm(t);
  t.equal(tunnel.facts.user, sshd.user);
  t.equal(tunnel.facts.hostname, (await run("uname", ["-n"])).stdout.trim());
  t.ok(
    tunnel.facts.sshdPid !== undefined && sshd.sessions().includes(tunnel.facts.sshdPid),
    "the pid of our sshd session",
  );
  t.match(tunnel.facts.bootId, /^[\w-]{36}$/);
  t.match(tunnel.facts.sshdStart, /^\d+$/);
  t.match(tunnel.facts.kernel, /^Linux /);

  const echo = await echoService(t);
  const dial = tunnel.dial({ host: "127.0.0.1", port: echo.port });
  const data = randomBytes(5_000_000);
  const stream = await dial(never);
  stream.end(data);
  t.ok((await readAll(stream)) === data.toString("latin1"), "5 MB came back whole after our end");

  // The service ends first and still hears the answer.
  const heard: Promise<string>[] = [];
  const speaker = await service((socket) => {
    socket.end("goodbye");
    heard.push(readAll(socket));
  });
  t.teardown(async () => await speaker.close());
  const listener = await tunnel.dial({ host: "127.0.0.1", port: speaker.port })(never);
  t.equal(await readAll(listener), "goodbye");
  listener.end("and you");
  t.equal(await heard[0], "and you");
  t.same(await fate(listener), [], "closed without an error");
});

t.test("remote forward: bytes, half-close both ways, who connected, destroy and reset reach the VM", async (t) => {
  const { tunnel } = await vm(t);
  const arrived: { stream: Duplex; peer: Peer }[] = [];
  const listener = await tunnel.listen({ host: "127.0.0.1", port: 0 })((stream, peer) =>
    arrived.push({ stream, peer }),
  );
  t.equal(listener.address, `127.0.0.1:${listener.port}`);

  const client = await dialLocal(listener.port);
  client.end("from the VM");
  await until(() => arrived.length === 1);
  t.same(arrived[0]?.peer, { address: "127.0.0.1", port: client.localPort });
  t.equal(await readAll(known(arrived[0]).stream), "from the VM");
  arrived[0]?.stream.end("answer after EOF");
  t.equal(await readAll(client), "answer after EOF");

  for (const end of [(stream: Duplex) => stream.destroy(), reset]) {
    const count = arrived.length;
    const next = await dialLocal(listener.port);
    next.resume();
    await until(() => arrived.length > count);
    const closed = new Promise((resolve) => next.once("close", resolve));
    next.once("end", () => next.end());
    end(known(arrived[count]).stream);
    await closed;
    t.pass("the VM's peer saw the end");
  }

  await listener.close();
  const refused = await codeOf(tunnel.dial({ host: "127.0.0.1", port: listener.port })(never));
  t.equal(refused.code, "DT_SERVICE_DOWN", "after close the VM listens no more");
});

t.test("fifty listens and fifty dials at once", async (t) => {
  const { tunnel } = await vm(t);
  const echo = await echoService(t);
  const open = await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      return await tunnel.listen({ host: "127.0.0.1", port: 0 })((stream) => stream.end(`listener ${index}`));
    }),
  );
  t.equal(new Set(open.map(({ port }) => port)).size, 50);
  const answers = await Promise.all(open.map(async ({ port }) => await readAll(await dialLocal(port))));
  t.same(
    answers,
    Array.from({ length: 50 }, (_, index) => `listener ${index}`),
  );
  const bound = await listeners();
  for (const { port } of open) {
    t.same(
      bound.filter((address) => address.endsWith(`:${port}`)),
      [`127.0.0.1:${port}`],
      "loopback only",
    );
  }
  const streams = await Promise.all(
    open.map(async () => await tunnel.dial({ host: "127.0.0.1", port: echo.port })(never)),
  );
  for (const [index, stream] of streams.entries()) stream.end(`dial ${index}`);
  t.same(
    await Promise.all(streams.map(readAll)),
    streams.map((_, index) => `dial ${index}`),
  );
});

t.test("a lost tunnel is an error on every stream, before any end", async (t) => {
  const { sshd, tunnel } = await vm(t);
  const echo = await echoService(t);
  const dialled = await tunnel.dial({ host: "127.0.0.1", port: echo.port })(never);
  const accepted: Duplex[] = [];
  const listener = await tunnel.listen({ host: "127.0.0.1", port: 0 })((stream) => accepted.push(stream));
  const client = await dialLocal(listener.port);
  client.resume();
  await until(() => accepted.length === 1);
  const remote = known(accepted[0]);
  dialled.resume();
  remote.resume();
  const fates = Promise.all([fate(dialled), fate(remote)]);
  const pending = codeOf(tunnel.exec("sleep 60"));
  process.kill(known(tunnel.facts.sshdPid), "SIGKILL");
  t.same(await fates, [["DT_LINK_LOST"], ["DT_LINK_LOST"]]);
  const reason = await tunnel.closed;
  t.equal(reason?.code, "DT_LINK_LOST");
  t.match(reason?.fix, `ssh -F ${sshd.sshConfig} vm true`);
  t.equal((await pending).code, "DT_LINK_LOST");
  t.equal((await codeOf(tunnel.dial({ host: "127.0.0.1", port: echo.port })(never))).code, "DT_LINK_LOST");
  t.equal((await codeOf(tunnel.listen({ host: "127.0.0.1", port: 0 })(() => {}))).code, "DT_LINK_LOST");
  t.equal((await codeOf(tunnel.exec("true"))).code, "DT_LINK_LOST");
  await listener.close();
  await tunnel.close();
});

t.test("close leaves nothing on the VM and is no loss", async (t) => {
  const { sshd, tunnel } = await vm(t);
  const listener = await tunnel.listen({ host: "127.0.0.1", port: 0 })(() => {});
  const echo = await echoService(t);
  const stream = await tunnel.dial({ host: "127.0.0.1", port: echo.port })(never);
  const end = fate(stream);
  await tunnel.close();
  t.equal(await tunnel.closed, undefined);
  t.same(await end, ["DT_LINK_LOST"], "a stream that was still open is reset, not ended");
  await until(() => sshd.sessions().length === 0);
  t.notOk((await listeners()).some((address) => address.endsWith(`:${listener.port}`)));
});

t.test("a dial is refused, given up, or not allowed", async (t) => {
  const { tunnel } = await vm(t);
  const down = await codeOf(tunnel.dial({ host: "127.0.0.1", port: 1 })(never));
  t.match(down, {
    code: "DT_SERVICE_DOWN",
    why: "Connection refused",
    message: "nothing answers at 127.0.0.1:1 on devstack",
  });
  const nowhere = await codeOf(tunnel.dial({ host: "no-such-host.invalid", port: 1 })(never));
  t.equal(nowhere.code, "DT_SERVICE_DOWN");
  const controller = new AbortController();
  const stopped = codeOf(tunnel.dial({ host: "127.0.0.1", port: 1 })(controller.signal));
  controller.abort();
  t.equal((await stopped).code, "DT_DIAL_FAILED");
  t.equal((await codeOf(tunnel.dial({ host: "127.0.0.1", port: 1 })(controller.signal))).code, "DT_DIAL_FAILED");

  for (const settings of [{ PermitOpen: "none" }, { AllowTcpForwarding: "no" }]) {
    const strict = await vm(t, settings);
    const echo = await echoService(t);
    const denied = await codeOf(strict.tunnel.dial({ host: "127.0.0.1", port: echo.port })(never));
    t.equal(denied.code, "DT_FORWARD_DENIED", JSON.stringify(settings));
    t.match(denied.fix, "permitopen");
  }
});

t.test("a remote port that cannot be had says why", async (t) => {
  const { tunnel } = await vm(t);
  const taken = await service();
  t.teardown(async () => await taken.close());
  const other = await codeOf(tunnel.listen({ host: "127.0.0.1", port: taken.port })(() => {}));
  t.match(other, { code: "DT_REMOTE_PORT", why: / listens there already$/ });
  const own = await tunnel.listen({ host: "127.0.0.1", port: 0 })(() => {});
  const twice = await codeOf(tunnel.listen({ host: "127.0.0.1", port: own.port })(() => {}));
  t.match(twice, { code: "DT_REMOTE_PORT", why: "this same debugtap has it listen there already" });
  if (tunnel.facts.uid !== 0) {
    const low = await codeOf(tunnel.listen({ host: "127.0.0.1", port: 81 })(() => {}));
    t.match(low, { code: "DT_REMOTE_PORT", why: /for root/ });
  }
  const strict = await vm(t, { PermitListen: "none" });
  const denied = await codeOf(strict.tunnel.listen({ host: "127.0.0.1", port: own.port + 1 })(() => {}));
  t.match(denied, { code: "DT_REMOTE_PORT", why: /PermitListen/ });
});

t.test("commands: output, exit code, time limit, many at once", async (t) => {
  const { tunnel } = await vm(t);
  const answer = await tunnel.exec("echo out; echo err >&2; exit 3");
  t.match(answer, { code: 3, stdout: /^out\n$/, stderr: /err\n$/ });
  const slow = await codeOf(tunnel.exec("sleep 60", { timeoutMs: 50 }));
  t.match(slow, { code: "DT_SSH_TIMEOUT", why: "sleep 60" });
  const many = await Promise.all(Array.from({ length: 24 }, async (_, index) => await tunnel.exec(`echo ${index}`)));
  t.same(
    many.map(({ stdout }) => Number(stdout)),
    Array.from({ length: 24 }, (_, index) => index),
  );
  const flood = await tunnel.exec("head -c 3000000 /dev/zero");
  t.equal(flood.stdout.length, 1024 * 1024, "bounded");
});

t.test("a login that may not run commands still forwards", async (t) => {
  const { tunnel } = await vm(t, { MaxSessions: "0" });
  t.equal(tunnel.facts.sshdPid, undefined);
  const echo = await echoService(t);
  const stream = await tunnel.dial({ host: "127.0.0.1", port: echo.port })(never);
  stream.end("still");
  t.equal(await readAll(stream), "still");
});

t.test("stalled readers hold little memory and do not disturb others", async (t) => {
  const { tunnel } = await vm(t);
  const source = await service((socket) => {
    const chunk = Buffer.alloc(256 * 1024, 1);
    const pour = (): void => {
      while (socket.writable && socket.write(chunk));
    };
    socket.on("drain", pour);
    pour();
  });
  const sink = await service((socket) => socket.pause());
  const echo = await echoService(t);
  t.teardown(async () => await Promise.all([source.close(), sink.close()]));
  const stalled: Duplex[] = [];
  const count = 8;
  const before = process.memoryUsage();
  let accepted = 0;
  for (let index = 0; index < count; index++) {
    const reader = await tunnel.dial({ host: "127.0.0.1", port: source.port })(never);
    const writer = await tunnel.dial({ host: "127.0.0.1", port: sink.port })(never);
    const chunk = Buffer.alloc(64 * 1024, 2);
    const pour = (): void => {
      while (writer.write(chunk)) accepted += chunk.length;
      accepted += chunk.length;
    };
    writer.on("drain", pour);
    pour();
    stalled.push(reader, writer);
  }
  const stream = await tunnel.dial({ host: "127.0.0.1", port: echo.port })(never);
  const trips: number[] = [];
  const pingUntil = performance.now() + 1500;
  while (performance.now() < pingUntil) {
    const begin = performance.now();
    stream.write("ping");
    await new Promise((resolve) => stream.once("data", resolve));
    trips.push(performance.now() - begin);
  }
  const after = process.memoryUsage();
  const each = (after.arrayBuffers + after.external - before.arrayBuffers - before.external) / count / 1e6;
  trips.sort((a, b) => a - b);
  t.comment(`${each.toFixed(1)} MB a pair, p50 ${trips[trips.length >> 1]?.toFixed(2)} ms over ${trips.length} trips`);
  t.ok(
    each < 20,
    `${each.toFixed(1)} MB for a stalled reader and a stalled writer, which also stands for the service's own buffers`,
  );
  t.ok(accepted / count < 10e6, `a stalled writer was let write ${(accepted / count / 1e6).toFixed(1)} MB`);
  t.ok((trips[trips.length >> 1] ?? Infinity) < 50, "another channel works on");
  for (const one of stalled) one.destroy();
  stream.destroy();
});

/** A closed connection of this local port has bytes that its peer's kernel has not taken. Linux: /proc/net/tcp, state FIN_WAIT1. */
function unread(port: number): boolean {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const connections = readFileSync("/proc/net/tcp", "utf8").split("\n");
  return connections.some((line) => line.includes(` ${local} `) && / 04 [0-9A-F]{8}:/.test(line));
}

t.test("a far side that closed early: a slow reader still gets all, a late writer does no harm", async (t) => {
  const { tunnel } = await vm(t);
  const size = 2_000_000; // less than SSH's window: the speaker can finish before anybody reads
  const speaker = await service((socket) => {
    socket.end(Buffer.alloc(size, 7));
    socket.once("finish", () => socket.destroy());
  });
  t.teardown(async () => await speaker.close());
  const stream = await tunnel.dial({ host: "127.0.0.1", port: speaker.port })(never);
  await until(() => speaker.sockets[0]?.destroyed === true && stream.readableLength > 0);
  // What sshd has not taken yet would be lost with the reset that a late byte calls forth: the kernel's doing, not ours.
  await until(() => !unread(speaker.port));
  t.ok(stream.readableLength < 128 * 1024, "reading waits for the reader");
  const end = fate(stream);
  let got = 0;
  stream.on("data", (chunk: Buffer) => {
    got += chunk.length;
    stream.write("late");
  });
  // sshd learns that the speaker is gone only when it writes to it a second time.
  const late = setInterval(() => stream.write("late"), 5);
  stream.once("close", () => clearInterval(late));
  t.same(await end, ["end"]);
  t.equal(got, size);
});

t.test("dials under way when the tunnel is lost all end", async (t) => {
  const { tunnel } = await vm(t);
  const echo = await echoService(t);
  const dials = Array.from({ length: 100 }, async () => {
    const stream = await tunnel.dial({ host: "127.0.0.1", port: echo.port })(never);
    stream.write(Buffer.alloc(200_000));
    return (await fate(stream))[0];
  });
  process.kill(known(tunnel.facts.sshdPid), "SIGKILL");
  const ends = await Promise.all(dials.map(async (dial) => await dial.catch((error: unknown) => error)));
  t.same([...new Set(ends.map((end) => (end instanceof DebugtapError ? end.code : end)))], ["DT_LINK_LOST"]);
});

t.test("through another host: ProxyJump and ProxyCommand", async (t) => {
  const hop = await ThrowawaySshd.start();
  t.teardown(async () => await hop.stop());
  const far = await ThrowawaySshd.start();
  t.teardown(async () => await far.stop());
  const { writeFile, readFile } = await import("node:fs/promises");
  const config = `${far.dir}/both`;
  const own = await readFile(far.sshConfig, "utf8");
  const hopConfig = (await readFile(hop.sshConfig, "utf8")).replace("Host vm", "Host hop");
  await writeFile(config, `${own}  ProxyJump hop\n${hopConfig}`);
  const echo = await echoService(t);
  const tunnel = await openTunnel({ name: "far", destination: "vm", configFile: config });
  const stream = await tunnel.dial({ host: "127.0.0.1", port: echo.port })(never);
  stream.end("through the hop");
  t.equal(await readAll(stream), "through the hop");
  t.equal(hop.sessions().length > 0, true, "the hop carries it");
  await tunnel.close();
  await until(() => hop.sessions().length === 0 && far.sessions().length === 0);

  await writeFile(config, `${own}  ProxyCommand ssh -F ${hop.sshConfig} -W %h:%p vm\n`);
  const second = await openTunnel({ name: "far", destination: "vm", configFile: config });
  t.equal((await second.exec("echo hi")).stdout, "hi\n");
  const lost = second.closed;
  for (const pid of hop.sessions()) process.kill(pid, "SIGKILL");
  t.equal((await lost)?.code, "DT_LINK_LOST", "a lost hop is a lost tunnel");

  await writeFile(config, `${own}  ProxyJump hop\n${hopConfig.replace(/Port \d+/, "Port 1")}`);
  const gone = await codeOf(openTunnel({ name: "far", destination: "vm", configFile: config }));
  t.match(gone, { code: "DT_SSH_UNREACHABLE", message: "vm cannot be reached through hop", why: /refused/ });
});

t.test("stop removes the throwaway server wholly", async (t) => {
  const sshd = await ThrowawaySshd.start();
  const tunnel = await openTunnel({ name: "devstack", destination: "vm", configFile: sshd.sshConfig });
  await sshd.stop();
  t.equal((await tunnel.closed)?.code, "DT_LINK_LOST");
  t.same(sshd.sessions(), []);
  t.notOk(existsSync(sshd.dir));
});
