import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import t from "tap";
import { Backoff } from "../../src/transport/backoff.ts";
import { firstCommand, sshdProcess } from "../../src/transport/evict.ts";
import { HostRecords } from "../../src/transport/host-records.ts";
import { Latency } from "../../src/transport/latency.ts";
import { watchNetwork } from "../../src/transport/network.ts";
import { parseFacts } from "../../src/transport/vm-facts.ts";
import { Watchdog } from "../../src/transport/watchdog.ts";
import { known, until } from "./vm.ts";

const run = promisify(execFile);

async function startOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8");
  return known(text.slice(text.lastIndexOf(")") + 2).split(" ")[19]);
}

/** A connection on paper: time goes on by `run`, and each check happens when the watchdog asked for it. */
class Paper {
  received = 0;
  written = 0;
  now = 0;
  wall = 0;
  pings: number[] = [];
  deadAt: number | undefined;
  /** How long the far side takes to answer a ping; undefined = never. */
  answerMs: number | undefined = 1;
  /** Bytes that come by themselves, every so many ms. */
  trafficMs: number | undefined;
  busy = true;
  readonly watchdog: Watchdog;
  #next: number;
  #answers: number[] = [];

  constructor() {
    this.watchdog = new Watchdog(this, () => this.busy, 0, 0);
    this.#next = this.#check();
  }

  ping(): void {
    this.pings.push(this.now);
    if (this.answerMs !== undefined) this.#answers.push(this.now + this.answerMs);
  }

  run(ms: number): void {
    const end = this.now + ms;
    for (; this.now < end && this.deadAt === undefined; this.now++, this.wall++) {
      if (this.trafficMs !== undefined && this.now % this.trafficMs === 0) this.received++;
      const answered = this.#answers.filter((at) => at <= this.now).length;
      this.received += answered;
      this.#answers.splice(0, answered);
      if (answered > 0 || this.now >= this.#next) this.#next = this.#check();
    }
  }

  #check(): number {
    const next = this.watchdog.check(this.now, this.wall);
    if (next === "dead") this.deadAt = this.now;
    return next === "dead" ? Infinity : this.now + next;
  }
}

t.test("watchdog: an idle link is pinged each second, a silent one is dead 2.5 s after its last byte", async (t) => {
  const link = new Paper();
  link.run(60_000);
  t.equal(link.deadAt, undefined);
  t.ok(link.pings.length > 55 && link.pings.length <= 60, `${link.pings.length} pings a minute`);
  const last = known(link.pings.at(-1)) + 1;
  link.answerMs = undefined;
  link.run(10_000);
  t.ok(known(link.deadAt) - last >= 2500 && known(link.deadAt) - last <= 2510, `${known(link.deadAt) - last} ms`);
});

t.test("watchdog: without a session it has 5 s and 5 s, and a session that begins is not kept waiting", async (t) => {
  const relaxed = new Paper();
  relaxed.busy = false;
  relaxed.answerMs = undefined;
  relaxed.run(20_000);
  t.ok(known(relaxed.deadAt) >= 10_000 && known(relaxed.deadAt) <= 10_010, `${relaxed.deadAt} ms`);
  const begins = new Paper();
  begins.busy = false;
  begins.answerMs = undefined;
  begins.run(5500);
  begins.busy = true;
  begins.run(10_000);
  t.ok(known(begins.deadAt) <= 7000, `${begins.deadAt} ms: the ping of 5.0 s counts, by the strict limit`);
  const suspected = new Paper();
  suspected.busy = false;
  suspected.answerMs = undefined;
  suspected.run(2000);
  suspected.watchdog.suspect(suspected.now);
  suspected.run(10_000);
  t.ok(known(suspected.deadAt) <= 4600, `${suspected.deadAt} ms after a doubt at 2.0 s`);
});

t.test("watchdog: data is life, and gets a ping now and then for the round trip's time", async (t) => {
  const link = new Paper();
  link.trafficMs = 900;
  link.answerMs = undefined;
  link.run(60_000);
  t.equal(link.deadAt, undefined);
  t.ok(link.pings.length >= 25 && link.pings.length <= 31, `${link.pings.length} pings`);
});

