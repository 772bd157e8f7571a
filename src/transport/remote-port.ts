// Why sshd would not listen on a port of the VM. It says the same for a taken port, a forbidden and a privileged one,
// so we look for ourselves through a command on the VM.
import { DebugtapError } from "../../protocol/errors.ts";
import { hostPort } from "./tcp.ts";

const firstFreePort = 1024;

/** A debugtap that runs on this machine and is connected to the same VM. */
export interface OtherRelay {
  readonly relayPid: number;
  readonly sshdPid: number;
}

export interface RemotePortQuestion {
  readonly vm: string;
  readonly host: string;
  readonly port: number;
  readonly uid: number | undefined;
  readonly sshdPid: number | undefined;
  readonly others: readonly OtherRelay[];
  /** Runs a command on the VM and gives its output, "" if it failed. */
  ask(command: string): Promise<string>;
  /** `ssh … REST`, to be pasted. */
  sshLine(rest: string): string;
}

export async function explainRemotePort(question: RemotePortQuestion): Promise<DebugtapError> {
  const { vm, host, port } = question;
  const what = `${vm} cannot listen on ${hostPort(host, port)}`;
  const listeners = await question.ask(listenersCommand(port));
  if (listeners.trim() !== "") {
    const [, name, pid] = /"([^"]+)",pid=(\d+)/.exec(listeners) ?? [];
    if (pid !== undefined && Number(pid) === question.sshdPid) {
      return new DebugtapError("DT_REMOTE_PORT", what, {
        why: "this same debugtap has it listen there already",
        fix: "give each service its own port in debugtap.yml",
      });
    }
    const other = question.others.find(({ sshdPid }) => pid === undefined || sshdPid === Number(pid));
    if (other !== undefined) {
      return new DebugtapError("DT_REMOTE_PORT", what, {
        why: `another debugtap (pid ${other.relayPid} on this machine) has it listen there: sshd pid ${other.sshdPid} on the VM`,
        fix: `kill ${other.relayPid}`,
      });
    }
    // sshd hides its sockets from others, so a nameless holder may well be the sshd of a connection that was lost.
    const holder =
      name === undefined ? "another user's process, or an earlier SSH connection," : `${name} (pid ${pid})`;
    return new DebugtapError("DT_REMOTE_PORT", what, {
      why: `${holder} listens there already`,
      fix: question.sshLine(pid === undefined ? `"sudo ss -Htlnp 'sport = :${port}'"` : `kill ${pid}`),
    });
  }
  if (port > 0 && port < firstFreePort && question.uid !== 0) {
    return new DebugtapError("DT_REMOTE_PORT", what, {
      why: `ports below ${firstFreePort} are for root`,
      fix: `choose a port from ${firstFreePort} on`,
    });
  }
  return new DebugtapError("DT_REMOTE_PORT", what, {
    why: "nothing listens there, so sshd forbids it: AllowTcpForwarding, PermitListen or DisableForwarding",
    fix: question.sshLine(`"sudo sshd -T | grep -iE 'allowtcpforwarding|permitlisten|disableforwarding'"`),
  });
}

/** Prints a line for each listener; without `ss`, from /proc, which names no process. */
function listenersCommand(port: number): string {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return `ss -Htlnp 'sport = :${port}' 2>/dev/null || grep -h ':${hex} [0:]* 0A ' /proc/net/tcp /proc/net/tcp6`;
}
