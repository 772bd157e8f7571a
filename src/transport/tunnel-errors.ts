// Why something failed on a tunnel, in words: what sshd answered, what it may mean, and the line to paste.
import { DebugtapError } from "../../protocol/errors.ts";
import { explainRemotePort } from "./remote-port.ts";
import type { RemotePortQuestion } from "./remote-port.ts";
import { sshLine } from "./ssh-config.ts";
import type { SshTarget } from "./ssh-config.ts";
import { hostPort } from "./tcp.ts";
import type { ForwardAddress } from "./tunnel.ts";
import type { VmFacts } from "./vm-facts.ts";

export class TunnelErrors {
  readonly #vm: string;
  readonly #target: SshTarget;

  constructor(vm: string, target: SshTarget) {
    this.#vm = vm;
    this.#target = target;
  }

  /** sshd would not open a local forward's channel. `reason` is RFC 4254's. */
  refusal(to: ForwardAddress, error: Error & { reason?: unknown }): DebugtapError {
    const address = `${hostPort(to.host, to.port)} on ${this.#vm}`;
    const why = error.message.replace("(SSH) Channel open failure: ", "");
    switch (error.reason) {
      case 1:
        return new DebugtapError("DT_FORWARD_DENIED", `${this.#vm} does not allow a forward to ${address}`, {
          why: `its sshd forbids it (${why}): AllowTcpForwarding, PermitOpen or DisableForwarding`,
          fix: sshLine(this.#target, `"sudo sshd -T | grep -iE 'allowtcpforwarding|permitopen|disableforwarding'"`),
          cause: error,
        });
      case 2:
        return new DebugtapError("DT_SERVICE_DOWN", `nothing answers at ${address}`, {
          why,
          fix: sshLine(this.#target, `"ss -tlnp 'sport = :${to.port}'"`),
          cause: error,
        });
      default:
        return this.dial(to, why);
    }
  }

  dial(to: ForwardAddress, why: string): DebugtapError {
    return new DebugtapError("DT_DIAL_FAILED", `${hostPort(to.host, to.port)} on ${this.#vm} was not reached`, {
      why,
    });
  }

  /** sshd would not listen. */
  async port(
    { host, port }: ForwardAddress,
    { facts, others, ask }: Pick<RemotePortQuestion, "others" | "ask"> & { readonly facts: VmFacts },
  ): Promise<DebugtapError> {
    return await explainRemotePort({
      vm: this.#vm,
      host,
      port,
      uid: facts.uid,
      sshdPid: facts.sshdPid,
      others,
      ask,
      sshLine: (rest) => sshLine(this.#target, rest),
    });
  }

  /** `why` is our own doing; else `cause` says. */
  linkLost(why: string | undefined, cause: Error | undefined): DebugtapError {
    return new DebugtapError("DT_LINK_LOST", `the SSH connection to ${this.#vm} was lost`, {
      why: why ?? cause?.message ?? "the other side closed it",
      fix: sshLine(this.#target, "true"),
      ...(cause === undefined ? {} : { cause }),
    });
  }
}