t.test("watchdog: a ping behind an upload has time, but not for ever", async (t) => {
  const link = new Paper();
  link.answerMs = undefined;
  link.written += 64 * 1024 + 500_000;
  link.run(30_000);
  t.ok(known(link.deadAt) >= 7490 && known(link.deadAt) <= 7600, `${link.deadAt} ms for 500 kB at 100 kB/s`);
  const huge = new Paper();
  huge.answerMs = undefined;
  huge.written += 1e9;
  huge.run(30_000);
  t.ok(known(huge.deadAt) <= 12_600, `${huge.deadAt} ms at most`);
});

t.test("watchdog: a machine that slept asks at once and gives a second", async (t) => {
  for (const clock of ["now", "wall"] as const) {
    const gone = new Paper();
    gone.run(10_500);
    gone.answerMs = undefined;
    gone[clock] += 3_600_000;
    const woke = gone.now;
    gone.run(5000);
    t.ok(known(gone.deadAt) - woke <= 1110, `${clock}: dead ${known(gone.deadAt) - woke} ms after waking`);
    const there = new Paper();
    there.run(10_500);
    there[clock] += 3_600_000;
    there.run(20_000);
    t.equal(there.deadAt, undefined, `${clock}: still there`);
  }
  const back = new Paper();
  back.run(5000);
  back.wall -= 3_600_000;
  back.run(20_000);
  t.equal(back.deadAt, undefined, "a clock set back is nothing");
});

t.test("backoff: at once, 50 ms doubling to 5 s; barred after two refusals", async (t) => {
  const middle = new Backoff(() => 0.5);
  t.same(
    Array.from({ length: 10 }, () => middle.next(false)),
    [0, 50, 100, 200, 400, 800, 1600, 3200, 5000, 5000],
  );
  middle.reset();
  t.equal(middle.next(false), 0);
  t.equal(new Backoff(() => 0).next(false), 0);
  for (const random of [0, 0.999]) {
    const backoff = new Backoff(() => random);
    backoff.next(false);
    const second = backoff.next(false);
    t.ok(second >= 37 && second <= 63, `spread: ${second}`);
  }
  const barred = new Backoff(() => 0);
  t.equal(barred.next(true), 0, "one refusal is also a restart");
  t.equal(barred.next(true), 15_000);
  t.equal(barred.next(true), 15_000);
  t.ok(barred.next(false) < 1000, "another failure is not barred");
});

t.test("latency: three slow pings, three fast ones, and no flicker between", async (t) => {
  const latency = new Latency();
  const changes = [300, 300, 100, 300, 300, 300, 200, 200, 200, 100, 100, 200, 100, 100, 100].map((rtt) =>
    latency.observe(rtt),
  );
  t.same(
    changes.flatMap((changed, index) => (changed ? [index] : [])),
    [5, 14],
  );
  t.equal(latency.degraded, false);
});

t.test("network: told once for each change", async (t) => {
  let network = "a";
  let changes = 0;
  const due: (() => void)[] = [];
  const stop = watchNetwork({
    clock: { now: () => 0, wall: () => 0, after: (_ms, run) => (due.push(run), () => due.splice(0)) },
    everyMs: () => 1,
    changed: () => changes++,
    fingerprint: () => network,
  });
  const look = (): void => due.splice(0).forEach((run) => run());
  look();
  network = "b";
  look();
  look();
  t.equal(changes, 1);
  stop();
  t.equal(due.length, 0);
});

