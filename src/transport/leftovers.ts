// The sshd processes of ours that may still run on a VM: lost connections of this relay, and of relays that crashed.
//
// Rules
// - The first command of the next connection ends all of them, also those that may have died by themselves.
// - A connection that is there is written down, so that a later relay can end what this one leaves.
// - A relay beside us may crash at any time: when a port is taken, its records are looked for again.
import { firstCommand, sshdProcess } from "./evict.ts";
import type { SshdProcess } from "./evict.ts";
import type { HostRecord, HostRecords, LeftRecord } from "./host-records.ts";
import { ignore } from "./tcp.ts";
import type { SupervisedTunnel } from "./tunnel.ts";

export class Leftovers {
  readonly #records: HostRecords;
  /** Of this relay, the connection that is there among them. */
  #own: SshdProcess[] = [];
  #inherited: readonly LeftRecord[] = [];

  constructor(records: HostRecords) {
    this.#records = records;
  }

  /** Finds what earlier relays wrote down. */
  async inherit(): Promise<void> {
    this.#inherited = (await this.#records.find()).left;
  }

  /** What the next connection has to end. */
  all(): readonly SshdProcess[] {
    return [...this.#own, ...this.#inherited];
  }

  /** Relays beside us that run now. */
  async others(): Promise<readonly HostRecord[]> {
    return (await this.#records.find()).live;
  }

  /** A connection is there, and `ended` are no more. */
  replaced(ended: readonly SshdProcess[], { facts }: SupervisedTunnel): void {
    const sshd = sshdProcess(facts);
    this.#own = this.#own.filter((each) => !ended.includes(each));
    if (sshd === undefined) return;
    this.#own.push(sshd);
    void this.#records.write(sshd, "debug");
    void this.#records.forget(this.#inherited);
    this.#inherited = [];
  }

  laneOpened(sshd: SshdProcess): void {
    void this.#records.write(sshd, "exec");
  }

  /** `left`: its process may still run there. It is ended on `tunnel`, or else with the next connection. */
  async laneClosed(sshd: SshdProcess, left: boolean, tunnel: SupervisedTunnel | undefined): Promise<void> {
    if (left) {
      const answer = await tunnel?.exec(firstCommand([sshd])).catch(ignore);
      if (answer === undefined) this.#own.push(sshd);
    }
    await this.#records.remove("exec");
  }

  /** Ends what relays that crashed since may hold our ports with: true if there was something. */
  async free(tunnel: SupervisedTunnel): Promise<boolean> {
    const { left } = await this.#records.find();
    if (left.length === 0) return false;
    const answer = await tunnel.exec(firstCommand(left)).catch(ignore);
    if (answer !== undefined) await this.#records.forget(left);
    return answer !== undefined;
  }

  /** What could not be told goodbye (not `clean`) still runs there: the next relay needs to know. */
  async close(clean: boolean): Promise<void> {
    await this.#records.remove("exec");
    if (clean) await this.#records.remove("debug");
    await this.#records.settled();
  }
}
