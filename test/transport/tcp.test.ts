import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import t from "tap";
import { reset } from "../../src/duplex.ts";
import { dialTcp, listenTcp } from "../../src/transport/tcp.ts";
import { codeOf, dialLocal, fate, known, listeners, never, readAll, service, until } from "./vm.ts";

t.test("dial and listen, half-close both ways, reset", async (t) => {
  const accepted: Duplex[] = [];
  const listener = await listenTcp({ host: "127.0.0.1", port: 0 })((stream) => accepted.push(stream));
  t.equal(listener.address, `127.0.0.1:${listener.port}`);
  const stream = await dialTcp({ host: "127.0.0.1", port: listener.port })(never);
  await until(() => accepted.length === 1);
  const server = known(accepted[0]);
  stream.end("question");
  t.equal(await readAll(server), "question");
  server.end("answer");
  t.equal(await readAll(stream), "answer");

  const second = await dialTcp({ host: "127.0.0.1", port: listener.port })(never);
  second.resume();
  await until(() => accepted.length === 2);
  reset(known(accepted[1]));
  t.match(await fate(second), [/ECONNRESET/]);

  const open = await dialTcp({ host: "127.0.0.1", port: listener.port })(never);
  await until(() => accepted.length === 3);
  await listener.close();
  t.notOk((await listeners()).includes(listener.address), "the port is free while a stream lives");
  open.end("still here");
  t.equal(await readAll(known(accepted[2])), "still here");
  for (const one of accepted) one.destroy();
});

t.test("a dial is refused, times out, is given up", async (t) => {
  t.match(await codeOf(dialTcp({ host: "127.0.0.1", port: 1 })(never)), { code: "DT_DIAL_REFUSED" });
  t.match(await codeOf(dialTcp({ host: "no-such-host.invalid", port: 1 })(never)), { code: "DT_DIAL_FAILED" });
  const controller = new AbortController();
  const waiting = codeOf(dialTcp({ host: "192.0.2.1", port: 1 })(controller.signal));
  controller.abort();
  t.match(await waiting, { code: "DT_DIAL_FAILED", why: "no longer wanted" });
  t.match(await codeOf(dialTcp({ host: "127.0.0.1", port: 1 })(controller.signal)), { code: "DT_DIAL_FAILED" });
  // A listener whose queue is full leaves the next connection unanswered, as a silent network does.
  const full = spawn("/usr/bin/python3", [
    "-c",
    "import socket,sys; s=socket.socket(); s.bind(('127.0.0.1',0)); s.listen(0); print(s.getsockname()[1],flush=True); sys.stdin.read()",
  ]);
  t.teardown(() => full.kill());
  const [chunk]: unknown[] = await once(full.stdout, "data");
  const port = Number(String(chunk));
  const queued = await dialLocal(port);
  t.teardown(() => queued.destroy());
  const error = await codeOf(dialTcp({ host: "127.0.0.1", port, timeoutMs: 100 })(never));
  t.match(error, { code: "DT_DIAL_TIMEOUT", why: "waited 100 ms" });
});

t.test("a port in use names its owner", async (t) => {
  const holder = await service();
  t.teardown(async () => await holder.close());
  const error = await codeOf(listenTcp({ host: "127.0.0.1", port: holder.port })(() => {}));
  t.match(error, { code: "DT_PORT_IN_USE", message: `127.0.0.1:${holder.port} is in use`, fix: `kill ${process.pid}` });
  t.match(error.why, `(pid ${process.pid}) listens there`);
  const denied = await codeOf(listenTcp({ host: "192.0.2.1", port: 0 })(() => {}));
  t.match(denied, { code: "DT_PORT_DENIED", why: /EADDRNOTAVAIL/ });
});
