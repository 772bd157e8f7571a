// The image, built by buildah from the Dockerfile; its sidecar as process 1 of a container with a root that cannot be written, beside a
// real debuggee in the same network namespace.
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import t, { type Test } from "tap";
import { openTrace } from "../../src/trace/index.ts";
import { startContainer } from "../helpers/container.ts";
import { buildImage } from "../helpers/image.ts";
import { breakpointOf, debuggeeFile } from "../helpers/processes.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const isRoot = process.getuid?.() === 0;
const token = "a-token-of-the-test-0123456789";
/** Of nobody who has a name. */
const user = 34_567;

/** debugpy at 5678 of a network namespace of its own. */
async function neighbour(t: Test): Promise<number> {
  const script = `ip link set lo up && exec /usr/bin/python3 -Xfrozen_modules=off ${debuggeeFile("loop.py")} 5678`;
  const child = spawn("unshare", ["--net", "sh", "-c", script], { stdio: ["ignore", "pipe", "inherit"] });
  t.teardown(() => child.kill("SIGKILL"));
  await once(createInterface({ input: child.stdout }), "line");
  return child.pid ?? 0;
}

function tracesOf(t: Test): string {
  const dir = t.testdir({ traces: {} });
  chmodSync(join(dir, "traces"), 0o1777);
  return join(dir, "traces");
}

/** In the container: what its processes are. */
const processes = `for (const name of fs.readdirSync("/proc").filter((name) => Number(name) > 0))
  console.log(fs.readFileSync("/proc/" + name + "/stat", "latin1").replace(/^(\\d+) \\(.*\\) (\\S) (\\d+) [^]*/, "$1 $2 $3"));`;

t.test("the image", { skip: isRoot ? false : "images are built as root here" }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "debugtap-image-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const image = buildImage(root, dir);
  const { config } = image;
  const health = config.Healthcheck.Test;

  t.test("says how it is run, and has what it needs alone", async (t) => {
    t.match(config, { User: "10001:10001", StopSignal: "SIGTERM", Cmd: ["sidecar"] });
    t.same(Object.keys(config.Volumes), ["/traces"]);
    t.equal(health[0], "CMD");
    t.same(readdirSync(join(image.files, "opt/debugtap")).sort(), [
      "LICENSE",
      "bin",
      "dist",
      "node_modules",
      "package.json",
    ]);
    t.same(readdirSync(join(image.files, "opt/debugtap/dist")).sort(), ["protocol", "src", "web"]);
    t.notOk(readdirSync(join(image.files, "opt/debugtap/node_modules")).includes("typescript"));
    t.notOk(readdirSync(join(image.files, "opt/debugtap/dist/src")).some((name) => /\.(?:map|d\.ts)$/.test(name)));
    t.equal(statSync(join(image.files, "traces")).mode & 0o7777, 0o1777);
    const unwell = image.run(...health.slice(1), "--json");
    t.not(unwell.status, 0, "its health without a sidecar");
  });

  t.test("a hit of a neighbour is recorded without an IDE; SIGTERM completes the trace", async (t) => {
    const beside = await neighbour(t);
    const traces = tracesOf(t);
    const breakpoints = join(t.testdirName, "breakpoints.yml");
    writeFileSync(breakpoints, `breakpoints:\n  - ${breakpointOf(debuggeeFile("loop.py"))} max 2\n`);
    const sidecar = startContainer(t, image, {
      env: ["DEBUGTAP_SERVICES=api=dap:5678", "DEBUGTAP_BREAKPOINTS=/breakpoints.yml", "DEBUGTAP_LOG=json"],
      user,
      traces,
      beside,
      files: { "/breakpoints.yml": breakpoints },
    });
    await sidecar.line((line) => line.includes('"type":"hit"'));
    const { status, stdout, stderr } = sidecar.exec(...health.slice(1));
    t.equal(status, 0, stderr);
    t.match(stdout, "ready: api");
    const listed = sidecar.exec("node", "bin/debugtap.js", "hits", "latest");
    t.match(listed.stdout, "loop.py:18", listed.stderr);
    sidecar.kill(config.StopSignal);
    t.equal(await sidecar.exit, 0);
    const result: unknown = JSON.parse(await sidecar.line((line) => line.includes('"type":"result"')));
    t.match(result, { breakpoints: [{ bound: ["api"], hits: 2 }] });
    const [name = ""] = readdirSync(traces);
    const trace = await openTrace(join(traces, name));
    t.teardown(() => trace.close());
    const hits: string[] = [];
    for await (const { hit } of trace.hits()) hits.push(JSON.stringify(hit));
    t.ok(hits.length >= 2, "the program runs on");
    t.match(hits[0], "volume-7");
    t.match(hits[0], "req-7");
  });

  t.test("for an IDE: ports and the page by the token; process 1 leaves no zombies and ends on SIGTERM", async (t) => {
    const beside = await neighbour(t);
    const sidecar = startContainer(t, image, {
      env: [
        "DEBUGTAP_SERVICES=api=dap:5678,worker=pydevd:5679",
        "DEBUGTAP_EXPOSE=yes, beyond loopback",
        `DEBUGTAP_TOKEN=${token}`,
      ],
      user,
      traces: tracesOf(t),
      beside,
    });
    t.match(await sidecar.line((line) => line.includes("service api")), "0.0.0.0:5711");
    const ready = await sidecar.line((line) => line.includes("board"));
    t.notMatch(ready, token);
    t.equal(sidecar.exec(...health.slice(1)).stdout, "ready: api, worker\n");
    const node = (code: string): string => sidecar.exec("node", "-e", code).stdout;
    const asks = (headers: object): string =>
      `fetch("http://127.0.0.1:5700/api/view", ${JSON.stringify({ headers })}).then((a) => console.log(a.status))`;
    t.equal(node(asks({})), "401\n");
    t.equal(node(asks({ authorization: `Bearer ${token}` })), "200\n");
    const [first = "", ...others] = node(processes).trim().split("\n");
    t.match(first, /^1 [RS] 0$/, "it is process 1");
    t.same(
      others.filter((line) => line.endsWith(" Z 1")),
      [],
    );
    sidecar.kill("TERM");
    t.equal(await sidecar.exit, 0);
    t.match(await sidecar.line((line) => line.includes("trace closed")), "/traces/");
  });
  t.end();
});
