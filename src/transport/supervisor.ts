// The link to a Host: SSH connections that come and go, as one thing that stays.
//
// Rules
// - It tries for ever. Only what trying again cannot mend is final (no key fits, another host key, settings that cannot be
//   read), and only until a file or the network changes, or somebody says so.
// - The first command of a connection ends what the last one left on the VM, brings the facts, and goes out together with
//   all remote forwards. `up` means that all of them have their ports, or that it was told which have not.
// - The state is what is known: a link that is silent is found out within seconds, and its streams are lost at once.
// - While a session is live, the next connection is begun as soon as this one is in doubt: when it is found dead, the other
//   is logged in already; when it answers after all, the other is closed again, and nobody noticed.
// - Settings are read anew (`ssh -G`) for each attempt but the first after a link was lost: that one is in a hurry.
import { DebugtapError, asDebugtapError } from "../../protocol/errors.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import type { Dial, Listen } from "../duplex.ts";
import { Backoff } from "./backoff.ts";
import { systemClock } from "./clock.ts";
import type { Clock } from "../clock.ts";
import { firstCommand, sshdProcess } from "./evict.ts";
import type { SshdProcess } from "./evict.ts";
import { ExecLane } from "./exec-lane.ts";
import { HostRecords, defaultStateDir } from "./host-records.ts";
import type { LeftRecord } from "./host-records.ts";
import { Latency } from "./latency.ts";
import { watchNetwork } from "./network.ts";
import { RemoteForwards } from "./remote-forwards.ts";
import type { ForwardAddress, Freeing } from "./remote-forwards.ts";
import type { ExecOptions, ExecResult } from "./remote-exec.ts";
import type { RemoteFiles } from "./remote-files.ts";
import { settingsFingerprint } from "./settings-files.ts";
import type { Prompt } from "./ssh-auth.ts";
import { resolveSshTarget } from "./ssh-config.ts";
import type { SshTarget } from "./ssh-config.ts";
import { isBarred } from "./ssh-connect.ts";
import { hostPort, ignore } from "./tcp.ts";
import { connectTunnel } from "./tunnel.ts";
import type { SupervisedTunnel, TunnelTarget } from "./tunnel.ts";
import { parseFacts } from "./vm-facts.ts";
import type { VmFacts } from "./vm-facts.ts";
import { Waiters } from "./waiters.ts";
import { watchTunnel } from "./watch.ts";
import type { Watch } from "./watch.ts";

/** `since` and `retryAt` are epoch milliseconds, `rtt` is in milliseconds. */
export type LinkState =
  /** `why`: what a poke said. */
  | { readonly state: "connecting"; readonly attempt: number; readonly why?: string }
  | { readonly state: "up"; readonly since: number; readonly rtt?: number }
  | { readonly state: "degraded"; readonly since: number; readonly rtt: number }
  /** Without `retryAt` it is final until something changes. */
  | { readonly state: "down"; readonly since: number; readonly reason: DebugtapError; readonly retryAt?: number };

export interface SupervisorOptions {
  readonly prompt?: Prompt;
  readonly onState: (state: LinkState) => void;
  /** A remote forward that was open could not be opened again (it is tried further), or is back. */
  readonly onForward?: (at: ForwardAddress, problem: DebugtapError | undefined) => void;
  /** Whether a session is live: then silence is found out sooner. */
  readonly busy: () => boolean;
  /** Else $XDG_STATE_HOME/debugtap/hosts. */
  readonly stateDir?: string;
  /** How long dial and exec wait for a link that is not up; else 10 s. */
  readonly waitMs?: number;
  readonly clock?: Clock;
  /** A text that changes with the network. */
  readonly network?: () => string;
}

export interface HostLink {
  /** With the last round trip's time; `onState` is not called for that alone. */
  readonly state: LinkState;
  /** Of the last connection; all undefined before the first. */
  readonly facts: VmFacts;
  /**
   * As a tunnel's, but waits through an outage. Rejects with the link's reason when it is not up in time, or at once when
   * the reason is final.
   */
  dial(to: ForwardAddress): Dial;
  /** Resolves when first bound; from then on it is bound at each connection, on the same port, until it is closed. */
  listen(at: ForwardAddress): Listen;
  /** On a connection of its own. Waits as dial does. */
  exec(command: string, options?: ExecOptions): Promise<ExecResult>;
  /** On the connection of `exec`, and waits as it does. */
  readonly files: RemoteFiles;
  /** Something changed: try now, or see now whether it is still there. `why` is shown. */
  poke(why: string): void;
  close(): Promise<void>;
}

