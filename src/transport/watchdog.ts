// Whether the other end of a connection is still there.
//
// Rules
// - Any received byte is life, whoever caused it. After 1 s without one: a ping, which every SSH server answers. No byte for
//   1.5 s more: dead. While no session is live 5 s and 5 s will do.
// - A ping stands in line behind what was written before it. So what was written since the last byte came gives it more
//   time, at 100 kB/s; else a large upload on a slow line would look dead.
// - A check that comes more than 3 s late, by either clock, means that the machine slept: ping now, 1 s to answer.
// - A ping every 2 s (5 s) even while bytes come, for the round trip time.
/** `checkMs`: how exactly it is known when a byte came, and how soon after waking a sleep is noticed. */
const withSession = { idleMs: 1000, graceMs: 1500, checkMs: 100, probeMs: 2000 };
const withoutSession = { idleMs: 5000, graceMs: 5000, checkMs: 1000, probeMs: 5000 };
const sleepMs = 3000;
const wokenGraceMs = 1000;
const smallBytes = 64 * 1024;
const slowBytesPerMs = 100;
const longestQueueMs = 10_000;

/** What is watched. Byte counts only grow. */
export interface Watched {
  readonly received: number;
  readonly written: number;
  ping(): void;
}

/** Time comes in with each call. */
export class Watchdog {
  readonly #watched: Watched;
  readonly #busy: () => boolean;
  #received: number;
  #writtenThen: number;
  #heardAt: number;
  #probedAt: number;
  /** When the ping went out that nothing has answered yet. */
  #pingedAt: number | undefined;
  #graceMs = 0;
  #due: { now: number; wall: number };

  constructor(watched: Watched, busy: () => boolean, now: number, wall: number) {
    this.#watched = watched;
    this.#busy = busy;
    this.#received = watched.received;
    this.#writtenThen = watched.written;
    this.#heardAt = now;
    this.#probedAt = now;
    this.#due = { now, wall };
  }

  /** Milliseconds until it wants to be called again, or the verdict. */
  check(now: number, wall: number): number | "dead" {
    const limits = this.#busy() ? withSession : withoutSession;
    const slept = Math.max(now - this.#due.now, wall - this.#due.wall) > sleepMs;
    if (this.#watched.received !== this.#received) this.#heard(now);
    if (slept) this.#ping(now, wokenGraceMs);
    else if (this.#pingedAt === undefined) {
      if (now - this.#heardAt >= limits.idleMs || now - this.#probedAt >= limits.probeMs)
        this.#ping(now, limits.graceMs);
    } else if (this.#left(now, limits.graceMs) <= 0) return "dead";
    const wait =
      this.#pingedAt === undefined
        ? Math.min(this.#heardAt + limits.idleMs, this.#probedAt + limits.probeMs) - now
        : this.#left(now, limits.graceMs);
    const next = Math.min(Math.max(Math.ceil(wait), 1), limits.checkMs);
    this.#due = { now: now + next, wall: wall + next };
    return next;
  }

  /** There is reason to doubt: ping now, unless one is under way. */
  suspect(now: number): void {
    if (this.#pingedAt === undefined) this.#ping(now, withSession.graceMs);
    else this.#graceMs = Math.min(this.#graceMs, now - this.#pingedAt + withSession.graceMs);
  }

  silentMs(now: number): number {
    return now - this.#heardAt;
  }

  /** How long a ping has had no answer, nor anything else come. */
  unansweredMs(now: number): number {
    return this.#pingedAt === undefined ? 0 : now - this.#pingedAt;
  }

  #heard(now: number): void {
    this.#received = this.#watched.received;
    this.#writtenThen = this.#watched.written;
    this.#heardAt = now;
    this.#pingedAt = undefined;
  }

  #ping(now: number, graceMs: number): void {
    this.#pingedAt = now;
    this.#probedAt = now;
    this.#graceMs = graceMs;
    this.#watched.ping();
  }

  #left(now: number, graceMs: number): number {
    const queued = Math.max(0, this.#watched.written - this.#writtenThen - smallBytes) / slowBytesPerMs;
    const grace = Math.min(this.#graceMs, graceMs) + Math.min(queued, longestQueueMs);
    return (this.#pingedAt ?? now) + grace - now;
  }
}
