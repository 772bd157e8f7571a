// The debug ports on the host, and who holds them. None is connected to: a debugger takes a connection for its client.
import { meets } from "../transport/listeners.ts";
import { lineOn } from "../reach.ts";
import type { FactsHere, FactsThere } from "./facts.ts";
import { Findings, type Finding } from "./finding.ts";
import { injectLine, killLine, restartLine } from "./fix.ts";
import { isAdapter } from "../python-helpers.ts";
import type { Running } from "./running.ts";

const debuggers =
  /debugpy|pydevd|\bdlv\b|delve|debugserver|lldb|codelldb|netcoredbg|js-debug|--inspect|jdwp|rdbg|xdebug/;

export function checkPortThere(running: Running, there: FactsThere, here: FactsHere): Finding[] {
  const { service } = running;
  const found = new Findings(service.name);
  if (there.details === undefined) return [];
  const port = service.dials ?? service.listens;
  const listening = there.details.sockets.filter(({ state, local }) => state === "listen" && local === port);
  const holder = listening.find(({ address }) => meets(address, service.address));
  const name = holder?.pid === undefined ? undefined : there.details.names.get(holder.pid);
  const hidden = holder !== undefined && holder.pid === undefined;
  const relay = here.relays.find(({ services }) =>
    services.some((each) => each.name === service.name && each.vm.endsWith(`:${port}`)),
  );
  const look = lineOn(there.ssh, `sudo ss -tlnp 'sport = :${port}'`);

  if (service.dials !== undefined) {
    if (holder === undefined) found.ok("DT_REMOTE_PORT", `port ${port} there is free for debugtap`);
    else if (relay !== undefined && (hidden || name?.startsWith("sshd") === true || there.ssh === "")) {
      found.ok("DT_REMOTE_PORT", `port ${port} there is debugtap's (pid ${relay.pid} here)`);
    } else {
      const who = hidden ? `a process of uid ${holder.uid}` : `${shortly(name)} (pid ${holder.pid})`;
      found.wrong("DT_REMOTE_PORT", `port ${port} there is held by ${who}`, {
        why: `${service.name} dials it, so debugtap has to listen there`,
        fix:
          holder.pid === undefined
            ? look
            : killLine(there.ssh, holder.pid, [0, holder.uid].includes(there.details.uid)),
      });
    }
    return found.list;
  }

  const [elsewhere] = listening;
  if (holder === undefined && elsewhere !== undefined) {
    found.wrong("DT_SERVICE_DOWN", `nothing listens on ${service.address}:${port} there`, {
      why: `something does on ${elsewhere.address}, port ${port}; debugtap dials \`address:\``,
      fix: `set \`address: "${elsewhere.address}"\` at ${service.name} in debugtap.yml`,
    });
  } else if (holder === undefined) {
    found.wrong("DT_SERVICE_DOWN", `nothing listens on port ${port} there`, whyDown(running, there));
  } else if (hidden) {
    const fix = lineOn(there.ssh, `sudo ss -tlnp 'sport = :${port}'`);
    found.unseen(
      "DT_DOCTOR_PORT_FOREIGN",
      `who listens on port ${port} there`,
      `it is a process of uid ${holder.uid}`,
      fix,
    );
  } else if (isDebugger(running, holder.pid, name))
    found.ok("DT_DOCTOR_PORT_FOREIGN", `${shortly(name)} (pid ${holder.pid}) listens on port ${port} there`);
  else {
    found.wrong("DT_DOCTOR_PORT_FOREIGN", `port ${port} there is held by ${shortly(name)} (pid ${holder.pid})`, {
      why: `that is neither ${service.name} nor a debugger: the debugger of ${service.name} cannot listen`,
      fix: killLine(there.ssh, holder.pid ?? 0, [0, holder.uid].includes(there.details.uid)),
    });
  }
  return found.list;
}

function whyDown({ master, service, container }: Running, { ssh, details }: FactsThere): { why: string; fix: string } {
  const inject = injectLine(service);
  if (master !== undefined) return { why: `pid ${master.pid} runs, its debugger does not listen`, fix: inject };
  if (container !== undefined)
    return { why: `container ${container.name} runs; no debugger in it has a port of the host`, fix: inject };
  const state = details?.units.find(({ id }) => service.run?.kind === "unit" && id === service.run.unit)?.activeState;
  if (state === "active") return { why: "its unit is active, its debugger does not listen", fix: inject };
  const fix = restartLine(ssh, service);
  if (state !== undefined) return { why: `its unit is ${state}`, fix };
  return {
    why: details?.seesAll === false ? "whether the service runs cannot be seen" : "the service does not run",
    fix,
  };
}

function isDebugger({ all, service }: Running, pid: number | undefined, name = ""): boolean {
  if (debuggers.test(name) || all.some((each) => each.pid === pid)) return true;
  // A wire that is not read may be anything.
  return service.wire === "raw" || all.some((each) => isAdapter(each.argv) && each.pid === pid);
}

/** Its first words: what follows may be a password. */
function shortly(name = "?"): string {
  return name.split(" ").slice(0, 2).join(" ");
}
