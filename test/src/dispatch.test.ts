import { PassThrough } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import t from "tap";
import { Dispatcher } from "../../src/dispatch.ts";
import type { DispatcherOptions } from "../../src/dispatch.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import { Labeller } from "../../src/labeller.ts";
import type { Peer } from "../../src/duplex.ts";
import type { ProcessFacts } from "../../src/process.ts";

const shared = [
  { name: "api", match: { argv: "cinder-api" } },
  { name: "scheduler", match: { argv: "cinder-scheduler" } },
  { name: "any-cinder", match: { argv: "cinder" } },
];

function peer(port: number): Peer {
  return { address: "127.0.0.1", port };
}

/** A worker with the processes above it, nearest first, as [pid, started]. */
function child(pid: number, ...above: [number, number][]): ProcessFacts {
  return {
    pid,
    ppid: above[0]?.[0] ?? 1,
    argv: ["worker"],
    started: pid * 10,
    ancestors: above.map(([pid, started]) => ({ pid, started })),
  };
}

/** A dispatcher whose lookup answers by port, and the ports that were looked up. */
function dispatcher(processes: Record<number, ProcessFacts>, more: Partial<DispatcherOptions> = {}) {
  const asked: number[] = [];
  const left: [number, ProcessFacts | undefined, string][] = [];
  const dispatcher = new Dispatcher({
    services: shared,
    lookup: async ({ port }) => {
      asked.push(port);
      return processes[port];
    },
    unmatched: (_stream, { port }, facts, reason) => left.push([port, facts, reason.code]),
    ...more,
  });
  const serviceOf = async (port: number): Promise<string | undefined> =>
    (await dispatcher.dispatch(new PassThrough(), peer(port))).service;
  return { dispatcher, serviceOf, asked, left };
}

t.test("a service that has the port to itself never waits for a lookup", async (t) => {
  const facts: ProcessFacts = { pid: 1, argv: ["x"] };
  const lone = dispatcher({ 7: facts }, { services: [{ name: "api" }] });
  t.ok(lone.dispatcher.immediate);
  t.same(await lone.dispatcher.dispatch(new PassThrough(), peer(7)), { service: "api", process: undefined });
  t.same(lone.asked, [], "nobody was asked");
  t.same(await lone.dispatcher.identify(peer(7)), facts, "its label, when it is wanted");
  t.equal(await lone.dispatcher.identify(peer(8)), undefined);

  const picky = dispatcher({ 7: facts }, { services: [{ name: "api", match: { argv: "y" } }] });
  t.notOk(picky.dispatcher.immediate, "with a match it does not take everybody");
  t.equal(await picky.serviceOf(7), undefined);
  t.same(picky.left, [[7, facts, "DT_PROCESS_UNMATCHED"]]);
});

t.test("the first service of the file whose match holds; the stream is not touched", async (t) => {
  const scheduler: ProcessFacts = { pid: 10, argv: ["cinder-scheduler"] };
  const {
    dispatcher: it,
    serviceOf,
    left,
  } = dispatcher({
    1: { pid: 11, argv: ["cinder-api"] },
    2: scheduler,
    3: { pid: 12, argv: ["cinder-volume"] },
    4: { pid: 13, argv: ["nova-api"] },
  });
  t.equal(await serviceOf(1), "api");
  t.equal(await serviceOf(3), "any-cinder");
  t.equal(await serviceOf(4), undefined);
  t.same(left, [[4, { pid: 13, argv: ["nova-api"] }, "DT_PROCESS_UNMATCHED"]], "with its facts");

  t.equal(it.serviceOf({ argv: ["cinder-api"] }), "api", "a process that was found out later");
  const said: string[] = [];
  const loud = dispatcher(
    { 1: { pid: 13, argv: ["nova-api"] }, 2: { argv: [], uid: 7 }, 3: { argv: [], user: "nova" } },
    { unmatched: (_stream, _peer, _facts, reason) => said.push(reason.format()) },
  );
  for (const port of [1, 2, 3, 4]) await loud.serviceOf(port);
  t.match(
    said[0],
    /pid 13 nova-api is no service[^]*the port of api, scheduler, any-cinder[^]*match: \{ argv: "nova-api" \}/,
  );
  t.match(said[1], /a process of uid 7 is no service/);
  t.match(said[2], /match: \{ user: nova \}/);
  t.match(said[3], /no process was found behind 127.0.0.1:4/);

  const stream = new PassThrough();
  stream.write("early");
  t.same(await it.dispatch(stream, peer(2)), { service: "scheduler", process: scheduler });
  t.equal(stream.readableFlowing, null);
  t.equal(String(stream.read()), "early");
});

