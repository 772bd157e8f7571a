// A host's ports while its link comes and goes; the link is a fake, for what is told of it is all that matters here.
import t from "tap";
import { DebugtapError } from "../../protocol/errors.ts";
import type { HostConfig } from "../../src/config.ts";
import { OpenHost, type LinkEvents } from "../../src/host.ts";
import { lineOn, sshTo, tunnelTo } from "../../src/reach.ts";
import { Port } from "../../src/port.ts";
import { Registry } from "../../src/registry.ts";
import { Service } from "../../src/service.ts";
import { Observers } from "../../src/observers.ts";
import type { HostLink } from "../../src/transport/host-link.ts";

const vm = "127.0.0.1:5678";
const refused = new DebugtapError("DT_PORT_IN_USE", "taken", { why: "by another", fix: "ss -ltn" });
const up = { state: "up", since: 0 } as const;
const down = { state: "down", since: 0, reason: refused, retryAt: 0 } as const;

/** A host with one service at `vm`, whose port is asked for by `listen`. */
function open(listen: () => Promise<void>) {
  const registry = new Registry(() => undefined);
  const shown = { name: "svc", wire: "dap", host: "vm", ide: "127.0.0.1:5711", vm } as const;
  const service = new Service(
    { ...shown } as ConstructorParameters<typeof Service>[0],
    registry,
    new Observers([], () => undefined),
  );
  let told: LinkEvents | undefined;
  const host = new OpenHost({
    host: { name: "vm", ssh: "vm" } as ConstructorParameters<typeof OpenHost>[0]["host"],
    services: [shown],
    triggers: [],
    registry,
    connect: (events) => {
      told = events;
      return { close: () => Promise.resolve(), poke: () => undefined } as unknown as HostLink;
    },
    ports: () => [
      new Port({
        listen: async () => {
          await listen();
          return { address: "127.0.0.1", port: 5711, close: () => Promise.resolve() };
        },
        services: [service],
        dispatcher: undefined,
        unmatched: () => service,
      }),
    ],
  });
  if (told === undefined) throw new Error("it was not connected");
  return { host, link: told, state: () => registry.views().services[0]?.state };
}

t.test("a forward that is not restored is the link's to bring back: the port is not asked for again", async (t) => {
  let asked = 0;
  const { host, link, state } = open(() => Promise.resolve(void asked++));
  link.onState(up);
  await host.settled();
  t.equal(state(), "listening");
  link.onState(down);
  link.onForward?.({ host: "127.0.0.1", port: 5678 }, refused);
  link.onState(up);
  t.equal(state(), "failed");
  link.onState(down);
  link.onState(up);
  t.equal(asked, 1);
  link.onForward?.({ host: "127.0.0.1", port: 5678 }, undefined);
  t.equal(state(), "listening");
});

t.test("a port that could not be had is asked for again when the link is up again", async (t) => {
  let asked = 0;
  const { host, link, state } = open(() => (++asked === 1 ? Promise.reject(refused) : Promise.resolve()));
  link.onState(up);
  t.equal((await host.settled())?.code, "DT_PORT_IN_USE");
  link.onState(down);
  link.onState(up);
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(asked, 2);
  t.equal(state(), "listening");
});

t.test("a line to paste goes the way that debugtap goes", (t) => {
  const host = (rest: { ssh?: string; sshConfig?: string }): HostConfig => ({ name: "vm", source: [], ...rest });
  t.equal(lineOn(sshTo(host({})), "ss -tl"), "ss -tl", "on this machine it is the command");
  t.equal(tunnelTo(host({})), undefined);
  t.equal(lineOn(sshTo(host({ ssh: "me@vm" })), "systemctl status a b"), "ssh me@vm 'systemctl status a b'");
  const odd = host({ ssh: "vm", sshConfig: "/etc/my config" });
  t.equal(lineOn(sshTo(odd), "sudo ss -tl"), "ssh -t -F '/etc/my config' vm 'sudo ss -tl'", "sudo may ask");
  t.same(tunnelTo(odd), { name: "vm", destination: "vm", configFile: "/etc/my config" });
  t.end();
});
