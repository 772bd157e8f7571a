// `debugtap again` by the real program: a recorded command, and a recorded HTTP request, are sent again to a real service under debugpy.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { openTrace } from "../../src/trace/index.ts";
import { allText, plain } from "../helpers/all-text.ts";
import { debuggeeFile, ide, pythonFile, type Running } from "../helpers/processes.ts";
import { again, record } from "../helpers/recorder.ts";
import { startRelay } from "../helpers/relay-process.ts";
import { freePort } from "../helpers/sockets.ts";

t.jobs = 2;

interface Shop {
  readonly dir: string;
  readonly file: string;
  readonly config: string;
  readonly url: string;
  /** Of wire `raw`. */
  readonly restPort: number;
  readonly idePort: number;
  /** Starts it, in place of one that runs. */
  readonly open: () => Promise<Running>;
}

async function shopOf(t: Test): Promise<Shop> {
  const dir = t.testdir();
  const file = join(dir, "shop.py");
  writeFileSync(file, readFileSync(debuggeeFile("shop.py")));
  const [listens, own, idePort, restPort] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const config = join(dir, "debugtap.yml");
  const shop = { wire: "dap", listens, ide: idePort };
  const rest = { wire: "raw", listens: own, ide: restPort };
  writeFileSync(config, JSON.stringify({ services: { shop, rest }, record: { dir: join(dir, "traces"), locals: 1 } }));
  let running: Running | undefined;
  const open = async (): Promise<Running> => {
    running?.child.kill("SIGKILL");
    await running?.exit;
    running = pythonFile(file, `${listens}`, `${own}`);
    await running.prints("open");
    return running;
  };
  t.teardown(() => running?.child.kill("SIGKILL"));
  return { dir, file, config, url: `http://127.0.0.1:${own}`, idePort, restPort, open };
}

t.test(
  "a command: all its hits recur, a line that is not reached is named, a token comes from the environment and goes nowhere",
  { buffered: true },
  async (t) => {
    const { dir, file, config, url, open } = await shopOf(t);
    await open();
    const token = "tok-51c9a7e20b";
    const [first, second, third] = ["first", "second", "third"].map((name) => join(dir, name)) as [
      string,
      string,
      string,
    ];
    const at = ["first", "second"].flatMap((word) => ["--at", `${file}:/# ${word}/`]);
    const command = ["curl", "-sS", "-H", `X-Auth-Token: ${token}`, `${url}/tea`, `${url}/coffee`];
    const recorder = record(t, ["-c", config, ...at, "--settle", "500ms", "-o", first], command);
    t.equal(await recorder.exit, 0, recorder.stderr());
    t.equal(recorder.hits.length, 4);

    const variable = "DEBUGTAP_SECRET_X_AUTH_TOKEN";
    const refused = again(t, [first, "-o", second]);
    t.equal(await refused.exit, 2);
    t.match(refused.error, { code: "DT_SECRET_NEEDED", fix: new RegExp(`^${variable}=… debugtap again ${first}`) });
    t.notOk(existsSync(second), "nothing was recorded");

    const same = again(t, [first, "--settle", "500ms", "-o", second], { [variable]: token });
    t.equal(await same.exit, 0, same.stderr());
    const { recorded, differing, missing, extra } = same.result;
    t.strictSame({ recorded, differing, missing, extra }, { recorded: 4, differing: [], missing: [], extra: [] });
    t.strictSame(
      same.result.recurring,
      [1, 2, 3, 4].map((number) => [number, number]),
    );
    t.match(same.stderr(), "3\n6\n", "the command's output is passed on");
    for (const trace of [first, second]) t.notOk(plain(await allText(trace)).includes(token), trace);
    t.notOk(JSON.stringify(same.said.filter(({ type }) => type !== "hit")).includes(token));

    writeFileSync(
      file,
      readFileSync(file, "utf8")
        .replace("return discount(total)", "return total - 1")
        .replace("price(self.path)", "price(self.path.upper())"),
    );
    await open();
    const changed = again(t, [first, "2", "--settle", "500ms", "-o", third], { [variable]: token });
    t.equal(await changed.exit, 1, changed.stderr());
    t.match(changed.result, {
      recorded: 4,
      recurring: [
        [1, 1],
        [3, 2],
      ],
      missing: [2, 4].map((number) => ({ number, session: "shop#1", function: "discount", file })),
      extra: [],
      differing: [
        { hits: [1, 1], values: [{ path: "item", recorded: "'/tea'", now: "'/TEA'" }] },
        { hits: [3, 2], values: [{ path: "item", recorded: "'/coffee'", now: "'/COFFEE'" }] },
      ],
    });
    t.strictSame(
      [changed.result.missing.length, changed.result.extra.length, changed.result.differing.length],
      [2, 0, 2],
    );
    t.match(changed.error, { code: "DT_NOT_RECURRED", why: /the others/ });
    t.match(changed.error, { what: "2 of 4 hits recur" });
  },
);

