// The real program over a real sshd, with real debuggees, and what it recorded.
import t from "tap";
import type { Side } from "../../protocol/frame.ts";
import { breakpointOf, debuggeeFile, ide, python } from "../helpers/processes.ts";
import { recordingPipe, type Conversation } from "../helpers/recording-pipe.ts";
import { closed, up } from "../helpers/relay-on-vm.ts";
import { freePort } from "../helpers/sockets.ts";
import { recordedBytes } from "../helpers/recorded.ts";

/** What each side said, in one session. */
function sidesOf(conversation: Conversation | undefined, connector: Side): Record<Side, string> {
  const said = [conversation?.connector ?? [], conversation?.acceptor ?? []].map((chunks) =>
    Buffer.concat(chunks).toString("latin1"),
  );
  const [connected = "", accepted = ""] = said;
  return connector === "client" ? { client: connected, debuggee: accepted } : { client: accepted, debuggee: connected };
}

t.test(
  "pydevd over -R through sshd: a fork is a second session; every byte is equal on both sides and in the trace",
  async (t) => {
    const [idePort, dials] = [await freePort(), await freePort()];
    const nearIde = await recordingPipe(idePort);
    const nearDebuggee = await recordingPipe(dials);
    t.teardown(() => Promise.all([nearIde.close(), nearDebuggee.close()]));
    // A capture asks the debuggee more than the IDE did.
    const relay = await up(t, { svc: { wire: "pydevd", dials, ide: nearIde.port } }, {}, { capture: false });
    const breakpoint = breakpointOf(debuggeeFile("pydevd_fork.py"));
    const client = ide("ide-pydevd.mjs", "--listen", `${idePort}`, "--break", breakpoint, "--json");
    t.teardown(() => client.child.kill());
    await client.prints("listening");
    const debuggee = python("pydevd_fork.py", `${nearDebuggee.port}`);
    t.teardown(() => debuggee.child.kill());
    t.equal(await debuggee.exit, 0, debuggee.text());
    await Promise.all([closed(relay, "svc#1"), closed(relay, "svc#2")]);
    const hits = client
      .text()
      .split("\n")
      .filter((line) => line.startsWith("{"));
    t.equal(hits.length, 2, client.text());
    t.match(hits[0], /"function":"work".*parent/);
    t.match(hits[1], /"function":"work".*child/);
    relay.kill("SIGINT");
    t.equal(await relay.exit, 0, relay.stderr());

    t.equal(nearIde.conversations.length, 2);
    const recorded = await recordedBytes(await relay.trace());
    for (const [i, name] of ["svc#1", "svc#2"].entries()) {
      const atDebuggee = sidesOf(nearDebuggee.conversations[i], "debuggee");
      t.ok(atDebuggee.client.includes("101\t") && atDebuggee.debuggee.includes("105\t"), "a whole session");
      const atIde = sidesOf(nearIde.conversations[i], "debuggee");
      // When the IDE has left, the relay takes its breakpoints away and lets the program run.
      for (const side of ["client", "debuggee"] as const)
        t.ok(
          atDebuggee[side].startsWith(atIde[side]) && atIde[side] !== "",
          `${name} ${side}: equal on both sides of the relay`,
        );
      t.same(recorded.get(name), atDebuggee, `${name}: and in the trace`);
    }
  },
);

t.test("debugpy.listen over -L through sshd with a child process: the child's address is the relay's", async (t) => {
  const [listens, idePort] = [await freePort(), await freePort()];
  const relay = await up(t, { svc: { wire: "dap", listens, ide: idePort } });
  const debuggee = python("debugpy_child.py", `${listens}`);
  t.teardown(() => debuggee.child.kill());
  await debuggee.prints("listening");
  const breakpoint = breakpointOf(debuggeeFile("debugpy_child.py"));
  const client = ide("ide-dap.mjs", "--attach", `${idePort}`, "--break", breakpoint, "--json");
  t.teardown(() => client.child.kill());
  await debuggee.prints("done");
  await Promise.all([closed(relay, "svc#1"), closed(relay, "svc#2")]);
  const hits = client
    .text()
    .split("\n")
    .filter((line) => line.startsWith("{"));
  t.equal(hits.length, 2, client.text());
  t.match(hits[0], /parent/);
  t.match(hits[1], /child/);
  t.match(
    client.text(),
    `attaching to 127.0.0.1:${idePort}, child`,
    "the IDE was sent to the relay, not to the VM's port",
  );
  relay.kill("SIGINT");
  t.equal(await relay.exit, 0, relay.stderr());
  const recorded = await recordedBytes(await relay.trace());
  t.match(recorded.get("svc#1")?.debuggee, `"port": ${listens}`, "the trace has what the adapter said");
  t.match(recorded.get("svc#2")?.client, "subProcessId");
});

t.test("a service whose settrace came before any IDE waits, and runs on when the relay stops", async (t) => {
  const [idePort, dials] = [await freePort(), await freePort()];
  const relay = await up(t, { svc: { wire: "pydevd", dials, ide: idePort, hold: "forever" } });
  const debuggee = python("pydevd_suspend.py", `${dials}`);
  t.teardown(() => debuggee.child.kill());
  await relay.event("session", ({ session }) => session.state === "held");
  t.notMatch(debuggee.text(), "running");
  relay.kill("SIGINT");
  await debuggee.prints("running");
  t.equal(await relay.exit, 0, relay.stderr());
  debuggee.child.stdin.end("still here\n");
  await debuggee.prints("echo still here");
  t.equal(await debuggee.exit, 0);
});

t.test("kill -9 of the relay during a session: show reads all that was written", async (t) => {
  const [idePort, dials] = [await freePort(), await freePort()];
  const relay = await up(t, { svc: { wire: "pydevd", dials, ide: idePort } });
  const nearDebuggee = await recordingPipe(dials);
  t.teardown(() => nearDebuggee.close());
  const breakpoint = breakpointOf(debuggeeFile("pydevd_fork.py"));
  const client = ide("ide-pydevd.mjs", "--listen", `${idePort}`, "--break", breakpoint);
  t.teardown(() => client.child.kill());
  await client.prints("listening");
  const debuggee = python("pydevd_fork.py", `${nearDebuggee.port}`);
  t.teardown(() => debuggee.child.kill("SIGKILL"));
  await client.prints("stopped");
  // Stopped means: a 105 crossed the relay, and was handed to the recorder in the same call; its batch is written within 20 ms.
  const trace = await relay.trace();
  for (;;) if ((await recordedBytes(trace)).get("svc#1")?.debuggee.includes("105\t") === true) break;
  const before = (await recordedBytes(trace)).get("svc#1");
  relay.kill("SIGKILL");
  await relay.exit;
  const after = (await recordedBytes(trace)).get("svc#1");
  const truth = sidesOf(nearDebuggee.conversations[0], "debuggee");
  for (const side of ["client", "debuggee"] as const) {
    t.ok(
      (after?.[side].length ?? 0) >= (before?.[side].length ?? 0) && (before?.[side].length ?? 0) > 0,
      `${side}: nothing is lost`,
    );
    t.ok(truth[side].startsWith(after?.[side] ?? "?"), `${side}: nothing is altered`);
  }
  t.equal((await recordedBytes(trace)).get("svc#1")?.debuggee, after?.debuggee);
});