t.test("eviction: only the process that was written down, and only if it is an sshd", async (t) => {
  const own = parseFacts((await run("sh", ["-c", firstCommand([])])).stdout);
  t.match(own, { bootId: /^[\w-]{36}$/, kernel: /^Linux \d/, user: /./, uid: process.getuid?.() });
  const bootId = known(own.bootId);
  // bash, because dash cannot name a program otherwise than it is: `exec -a`.
  const program = async (name: string): Promise<ReturnType<typeof spawn>> => {
    const child = spawn("bash", ["-c", `exec -a '${name}' sleep 60`], { stdio: "ignore" });
    t.teardown(() => child.kill("SIGKILL"));
    await once(child, "spawn");
    await until(async () => (await readFile(`/proc/${child.pid}/cmdline`, "latin1")).startsWith(`${name}\0`));
    return child;
  };
  const evict = async (record: { bootId: string; sshdPid: number; sshdStart: string }): Promise<void> => {
    const command = firstCommand([known(sshdProcess(record))]);
    for (const shell of ["sh", "bash"]) {
      const facts = parseFacts((await run(shell, ["-c", command])).stdout);
      t.equal(facts.bootId, bootId, "the facts come all the same");
      t.match(facts.sshdStart, /^\d+$/);
    }
  };
  for (const name of ["sshd: u@notty", "sshd-session: u@notty"]) {
    const child = await program(name);
    const sshdPid = known(child.pid);
    const sshdStart = await startOf(sshdPid);
    await evict({ bootId: "0000", sshdPid, sshdStart });
    await evict({ bootId, sshdPid, sshdStart: `${Number(sshdStart) + 1}` });
    t.equal(child.exitCode ?? child.signalCode, null, "another boot or another start is another process");
    const ended = once(child, "exit");
    await evict({ bootId, sshdPid, sshdStart });
    t.same(await ended, [null, "SIGKILL"]);
    await evict({ bootId, sshdPid, sshdStart });
  }
  const innocent = await program("postgres: sshd: x");
  await evict({ bootId, sshdPid: known(innocent.pid), sshdStart: await startOf(known(innocent.pid)) });
  t.equal(innocent.exitCode ?? innocent.signalCode, null, "no sshd");
  for (const bad of [
    {},
    { bootId: '$(touch "x")', sshdPid: 5, sshdStart: "1" },
    { bootId, sshdPid: 1, sshdStart: "1" },
    { bootId, sshdPid: 5, sshdStart: "1; reboot" },
    { bootId, sshdPid: 5.5, sshdStart: "1" },
  ]) {
    t.equal(sshdProcess(bad), undefined, JSON.stringify(bad));
  }
});

t.test("records of hosts: mode, what is ours, what is dead, what lives, what is no record", async (t) => {
  const dir = join(await mkdtemp(join(tmpdir(), "debugtap-records-")), "hosts");
  t.teardown(async () => await rm(join(dir, ".."), { recursive: true, force: true }));
  const host = { name: "dev/stack ü", destination: "stack@vm" };
  const records = new HostRecords(dir, host);
  t.same(await records.find(), { left: [], live: [] }, "no directory");
  const sshd = { bootId: "b-1", sshdPid: 4242, sshdStart: "99" };
  await records.write(sshd, "debug");
  const [file] = await readdir(dir);
  t.match(file, new RegExp(String.raw`^dev_stack__-[0-9a-f]{12}\.${process.pid}\.json$`));
  t.equal((await stat(join(dir, known(file)))).mode & 0o777, 0o600);
  const record = JSON.parse(await readFile(join(dir, known(file)), "utf8"));
  t.match(record, { ...sshd, relayPid: process.pid, relayStart: /^\d+$/ });
  t.same(await records.find(), { left: [], live: [] }, "we are neither left nor another");

  const put = async (pid: number, text: string): Promise<void> =>
    await writeFile(join(dir, known(file).replace(`.${process.pid}.`, `.${pid}.`)), text);
  const dead = { ...record, relayPid: 2 ** 22 + 1, sshdPid: 11 };
  const [parentStart] = (await readFile(`/proc/${process.ppid}/stat`, "utf8")).split(") ").slice(-1);
  const live = { ...record, relayPid: process.ppid, relayStart: parentStart?.split(" ")[19], sshdPid: 12 };
  const reused = { ...record, relayPid: 1, relayStart: "7", sshdPid: 13 };
  await put(dead.relayPid, JSON.stringify(dead));
  await put(live.relayPid, JSON.stringify(live));
  await put(reused.relayPid, JSON.stringify(reused));
  await put(21, JSON.stringify({ ...dead, relayHost: "elsewhere" }));
  await put(22, "{");
  await put(23, JSON.stringify({ ...dead, bootId: "$(reboot)" }));
  await put(24, "null");
  const found = await records.find();
  t.same(
    found.left.map(({ sshdPid }) => sshdPid).sort((a, b) => a - b),
    [11, 13],
    "dead by pid, dead by start time",
  );
  t.same(
    found.live.map(({ sshdPid }) => sshdPid),
    [12],
  );
  t.same(await new HostRecords(dir, { ...host, destination: "other" }).find(), { left: [], live: [] });
  await records.forget(found.left);
  t.same((await records.find()).left, [], "what was dealt with is gone");
  await records.remove("debug");
  t.notOk((await readdir(dir)).includes(known(file)));
  await new HostRecords(join(dir, known((await readdir(dir))[0]), "x"), host).write(sshd, "debug");
  t.pass("a directory that cannot be had stops nothing");
});