t.test(
  "an HTTP request that an IDE stopped: sent through the relay with its body, its secret and a fresh id; only with --yes",
  { buffered: true },
  async (t) => {
    const { dir, file, config, idePort, restPort, open } = await shopOf(t);
    const running = await open();
    const relay = startRelay(["up", "-c", config]);
    await relay.listening(["shop", "rest"]);
    const client = ide("ide-dap.mjs", "--attach", `${idePort}`, "--break", `${file}:14`, "--hits", "2", "--json");
    t.teardown(() => client.child.kill("SIGKILL"));
    await client.prints(": attached");
    const password = "sesame-7181-open";
    const order = { item: "kettle", password, count: 2 };
    const sent = await fetch(`http://127.0.0.1:${restPort}/orders`, {
      method: "POST",
      headers: { "X-Request-Id": "req-11112222-aaaa", "Content-Type": "application/json" },
      body: JSON.stringify(order),
    });
    t.equal(await sent.text(), "5\n");
    relay.kill("SIGINT");
    t.equal(await relay.exit, 0, relay.stderr());
    client.child.kill("SIGKILL");
    const recorded =
      relay.events.flatMap((event) => (event.type === "trace" && event.state === "open" ? [event.dir] : []))[0] ?? "";
    t.notOk((await allText(recorded)).includes(password));

    const careful = again(t, [recorded, "1", "-o", join(dir, "none")]);
    t.equal(await careful.exit, 2);
    const variable = "DEBUGTAP_SECRET_PASSWORD";
    t.match(careful.error, { code: "DT_UNSAFE", fix: new RegExp(`^${variable}=… debugtap again .* --yes$`) });
    t.match(careful.said[0], {
      type: "plan",
      service: "rest",
      request: {
        method: "POST",
        url: "/orders",
        body: /^\{"item":"kettle","password":"«redacted:\w{8}»","count":2\}$/,
      },
      safe: false,
      secrets: [variable],
      breakpoints: [`${file}:14 in shop`],
    });

    const target = join(dir, "again");
    const same = again(t, [recorded, "--yes", "--settle", "500ms", "-o", target], { [variable]: password });
    t.equal(await same.exit, 0, same.stderr());
    t.strictSame([same.result.recurring, same.result.missing, same.result.extra], [[[1, 1]], [], []]);
    t.match(
      same.said.find(({ type }) => type === "answer"),
      { answer: { status: 200 } },
    );
    const orders = running
      .text()
      .split("\n")
      .flatMap((line) =>
        line.startsWith("ordered ") ? [JSON.parse(line.slice(8)) as [Record<string, string>, object]] : [],
      );
    t.equal(orders.length, 2, "nothing was sent without --yes");
    const [headers, body] = orders[1] ?? [{}, {}];
    t.strictSame(body, order);
    t.match(headers["X-Request-Id"], /^req-[0-9a-f-]{36}$/);
    t.equal(headers["baggage"], "debugtap-replay-of=req-11112222-aaaa");
    t.equal(headers["host"], `127.0.0.1:${restPort}`);
    t.notOk(plain(await allText(target)).includes(password));
    const trace = await openTrace(target);
    t.match(
      trace
        .sessions()
        .map(({ facts }) => facts.name)
        .toSorted(),
      ["rest#1", "shop#1"],
      "the request is in it too",
    );
    trace.close();
  },
);