const waitMs = 10_000;
/** A link that was up for less than this did not make up for the failures before it. */
const steadyMs = 500;
/** Who wants the link shortens a pause to this, not more, or many who want it would make many attempts. */
const hurryMs = 250;
const filesEveryMs = 2000;
const networkEveryMs = { up: 5000, down: 2000 };

const finalCodes: ReadonlySet<ErrorCode> = new Set([
  "DT_SSH_AUTH",
  "DT_SSH_KEY_UNREADABLE",
  "DT_SSH_CONFIG",
  "DT_HOSTKEY_UNKNOWN",
  "DT_HOSTKEY_CHANGED",
  "DT_HOSTKEY_REVOKED",
  "DT_INTERNAL",
]);

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
  readonly #records: HostRecords;
  readonly #forwards: RemoteForwards;
  readonly #lane: ExecLane;
  readonly #waiters: Waiters;
  readonly #backoff = new Backoff();
  readonly #stopped = new AbortController();
  #state: LinkState = { state: "connecting", attempt: 1 };
  #facts: VmFacts = parseFacts("");
  #rtt: number | undefined;
  #resolved: SshTarget | undefined;
  #tunnel: SupervisedTunnel | undefined;
  #watch: Watch | undefined;
  #spare: Promise<SupervisedTunnel> | undefined;
  /** sshd processes of ours that may still run. */
  #left: SshdProcess[] = [];
  /** Those of them that earlier relays wrote down. */
  #inherited: readonly LeftRecord[] = [];
  /** The settings of the last attempt, to see when they change. */
  #settings: { readonly target: SshTarget | undefined; readonly fingerprint: Promise<string> } | undefined;
  #wake: (() => void) | undefined;
  #sleepingSince = 0;
  #poked: string | undefined;
  #downSince: number | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopNetwork: () => void = ignore;

  constructor(target: TunnelTarget, options: SupervisorOptions) {
    this.#target = target;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#records = new HostRecords(options.stateDir ?? defaultStateDir(), target);
    this.#waiters = new Waiters(this.#clock);
    this.#forwards = new RemoteForwards({
      clock: this.#clock,
      onProblem: (at, problem) => options.onForward?.(at, problem),
      free: async (tunnel) => await this.#free(tunnel),
      explain: async (tunnel, at) => await tunnel.explainPort(at, (await this.#records.find()).live),
    });
    this.#lane = new ExecLane({
      open: async () => await this.#connect(),
      clock: this.#clock,
      onOpen: (sshd) => void this.#records.write(sshd, "exec"),
      onClose: (sshd, left) => void this.#laneClosed(sshd, left),
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
    return this.#rtt !== undefined && (state === "up" || state === "degraded")
      ? { ...this.#state, rtt: this.#rtt }
      : this.#state;
  }

  get facts(): VmFacts {
    return this.#facts;
  }

  dial(to: ForwardAddress): Dial {
    return async (signal) => {
      const deadline = this.#clock.now() + (this.#options.waitMs ?? waitMs);
      for (;;) {
        const tunnel = await this.#ready(deadline, signal, hostPort(to.host, to.port));
        this.#watch?.suspect(); // whoever dials wants to know now whether it is there
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

  async exec(command: string, options: ExecOptions = {}): Promise<ExecResult> {
    const deadline = this.#clock.now() + (this.#options.waitMs ?? waitMs);
    await this.#ready(deadline, undefined, "a command");
    return await this.#lane.run(command, options);
  }

  readonly files: RemoteFiles = {
    stat: async (path) => await this.#withFiles((files) => files.stat(path)),
    read: async (path, limit) => await this.#withFiles((files) => files.read(path, limit)),
    realPath: async (path) => await this.#withFiles((files) => files.realPath(path)),
  };

  async #withFiles<T>(work: (files: RemoteFiles) => Promise<T>): Promise<T> {
    await this.#ready(this.#clock.now() + (this.#options.waitMs ?? waitMs), undefined, "a file");
    return await this.#lane.use(async ({ files }) => await work(files));
  }

  poke(why: string): void {
    this.#backoff.reset();
    this.#watch?.suspect();
    if (this.#state.state !== "down" || this.#stopped.signal.aborted) return;
    this.#poked = why;
    this.#hope(this.#state.reason);
    this.#wake?.();
  }

  async close(): Promise<void> {
    if (this.#stopped.signal.aborted) return await this.#running;
    const closed = this.#closedError();
    this.#stopped.abort();
    this.#stopNetwork();
    this.#wake?.();
    this.#waiters.because(closed, true);
    this.#forwards.setFinal(closed);
    const spare = this.#takeSpare()?.then((tunnel) => tunnel.close(), ignore);
    const [clean] = await Promise.all([this.#tunnel?.close(), this.#lane.close(), spare]);
    await this.#running;
    // What could not be told goodbye still runs there: the next relay needs to know.
    await this.#records.remove("exec");
    if (clean === true) await this.#records.remove("debug");
    await this.#records.settled();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    this.#inherited = (await this.#records.find()).left;
    for (let attempt = 1; !signal.aborted; attempt++) {
      const why = this.#poked;
      this.#poked = undefined;
      this.#become({ state: "connecting", attempt, ...(why === undefined ? {} : { why }) });
      const { reason, wasUp } = await this.#attempt();
      if (signal.aborted) return;
      if (!wasUp) this.#resolved = undefined;
      await this.#pauseAfter(reason);
      if (wasUp || this.#poked !== undefined) attempt = 0;
    }
  }

  /** One connection, from the first packet to its end. Never rejects. */
  async #attempt(): Promise<{ reason: DebugtapError; wasUp: boolean }> {
    let upAt: number | undefined;
    let tunnel: SupervisedTunnel | undefined;
    try {
      this.#settings = this.#look(undefined);
      this.#resolved ??= await resolveSshTarget(this.#target);
      this.#settings = this.#look(this.#resolved);
      tunnel = await (this.#takeSpare() ?? this.#connect());
      if (this.#stopped.signal.aborted) {
        await tunnel.close();
        return { reason: this.#closedError(), wasUp: false };
      }
      await this.#restore(tunnel);
      upAt = this.#clock.now();
      this.#up(tunnel);
      const reason = await tunnel.closed;
      return { reason: reason ?? this.#closedError(), wasUp: true };
    } catch (thrown) {
      return { reason: tunnel?.lost ?? asDebugtapError(thrown), wasUp: false };
    } finally {
      this.#watch?.stop();
      this.#watch = undefined;
      this.#tunnel = undefined;
      this.#forwards.lost();
      void this.#lane.suspect();
      if (upAt !== undefined && this.#clock.now() - upAt >= steadyMs) this.#backoff.reset();
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
    this.#watch = this.#guard(tunnel);
    const evict = [...this.#left, ...this.#inherited];
    // Also for a process that died by itself: it may hold its ports a moment longer.
    let freeing: Freeing = evict.length === 0 ? "no" : "under way";
    const learn = async (): Promise<void> => {
      await tunnel.learnFacts(evict);
      if (freeing !== "no") freeing = "done";
    };
    await Promise.all([learn(), this.#forwards.restore(tunnel, () => freeing)]);
    if (tunnel.lost !== undefined) throw tunnel.lost;
    this.#facts = tunnel.facts;
    const own = sshdProcess(tunnel.facts);
    this.#left = this.#left.filter((each) => !evict.includes(each));
    if (own !== undefined) this.#left.push(own);
    if (own === undefined) return;
    void this.#records.write(own, "debug");
    void this.#records.forget(this.#inherited);
    this.#inherited = [];
  }

  /** A lost connection for commands may have left its process: ended now, or with the next connection. */
  async #laneClosed(sshd: SshdProcess, left: boolean): Promise<void> {
    if (left) {
      const answer = await this.#tunnel?.exec(firstCommand([sshd])).catch(ignore);
      if (answer === undefined) this.#left.push(sshd);
    }
    await this.#records.remove("exec");
  }

  /** A relay beside us may have crashed since. */
  async #free(tunnel: SupervisedTunnel): Promise<boolean> {
    const { left } = await this.#records.find();
    if (left.length === 0) return false;
    const answer = await tunnel.exec(firstCommand(left)).catch(ignore);
    if (answer !== undefined) await this.#records.forget(left);
    return answer !== undefined;
  }

  #guard(tunnel: SupervisedTunnel): Watch {
    const latency = new Latency();
    this.#rtt = undefined;
    const answered = (rtt: number): void => {
      if (this.#tunnel !== tunnel) return;
      this.#dropSpare();
      this.#rtt = rtt;
      if (latency.observe(rtt) && this.#state.state !== "connecting") {
        const since = this.#clock.wall();
        this.#become(latency.degraded ? { state: "degraded", since, rtt } : { state: "up", since, rtt });
      }
    };
    const { busy } = this.#options;
    const doubtful = (): void => {
      if (!busy() || this.#spare !== undefined) return;
      this.#spare = this.#connect();
      this.#spare.catch(ignore);
    };
    return watchTunnel(tunnel, { clock: this.#clock, busy, answered, doubtful });
  }

  #takeSpare(): Promise<SupervisedTunnel> | undefined {
    const spare = this.#spare;
    this.#spare = undefined;
    return spare;
  }

  #dropSpare(): void {
    this.#takeSpare()?.then((tunnel) => tunnel.close(), ignore);
  }

  #up(tunnel: SupervisedTunnel): void {
    this.#downSince = undefined;
    this.#become({ state: "up", since: this.#clock.wall() });
    this.#waiters.ready(tunnel);
  }

  /** Tells why, and waits until it is time to try again. */
  async #pauseAfter(reason: DebugtapError): Promise<void> {
    const now = this.#clock.wall();
    this.#downSince ??= now;
    const down = { state: "down", since: this.#downSince, reason } as const;
    if (!finalCodes.has(reason.code)) {
      const wait = this.#backoff.next(isBarred(reason));
      this.#waiters.because(reason, false);
      this.#become({ ...down, retryAt: now + wait });
      await this.#sleep(wait);
      return;
    }
    this.#waiters.because(reason, true);
    this.#forwards.setFinal(reason);
    this.#become(down);
    const before = await this.#settings?.fingerprint;
    while (await this.#sleep(filesEveryMs)) {
      if ((await this.#look(this.#settings?.target).fingerprint) === before) continue;
      this.#poked ??= "the settings changed";
      break;
    }
    if (this.#stopped.signal.aborted) return;
    this.#hope(reason);
    this.#backoff.reset();
  }

  /** What failed for good may not fail again: those who come from now on wait. */
  #hope(reason: DebugtapError): void {
    this.#waiters.because(reason, false);
    this.#forwards.setFinal(undefined);
  }

  /** False if it was woken, or does not sleep because there is already a reason to go on. */
  async #sleep(ms: number): Promise<boolean> {
    if (this.#stopped.signal.aborted || this.#poked !== undefined) return false;
    this.#sleepingSince = this.#clock.now();
    return await new Promise((resolve) => {
      const end = (full: boolean): void => {
        this.#wake = undefined;
        cancel();
        resolve(full);
      };
      const cancel = this.#clock.after(ms, () => end(true));
      this.#wake = () => end(false);
    });
  }

  #look(target: SshTarget | undefined): { target: SshTarget | undefined; fingerprint: Promise<string> } {
    return { target, fingerprint: settingsFingerprint(this.#target.configFile, target) };
  }

  async #ready(deadline: number, signal: AbortSignal | undefined, what: string): Promise<SupervisedTunnel> {
    this.#hurry();
    return await this.#waiters.wait({
      deadline,
      ...(signal === undefined ? {} : { signal }),
      timeout: () =>
        new DebugtapError("DT_LINK_LOST", `${this.#target.name} is not connected yet`, {
          why: `${what} waited ${this.#options.waitMs ?? waitMs} ms for it`,
        }),
    });
  }

  /** Somebody wants the link: no need to wait out the whole pause, unless the server bars us or trying cannot help. */
  #hurry(): void {
    const state = this.#state;
    if (state.state !== "down" || state.retryAt === undefined || isBarred(state.reason)) return;
    if (this.#clock.now() - this.#sleepingSince >= hurryMs) this.#wake?.();
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
