// The time without a connection: what is told, and when the next attempt is due.
//
// Rules
// - After a failure that may pass: when the pause is over, or somebody wants the link.
// - Only what trying again cannot mend is final (no key fits, another host key, settings that cannot be read), and only until
//   a file changes.
// - A poke ends either at once: the network changed, or somebody says so.
import type { DebugtapError, ErrorCode } from "../../protocol/errors.ts";
import type { Clock } from "../clock.ts";
import { Backoff } from "./backoff.ts";
import type { LinkState } from "./host-link.ts";
import { settingsFingerprint } from "./settings-files.ts";
import type { SshTarget } from "./ssh-config.ts";
import { isBarred } from "./ssh-connect.ts";

/** Who wants the link shortens a pause to this, not more, or many who want it would make many attempts. */
const hurryMs = 250;
const filesEveryMs = 2000;

const finalCodes: ReadonlySet<ErrorCode> = new Set([
  "DT_SSH_AUTH",
  "DT_SSH_KEY_UNREADABLE",
  "DT_SSH_CONFIG",
  "DT_HOSTKEY_UNKNOWN",
  "DT_HOSTKEY_CHANGED",
  "DT_HOSTKEY_REVOKED",
  "DT_INTERNAL",
]);

type Down = Extract<LinkState, { readonly state: "down" }>;

export interface OutageOptions {
  readonly clock: Clock;
  readonly configFile: string | undefined;
  /** Ends every pause. */
  readonly stopped: AbortSignal;
  /** There is no connection, and why; `final`: nobody needs to wait for one. */
  readonly because: (reason: DebugtapError, final: boolean) => void;
  readonly onDown: (state: Down) => void;
}

export class Outage {
  readonly #options: OutageOptions;
  readonly #backoff = new Backoff();
  #target: SshTarget | undefined;
  /** Of the settings of the last attempt, to see when they change. */
  #settings: Promise<string> | undefined;
  #since: number | undefined;
  /** Until the next attempt begins. */
  #down: Down | undefined;
  #wake: (() => void) | undefined;
  #sleepingSince = 0;
  #poked: string | undefined;

  constructor(options: OutageOptions) {
    this.#options = options;
    options.stopped.addEventListener("abort", () => this.#wake?.());
  }

  /** The next attempt begins. Returns what a poke said. */
  attempt(): string | undefined {
    const why = this.#poked;
    this.#poked = undefined;
    this.#down = undefined;
    return why;
  }

  /** The attempt uses these settings, as far as they are known. */
  uses(target: SshTarget | undefined): void {
    this.#target = target;
    this.#settings = this.#look();
  }

  /** There is a connection. */
  over(): void {
    this.#since = undefined;
  }

  /** The next pause is as short as the first. */
  reset(): void {
    this.#backoff.reset();
  }

  get poked(): boolean {
    return this.#poked !== undefined;
  }

  poke(why: string): void {
    this.reset();
    if (this.#down === undefined || this.#options.stopped.aborted) return;
    this.#poked = why;
    this.#hope(this.#down.reason);
    this.#wake?.();
  }

  /** Somebody wants the link: no need to wait out the whole pause, unless the server bars us or trying cannot help. */
  hurry(): void {
    if (this.#down?.retryAt === undefined || isBarred(this.#down.reason)) return;
    if (this.#options.clock.now() - this.#sleepingSince >= hurryMs) this.#wake?.();
  }

  /** Tells why, and waits until it is time to try again. */
  async pauseAfter(reason: DebugtapError): Promise<void> {
    const { clock, because, stopped } = this.#options;
    const now = clock.wall();
    this.#since ??= now;
    const down = { state: "down", since: this.#since, reason } as const;
    if (!finalCodes.has(reason.code)) {
      const wait = this.#backoff.next(isBarred(reason));
      because(reason, false);
      this.#become({ ...down, retryAt: now + wait });
      await this.#sleep(wait);
      return;
    }
    because(reason, true);
    this.#become(down);
    const before = await this.#settings;
    while (await this.#sleep(filesEveryMs)) {
      if ((await this.#look()) === before) continue;
      this.#poked ??= "the settings changed";
      break;
    }
    if (stopped.aborted) return;
    this.#hope(reason);
    this.reset();
  }

  /** What failed for good may not fail again: those who come from now on wait. */
  #hope(reason: DebugtapError): void {
    this.#options.because(reason, false);
  }

  #become(down: Down): void {
    this.#down = down;
    this.#options.onDown(down);
  }

  /** False if it was woken, or does not sleep because there is already a reason to go on. */
  async #sleep(ms: number): Promise<boolean> {
    const { clock, stopped } = this.#options;
    if (stopped.aborted || this.poked) return false;
    this.#sleepingSince = clock.now();
    return await new Promise((resolve) => {
      const end = (full: boolean): void => {
        this.#wake = undefined;
        cancel();
        resolve(full);
      };
      const cancel = clock.after(ms, () => end(true));
      this.#wake = () => end(false);
    });
  }

  async #look(): Promise<string> {
    return await settingsFingerprint(this.#options.configFile, this.#target);
  }
}