t.test("children follow the service of the nearest parent that is known", async (t) => {
  const {
    dispatcher: it,
    serviceOf,
    left,
  } = dispatcher({
    1: { pid: 100, argv: ["cinder-api"], started: 1000 },
    2: child(200, [100, 1000]),
    3: child(300, [250, 2500], [200, 2000], [100, 1000]),
    4: child(400, [100, 9999]),
    5: { ...child(500, [100, 1000]), argv: ["cinder-scheduler"] },
    6: { pid: 600, ppid: 77, argv: ["worker"] },
    7: { argv: [], user: "cinder" },
    8: child(300, [1, 1]),
  });
  t.equal(await serviceOf(2), undefined, "before its parent came");
  t.equal(await serviceOf(1), "api");
  t.equal(await serviceOf(2), "api", "a child");
  t.equal(await serviceOf(3), "api", "a grandchild, past a process that never connected");
  t.equal(await serviceOf(4), undefined, "the parent's pid, but not the parent: it began at another time");
  t.equal(await serviceOf(5), "scheduler", "its own match goes before its parent");
  t.equal(await serviceOf(7), undefined, "no pid, no parent");

  t.equal(await serviceOf(6), undefined);
  it.remember(77, "scheduler");
  t.equal(await serviceOf(6), "scheduler", "a pid that the wire told");
  it.forget(77);
  t.equal(await serviceOf(8), "api", "the same process once more");
  it.forget(600);
  t.equal(await serviceOf(6), undefined, "forgotten");

  for (let pid = 10_000; pid < 15_000; pid++) it.remember(pid, "api");
  t.equal(await serviceOf(2), undefined, "what is remembered is bounded");
  t.equal(left.length, 6);
});

t.test("a lookup that fails, throws or never answers leaves the stream unmatched, in time", async (t) => {
  const refused = new DebugtapError("DT_SSH_PROTOCOL", "the VM does not run commands for this login");
  const rejecting = dispatcher({}, { lookup: async () => await Promise.reject(refused) });
  t.equal(await rejecting.serviceOf(1), undefined);
  t.same(rejecting.left, [[1, undefined, "DT_SSH_PROTOCOL"]]);
  const throwing = dispatcher(
    {},
    {
      lookup: () => {
        throw refused;
      },
    },
  );
  t.equal(await throwing.serviceOf(1), undefined);
  t.equal(await throwing.dispatcher.identify(peer(1)), undefined);
  const silent = dispatcher({}, { lookup: async () => await new Promise(() => undefined), deadline: 20 });
  t.equal(await silent.serviceOf(1), undefined);
  t.same(silent.left, [[1, undefined, "DT_PROCESS_UNKNOWN"]]);
  const nobody = dispatcher({});
  t.equal(await nobody.serviceOf(1), undefined);
  t.same(nobody.left, [[1, undefined, "DT_PROCESS_UNKNOWN"]], "a process that was not found");

  const gone = dispatcher({});
  const stream = new PassThrough();
  stream.destroy();
  t.same(await gone.dispatcher.dispatch(stream, peer(1)), { service: undefined, process: undefined });
  t.same(gone.left, [], "nobody is told of a stream that has gone meanwhile");
});

t.test("labels: one lookup at a time, none for a session that is over by its turn or has its name", async (t) => {
  const labeller = new Labeller(1);
  const session = (state = "open"): { state: string; names: string[]; label(name: string): void } => {
    const names: string[] = [];
    return { state, names, label: (name) => void names.push(name) };
  };
  const log: string[] = [];
  const answers = new Map<string, (facts: ProcessFacts | undefined) => void>();
  const ask = (name: string) => async (): Promise<ProcessFacts | undefined> => {
    log.push(name);
    return await new Promise((resolve) => answers.set(name, resolve));
  };
  const answered = async (name: string, facts: ProcessFacts | undefined): Promise<void> => {
    answers.get(name)?.(facts);
    await pause(5);
  };
  const [first, second, third, over] = [session(), session(), session(), session("closed")];
  labeller.name(first, ask("first"));
  labeller.name(second, ask("second"));
  labeller.name(second, ask("second by its pid"));
  labeller.name(over, ask("over"));
  labeller.name(third, async () => {
    log.push("third");
    return await Promise.reject(new Error("no answer"));
  });
  labeller.name(third, ask("third again"));
  await pause(20);
  t.same(log, ["first"]);
  first.state = "closed";
  await answered("first", undefined);
  t.same(log, ["first", "second"]);
  await answered("second", { pid: 7, argv: ["cinder-api"] });
  t.same(second.names, ["pid 7 cinder-api"]);
  t.same(log, ["first", "second", "third", "third again"], "what fails keeps nobody else from a name");
  second.state = "closed";
  await answered("third again", { pid: 8, argv: ["cinder-volume"] });
  t.same([first.names, third.names, over.names], [[], ["pid 8 cinder-volume"], []]);
});
