// The fault shim does what the tests with faults believe of it.
import t, { type Test } from "tap";
import net from "node:net";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { peerEnd } from "../helpers/peer-end.ts";
import { connect, listen, read } from "../helpers/sockets.ts";
import { Shim } from "../helpers/shim.ts";
import { readAll, until } from "../transport/vm.ts";

interface Link {
  readonly shim: Shim;
  /** A connection through the shim: both its ends. */
  readonly pair: () => Promise<{ client: net.Socket; server: net.Socket }>;
}

async function link(t: Test): Promise<Link> {
  const far = await listen();
  const shim = await Shim.start(far.port);
  const clients: net.Socket[] = [];
  t.teardown(async () => {
    for (const client of clients) client.destroy();
    await Promise.all([shim.close(), far.close()]);
  });
  const pair = async () => {
    const client = await connect(shim.port);
    clients.push(client);
    return { client, server: await far.next() };
  };
  return { shim, pair };
}

/** ms */
async function roundTrip(client: net.Socket, server: net.Socket): Promise<number> {
  const began = performance.now();
  client.write("ping");
  await read(server, "ping");
  server.write("pong");
  await read(client, "pong");
  return performance.now() - began;
}

t.test("bytes, half-close both ways, latency", async (t) => {
  const { shim, pair } = await link(t);
  const { client, server } = await pair();
  t.equal(shim.connections, 1);
  const data = randomBytes(3_000_000);
  client.end(data);
  t.ok((await readAll(server)) === data.toString("latin1"), "3 MB whole, and the end");
  shim.latency = 20;
  const began = performance.now();
  server.end("after your end");
  t.equal(await readAll(client), "after your end");
  t.ok(performance.now() - began >= 19, "20 ms later");
  await until(() => shim.connections === 0);
  const second = await pair();
  t.ok((await roundTrip(second.client, second.server)) >= 38, "twice the latency");
});

t.test("a rate is the link's: a sender feels it, and a second connection has its turns", async (t) => {
  const { shim, pair } = await link(t);
  const [bulk, talk] = [await pair(), await pair()];
  shim.rate = 1_000_000;
  let got = 0;
  bulk.server.on("data", (chunk: Buffer) => (got += chunk.length));
  const began = performance.now();
  bulk.client.write(Buffer.alloc(8_000_000));
  await until(() => got > 50_000);
  const trips = [];
  for (let i = 0; i < 40; i++) trips.push(await roundTrip(talk.client, talk.server));
  const perSecond = (got / (performance.now() - began)) * 1000;
  t.ok(perSecond > 500_000 && perSecond < 1_200_000, `1 MB/s, in fact ${Math.round(perSecond)}`);
  t.ok(
    (trips.sort((a, b) => a - b)[trips.length >> 1] ?? 99) < 20,
    `round trips beside it: ${trips.map((ms) => ms.toFixed(1)).join(" ")}`,
  );
  t.ok(shim.held("forth") < 256 * 1024, "the shim holds little");
  t.ok(bulk.client.writableLength > 0, "the rest is with the sender");
});

t.test("freeze: nothing arrives, nor an end, in bounded memory; thaw: all of it, in order", async (t) => {
  const { shim, pair } = await link(t);
  const { client, server } = await pair();
  const other = await pair();
  shim.freeze("forth");
  server.write("the other way");
  t.equal(await read(client, "way"), "the other way");
  const data = randomBytes(20_000_000);
  client.end(data);
  other.client.resetAndDestroy();
  await until(() => shim.held("forth") >= 4 * 1024 * 1024);
  t.ok(shim.held("forth") < 5 * 1024 * 1024, "holds at most 4 MB and a chunk");
  t.ok(client.writableLength > 0);
  t.equal(shim.delivered("forth"), 0);
  t.notOk(other.server.closed);
  const reset = peerEnd(other.server);
  shim.thaw();
  t.ok((await readAll(server)) === data.toString("latin1"), "20 MB whole, and the end");
  t.equal(await reset, "reset");
});

t.test("strand: the present connections are silent for ever, the next ones are well", async (t) => {
  const { shim, pair } = await link(t);
  const { client, server } = await pair();
  await roundTrip(client, server);
  shim.strand();
  client.write("unheard");
  client.resetAndDestroy();
  const next = await pair();
  await roundTrip(next.client, next.server);
  await until(() => shim.connections === 1);
  t.notOk(server.destroyed || server.readableLength > 0, "its far end does not even know that it is gone");
});

t.test("cut after N bytes: by a reset at both ends, or by silence", async (t) => {
  const { shim, pair } = await link(t);
  for (const fault of ["reset", "freeze"] as const) {
    const { client, server } = await pair();
    const cut = shim.cutAfter("back", 1001, fault);
    let got = 0;
    client.on("data", (chunk: Buffer) => (got += chunk.length));
    const fates = Promise.all([peerEnd(client), peerEnd(server)]);
    server.write(Buffer.alloc(600));
    server.write(Buffer.alloc(600));
    await cut;
    if (fault === "reset") t.same(await fates, ["reset", "reset"]);
    await until(() => got >= 1001);
    t.equal(got, 1001, `${fault} in the middle of a packet`);
    client.write("lost");
    server.write("lost");
  }
  t.equal(shim.connections, 1, "the frozen one still seems to be there");
  shim.thaw();
  const { client, server } = await pair();
  t.ok((await roundTrip(client, server)) < 1000, "the next one is well");
});

t.test("reset and fin reach both ends; refuse and blackhole new connections, and accept again", async (t) => {
  const { shim, pair } = await link(t);
  for (const [fault, how] of [
    [() => shim.reset(), "reset"],
    [() => shim.fin(), "end"],
  ] as const) {
    const { client, server } = await pair();
    const fates = Promise.all([peerEnd(client), peerEnd(server)]);
    await roundTrip(client, server);
    fault();
    t.same(await fates, [how, how]);
    client.end();
    server.end();
  }

  const { client, server } = await pair();
  await shim.refuse();
  const refused = net.connect({ host: "127.0.0.1", port: shim.port });
  const [error] = (await once(refused, "error")) as [NodeJS.ErrnoException];
  t.equal(error.code, "ECONNREFUSED");
  await roundTrip(client, server);
  await shim.accept();

  shim.blackhole();
  const unheard = await connect(shim.port);
  t.teardown(() => unheard.destroy());
  unheard.write("anybody?");
  await roundTrip(client, server);
  t.equal(shim.connections, 2, "it was accepted, and nobody answers");
  await shim.accept();
  const next = await pair();
  await roundTrip(next.client, next.server);
});
