// The link to a Host: SSH connections that come and go, as one thing that stays.
//
// Rules
// - It tries for ever: outage.ts says when, guard.ts finds out that a connection is no more, leftovers.ts ends what it left.
// - The first command of a connection ends what the last one left on the VM, brings the facts, and goes out together with
//   all remote forwards. `up` means that all of them have their ports, or that it was told which have not.
// - The state is what is known: a link that is silent is found out within seconds, and its streams are lost at once.
// - Settings are read anew (`ssh -G`) for each attempt but the first after a link was lost: that one is in a hurry.
import { DebugtapError, asDebugtapError } from "../../protocol/errors.ts";
import type { Dial, Listen } from "../duplex.ts";
import { systemClock } from "./clock.ts";
import type { Clock } from "../clock.ts";
import { ExecLane } from "./exec-lane.ts";
import { Guard } from "./guard.ts";
import type { HostLink, LinkState, SupervisorOptions } from "./host-link.ts";
import { HostRecords, defaultStateDir } from "./host-records.ts";
import { Leftovers } from "./leftovers.ts";
import { watchNetwork } from "./network.ts";
import { Outage } from "./outage.ts";
import { RemoteForwards } from "./remote-forwards.ts";
import type { Freeing } from "./remote-forwards.ts";
import type { ExecOptions, ExecResult } from "./remote-exec.ts";
import type { RemoteFiles } from "./remote-files.ts";
import { resolveSshTarget } from "./ssh-config.ts";
import type { SshTarget } from "./ssh-config.ts";
import { hostPort, ignore } from "./tcp.ts";
import { connectTunnel } from "./ssh-tunnel.ts";
import type { ForwardAddress, SupervisedTunnel, TunnelTarget } from "./tunnel.ts";
import { parseFacts } from "./vm-facts.ts";
import type { VmFacts } from "./vm-facts.ts";
import { Waiters } from "./waiters.ts";

const waitMs = 10_000;
/** A link that was up for less than this did not make up for the failures before it. */
const steadyMs = 500;
const networkEveryMs = { up: 5000, down: 2000 };

/** Begins to connect at once; errors are states, never exceptions. */
export function superviseHost(target: TunnelTarget, options: SupervisorOptions): HostLink {
  const supervisor = new Supervisor(target, options);
  supervisor.start();
  return supervisor;
}

class Supervisor implements HostLink {
  readonly #target: TunnelTarget;
  readonly #options: SupervisorOptions;
  readonly #clock: Clock;
  readonly #leftovers: Leftovers;
  readonly #forwards: RemoteForwards;
  readonly #lane: ExecLane;
  readonly #waiters: Waiters;
  readonly #guard: Guard;
  readonly #outage: Outage;
  readonly #stopped = new AbortController();
  #state: LinkState = { state: "connecting", attempt: 1 };
  #facts: VmFacts = parseFacts("");
  #resolved: SshTarget | undefined;
  #tunnel: SupervisedTunnel | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopNetwork: () => void = ignore;

