// This machine: Node, debugtap.yml, the state directory, room for traces, and who holds the ports that the IDEs and debugtap need.
import { dirname } from "node:path";
import { shellQuote } from "../../protocol/shell.ts";
import type { FactsHere, PortHere } from "./facts.ts";
import { Findings, type Finding } from "./finding.ts";

const oldestNode = [20, 19] as const;
/** Bytes; a day of debugging makes some 100 MB. */
const littleRoom = 500e6;

export function checkHere(here: FactsHere): Finding[] {
  const found = new Findings("this machine");
  checkNode(here, found);
  checkConfig(here, found);
  checkState(here, found);
  for (const port of here.ports) checkPort(port, here, found);
  return found.list;
}

function checkNode({ node }: FactsHere, found: Findings): void {
  const [major = 0, minor = 0] = node.split(".").map(Number);
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]))
    return found.ok("DT_DOCTOR_NODE", `Node ${node}`);
  found.wrong("DT_DOCTOR_NODE", `Node ${node} is too old`, {
    why: `debugtap needs ${oldestNode.join(".")} or newer`,
    fix: "sudo apt-get install nodejs",
  });
}

function checkConfig({ config, configError }: FactsHere, found: Findings): void {
  if (configError?.code === "DT_CONFIG_MISSING") {
    return found.note("DT_CONFIG_MISSING", configError.message, {
      why: "no service was looked at",
      fix: "debugtap init user@host",
    });
  }
  if (configError !== undefined) {
    // What follows its first line shows the place in the file.
    const [what = ""] = configError.message.split("\n");
    return found.wrong(configError.code, what, {
      why: configError.why ?? "no service was looked at",
      fix: configError.fix ?? (/`services` is missing/.test(what) ? "debugtap init user@host" : "mend it there"),
    });
  }
  if (config === undefined) return;
  if (config.services.length === 0)
    return found.note("DT_DOCTOR_CONFIG", `${config.file ?? "configuration"} has no service`, {
      why: "nothing but hosts was looked at",
      fix: "debugtap init user@host",
    });
  const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`;
  found.ok(
    "DT_DOCTOR_CONFIG",
    `${config.file ?? "configuration"}: ${count(config.services.length, "service")} on ${count(config.hosts.length, "host")}`,
  );
}

function checkState({ stateDir, stateError, traceDir, free, config }: FactsHere, found: Findings): void {
  if (stateError === undefined) found.ok("DT_DOCTOR_STATE", `${stateDir} can be written`);
  else {
    found.wrong("DT_DOCTOR_STATE", `${stateDir} cannot be written`, {
      why: `${stateError}; traces and records of connections go there`,
      fix: stateFix(stateDir, stateError),
    });
  }
  if (config?.record.enabled === false) return;
  if (free === undefined)
    return found.unseen("DT_DOCTOR_DISK", `room for traces in ${traceDir}`, "the file system does not tell");
  const room = `${Math.round(free / 1e6)} MB are free for traces in ${traceDir}`;
  if (free >= littleRoom) return found.ok("DT_DOCTOR_DISK", room);
  found.wrong("DT_DOCTOR_DISK", room, {
    why: `below ${littleRoom / 1e6} MB a recording may end before you do`,
    fix: `du -sh ${shellQuote(traceDir)}/* | sort -h   # and remove what you do not need, or set \`record: { dir }\` to another disk`,
  });
}

function stateFix(dir: string, error: string): string {
  const quoted = shellQuote(dir);
  if (/not a directory|ENOTDIR|EEXIST/i.test(error))
    return `mv ${quoted} ${shellQuote(`${dir}.was`)} && mkdir -p -m 700 ${quoted}`;
  if (/EROFS|read-only/i.test(error)) return "export XDG_STATE_HOME=$HOME/debugtap-state";
  return `sudo mkdir -p ${quoted} && sudo chown "$(id -u)" ${shellQuote(dirname(dir))} ${quoted} && chmod u+rwx ${quoted}`;
}

function checkPort(at: PortHere, { relays }: FactsHere, found: Findings): void {
  const { port, bind, of, opens, owner, listening } = at;
  const address = `${bind}:${port}`;
  const relay = relays.find((each) => owner?.pid === each.pid);
  const isOurs = relay?.services.some((each) => each.name === of && each.ide.endsWith(`:${port}`)) === true;
  const holder = owner === undefined ? "a process that this user cannot see" : `${owner.name} (pid ${owner.pid})`;
  if (opens === "debugtap") {
    if (!listening) return found.ok("DT_PORT_IN_USE", `${address} is free for ${of}`);
    if (relay !== undefined && (isOurs || relay.triggers?.some((each) => each.name === of) === true))
      return found.ok("DT_PORT_IN_USE", `${address} of ${of} is held by debugtap ${relay.pid}`);
    return found.wrong("DT_PORT_IN_USE", `${address} of ${of} is held by ${holder}`, {
      why: "debugtap opens this port, and an IDE attaches to it",
      fix:
        owner === undefined
          ? `sudo ss -tlnp 'sport = :${port}'   # then end it, or give ${of} another \`ide:\``
          : `kill ${owner.pid}`,
    });
  }
  if (relay !== undefined) {
    return found.wrong("DT_DOCTOR_IDE", `${address} of ${of} is held by debugtap ${relay.pid} itself`, {
      why: "the IDE of a service that dials listens there",
      fix: `give ${of} another \`ide:\` in debugtap.yml`,
    });
  }
  if (listening) return found.ok("DT_DOCTOR_IDE", `${holder} listens on ${address} for ${of}`);
  if (at.elsewhere !== undefined) {
    return found.wrong("DT_DOCTOR_IDE", `no IDE listens on ${address} for ${of}`, {
      why: `somebody does on ${at.elsewhere}, port ${port}, which is not what debugtap dials`,
      fix: `set \`bind: "${at.elsewhere}"\` at ${of} in debugtap.yml, or the IDE's address to ${bind}`,
    });
  }
  const more = { fix: `start the IDE's debug server on port ${port} (PyCharm: Run, Debug 'debugtap: ${of}')` };
  if (at.hold > 0) {
    return found.note("DT_DOCTOR_IDE", `no IDE listens on ${address} for ${of}`, {
      why: "the service waits for it, as `hold` says",
      ...more,
    });
  }
  found.wrong("DT_DOCTOR_IDE", `no IDE listens on ${address} for ${of}`, {
    why: "the service runs on without breakpoints until one does (`hold: never`)",
    ...more,
  });
}
