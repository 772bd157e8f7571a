// Services that share one port on the VM, and debuggees that came before their IDE.
import t from "tap";
import { spawnSync } from "node:child_process";
import { dirname } from "node:path";
import { breakpointOf, fileOnVm, ide, pythonOnVm } from "../helpers/processes.ts";
import { closed, up } from "../helpers/relay-on-vm.ts";
import { program } from "../helpers/relay-process.ts";
import { freePort } from "../helpers/sockets.ts";

t.test(
  "four processes, two of them forked, on one port: each is named, each stops only at its service's IDE",
  async (t) => {
    const file = fileOnVm(t, "pydevd_fork.py");
    const [dials, alphaIde, betaIde] = [await freePort(), await freePort(), await freePort()];
    const relay = await up(t, {
      alpha: { wire: "pydevd", dials, ide: alphaIde, match: { argv: "alpha" } },
      beta: { wire: "pydevd", dials, ide: betaIde, match: { argv: "beta" } },
    });
    const ides = [alphaIde, betaIde].map((port) =>
      ide("ide-pydevd.mjs", "--listen", `${port}`, "--break", breakpointOf(file), "--json"),
    );
    t.teardown(() => ides.map(({ child }) => child.kill()));
    await Promise.all(ides.map((each) => each.prints("listening")));
    const services = ["alpha", "beta"].map((name) => pythonOnVm(file, `${dials}`, name));
    t.teardown(() => services.map(({ child }) => child.kill()));
    for (const service of services) t.equal(await service.exit, 0, service.text());
    for (const [i, name] of ["alpha", "beta"].entries()) {
      const ends = await Promise.all([closed(relay, `${name}#1`), closed(relay, `${name}#2`)]);
      const hits = (ides[i]?.text() ?? "").split("\n").filter((line) => line.startsWith("{"));
      t.equal(hits.length, 2, ides[i]?.text() ?? "");
      for (const [k, who] of ["parent", "child"].entries()) {
        const pid = new RegExp(`${name} ${who} (\\d+)`).exec(hits[k] ?? "")?.[1];
        t.ok(pid, `${name}'s ${who} stopped at ${name}'s IDE`);
        t.match(ends[k]?.session.process, `pid ${pid} pydevd_fork.py`, "and the session names its process");
      }
    }
    t.notOk(relay.events.some((event) => event.type === "session" && event.session.service === "unmatched"));
  },
);

t.test("what matches nothing waits with its facts in view, and a release by hand lets it run on", async (t) => {
  const file = fileOnVm(t, "pydevd_fork.py");
  const [dials, idePort] = [await freePort(), await freePort()];
  // A socket's path is short.
  const runtime = { XDG_RUNTIME_DIR: dirname(file) };
  const relay = await up(
    t,
    {
      alpha: { wire: "pydevd", dials, ide: idePort, match: { argv: "alpha" }, hold: "forever" },
      beta: { wire: "pydevd", dials, ide: await freePort(), match: { argv: "beta" }, hold: "forever" },
    },
    runtime,
  );
  const stranger = pythonOnVm(file, `${dials}`, "gamma");
  t.teardown(() => stranger.child.kill());
  const { session } = await relay.event("session", (event) => event.session.state === "held");
  t.equal(session.name, "unmatched#1");
  t.match(session.process, `pid ${stranger.child.pid} `);
  t.match(session.reason, /^DT_PROCESS_UNMATCHED: pid \d+ .* is none of alpha, beta/);
  const release = spawnSync(process.execPath, [program, "release", "unmatched#1"], {
    env: { ...process.env, ...runtime },
    encoding: "utf8",
  });
  t.equal(release.stdout, "unmatched#1 runs on\n", release.stderr);
  // Its forked child comes to the same port, and is the same stranger.
  await relay.event("session", (event) => event.session.name === "unmatched#2" && event.session.state === "held");
  spawnSync(process.execPath, [program, "release", "unmatched"], { env: { ...process.env, ...runtime } });
  await stranger.prints("done");
  t.equal(await stranger.exit, 0);
});

t.test("one that is held stops at the breakpoint of an IDE that comes later", async (t) => {
  const file = fileOnVm(t, "pydevd_fork.py");
  const [dials, idePort] = [await freePort(), await freePort()];
  const relay = await up(t, { svc: { wire: "pydevd", dials, ide: idePort, hold: "forever" } });
  const debuggee = pythonOnVm(file, `${dials}`, "late");
  t.teardown(() => debuggee.child.kill());
  await relay.event("session", ({ session }) => session.state === "held");
  const client = ide("ide-pydevd.mjs", "--listen", `${idePort}`, "--break", breakpointOf(file));
  t.teardown(() => client.child.kill());
  await debuggee.prints("done");
  await Promise.all([closed(relay, "svc#1"), closed(relay, "svc#2")]);
  t.match(client.text(), /stopped[^]*late parent[^]*stopped[^]*late child/);
});