  constructor(target: TunnelTarget, options: SupervisorOptions) {
    this.#target = target;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#leftovers = new Leftovers(new HostRecords(options.stateDir ?? defaultStateDir(), target));
    this.#waiters = new Waiters(this.#clock, target.name, options.waitMs ?? waitMs);
    this.#forwards = new RemoteForwards({
      clock: this.#clock,
      onProblem: (at, problem) => options.onForward?.(at, problem),
      free: async (tunnel) => await this.#leftovers.free(tunnel),
      explain: async (tunnel, at) => await tunnel.explainPort(at, await this.#leftovers.others()),
    });
    this.#lane = new ExecLane({
      ready: async (what) => await this.#ready(what),
      open: async () => await this.#connect(),
      clock: this.#clock,
      onOpen: (sshd) => this.#leftovers.laneOpened(sshd),
      onClose: (sshd, left) => void this.#leftovers.laneClosed(sshd, left, this.#tunnel),
    });
    this.#outage = new Outage({
      clock: this.#clock,
      configFile: target.configFile,
      stopped: this.#stopped.signal,
      because: (reason, final) => this.#because(reason, final),
      onDown: (state) => this.#become(state),
    });
    this.#guard = new Guard({
      clock: this.#clock,
      busy: options.busy,
      connect: async () => await this.#connect(),
      onDegraded: (degraded, rtt) => {
        if (this.#state.state === "connecting") return;
        this.#become({ state: degraded ? "degraded" : "up", since: this.#clock.wall(), rtt });
      },
    });
  }

  start(): void {
    this.#stopNetwork = watchNetwork({
      clock: this.#clock,
      everyMs: () => (this.#tunnel === undefined ? networkEveryMs.down : networkEveryMs.up),
      changed: () => this.poke("the network changed"),
      ...(this.#options.network === undefined ? {} : { fingerprint: this.#options.network }),
    });
    this.#running = this.#run();
  }

  get state(): LinkState {
    const { state } = this.#state;
    const { rtt } = this.#guard;
    return rtt !== undefined && (state === "up" || state === "degraded") ? { ...this.#state, rtt } : this.#state;
  }

  get facts(): VmFacts {
    return this.#facts;
  }

  dial(to: ForwardAddress): Dial {
    return async (signal) => {
      const deadline = this.#waiters.deadline();
      for (;;) {
        const tunnel = await this.#ready(hostPort(to.host, to.port), deadline, signal);
        this.#guard.suspect(); // whoever dials wants to know now whether it is there
        try {
          return await tunnel.dial(to)(signal);
        } catch (error) {
          // Nobody has had the connection yet, so it may be made again on the next link.
          if (tunnel.lost === undefined || signal.aborted) throw error;
        }
      }
    };
  }

  listen(at: ForwardAddress): Listen {
    return this.#forwards.listen(at);
  }

  async exec(command: string, options?: ExecOptions): Promise<ExecResult> {
    return await this.#lane.run(command, options);
  }

  get files(): RemoteFiles {
    return this.#lane.files;
  }

  poke(why: string): void {
    this.#guard.suspect();
    this.#outage.poke(why);
  }

  async close(): Promise<void> {
    if (this.#stopped.signal.aborted) return await this.#running;
    const closed = this.#closedError();
    this.#stopped.abort();
    this.#stopNetwork();
    this.#because(closed, true);
    const [clean] = await Promise.all([this.#tunnel?.close(), this.#lane.close(), this.#guard.dropSpare()]);
    await this.#running;
    await this.#leftovers.close(clean === true);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    await this.#leftovers.inherit();
    for (let attempt = 1; !signal.aborted; attempt++) {
      const why = this.#outage.attempt();
      this.#become({ state: "connecting", attempt, ...(why === undefined ? {} : { why }) });
      const { reason, wasUp } = await this.#attempt();
      if (signal.aborted) return;
      if (!wasUp) this.#resolved = undefined;
      await this.#outage.pauseAfter(reason);
      if (wasUp || this.#outage.poked) attempt = 0;
    }
  }

  /** One connection, from the first packet to its end. Never rejects. */
  async #attempt(): Promise<{ reason: DebugtapError; wasUp: boolean }> {
    let upAt: number | undefined;
    let tunnel: SupervisedTunnel | undefined;
    try {
      this.#outage.uses(undefined);
      this.#resolved ??= await resolveSshTarget(this.#target);
      this.#outage.uses(this.#resolved);
      tunnel = await (this.#guard.takeSpare() ?? this.#connect());
      if (this.#stopped.signal.aborted) {
        await tunnel.close();
        return { reason: this.#closedError(), wasUp: false };
      }
      await this.#restore(tunnel);
      upAt = this.#clock.now();
      this.#outage.over();
      this.#become({ state: "up", since: this.#clock.wall() });
      this.#waiters.ready(tunnel);
      const reason = await tunnel.closed;
      return { reason: reason ?? this.#closedError(), wasUp: true };
    } catch (thrown) {
      return { reason: tunnel?.lost ?? asDebugtapError(thrown), wasUp: false };
    } finally {
      this.#guard.stop();
      this.#tunnel = undefined;
      this.#forwards.lost();
      void this.#lane.suspect();
      if (upAt !== undefined && this.#clock.now() - upAt >= steadyMs) this.#outage.reset();
    }
  }

  async #connect(): Promise<SupervisedTunnel> {
    const { prompt } = this.#options;
    const target = this.#resolved ?? (await resolveSshTarget(this.#target));
    return await connectTunnel(this.#target.name, target, {
      signal: this.#stopped.signal,
      ...(prompt === undefined ? {} : { prompt }),
    });
  }

  async #restore(tunnel: SupervisedTunnel): Promise<void> {
    this.#tunnel = tunnel;
    this.#guard.start(tunnel);
    const evict = this.#leftovers.all();
    // Also for a process that died by itself: it may hold its ports a moment longer.
    let freeing: Freeing = evict.length === 0 ? "no" : "under way";
    const learn = async (): Promise<void> => {
      await tunnel.learnFacts(evict);
      if (freeing !== "no") freeing = "done";
    };
    await Promise.all([learn(), this.#forwards.restore(tunnel, () => freeing)]);
    if (tunnel.lost !== undefined) throw tunnel.lost;
    this.#facts = tunnel.facts;
    this.#leftovers.replaced(evict, tunnel);
  }

  async #ready(what: string, deadline = this.#waiters.deadline(), signal?: AbortSignal): Promise<SupervisedTunnel> {
    this.#outage.hurry();
    return await this.#waiters.wait(what, deadline, signal);
  }

  #because(reason: DebugtapError, final: boolean): void {
    this.#waiters.because(reason, final);
    this.#forwards.setFinal(final ? reason : undefined);
  }

  #become(state: LinkState): void {
    this.#state = state;
    this.#options.onState(state);
  }

  #closedError(): DebugtapError {
    return new DebugtapError("DT_LINK_LOST", `the link to ${this.#target.name} is closed`, {
      why: "debugtap closed it",
    });
  }
}
