// Which sshd process serves this relay on a Host, written down so that a later relay can end what this one leaves when it
// crashes.
//
// Rules
// - One file for each Host, relay and connection, `<name>-<hash>.<relay pid>.json` and `….exec.json`, mode 0600: relays that run
//   side by side never write to the same file. It holds { bootId, sshdPid, sshdStart, relayPid, relayStart, relayHost }.
// - A record counts as left behind only if it was written on this machine and its relay is dead by pid and start time; a
//   directory may be shared between machines. What a live relay uses is never touched.
// - It is a help, never a need: a directory that cannot be written, or a file that cannot be read, stops nothing.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { homedir, hostname } from "node:os";
import { join } from "node:path";
import { sshdProcess } from "./evict.ts";
import type { SshdProcess } from "./evict.ts";
import { errnoOf, ignore } from "./tcp.ts";

export interface HostRecord extends SshdProcess {
  readonly relayPid: number;
  /** As `sshdStart`, on this machine; "" where there is no /proc. */
  readonly relayStart: string;
  readonly relayHost: string;
}

export interface LeftRecord extends HostRecord {
  readonly file: string;
}

export interface HostKey {
  readonly name: string;
  readonly destination: string;
  readonly configFile?: string;
}

export interface FoundRecords {
  /** Of relays that are no more. */
  readonly left: readonly LeftRecord[];
  /** Of relays that run now, besides us. */
  readonly live: readonly HostRecord[];
}

/** $XDG_STATE_HOME/debugtap/hosts, else below ~/.local/state. */
export function defaultStateDir(): string {
  const state = process.env["XDG_STATE_HOME"];
  return join(state === undefined || state === "" ? join(homedir(), ".local/state") : state, "debugtap/hosts");
}

export class HostRecords {
  readonly #dir: string;
  readonly #prefix: string;
  #writing: Promise<void> = Promise.resolve();

  constructor(dir: string, host: HostKey) {
    const identity = JSON.stringify([host.name, host.destination, host.configFile ?? ""]);
    const hash = createHash("sha256").update(identity).digest("hex").slice(0, 12);
    this.#dir = dir;
    this.#prefix = `${host.name.replaceAll(/[^\w.-]/g, "_").slice(0, 64)}-${hash}.`;
  }

  async find(): Promise<FoundRecords> {
    const left: LeftRecord[] = [];
    const live: HostRecord[] = [];
    const names = await readdir(this.#dir).catch(() => []);
    for (const name of names) {
      if (!name.startsWith(this.#prefix) || !/^\d{1,10}(?:\.exec)?\.json$/.test(name.slice(this.#prefix.length)))
        continue;
      const file = join(this.#dir, name);
      const record = parseRecord(await readFile(file, "utf8").catch(() => ""));
      if (record === undefined || record.relayHost !== hostname()) continue;
      if (isSelf(record)) continue;
      if (processStart(record.relayPid) === record.relayStart) live.push(record);
      else left.push({ ...record, file });
    }
    return { left, live };
  }

  /** Writes down who serves a connection of ours now. */
  async write(sshd: SshdProcess, lane: "debug" | "exec"): Promise<void> {
    const record: HostRecord = {
      bootId: sshd.bootId,
      sshdPid: sshd.sshdPid,
      sshdStart: sshd.sshdStart,
      relayPid: process.pid,
      relayStart: processStart(process.pid) ?? "",
      relayHost: hostname(),
    };
    const file = this.#own(lane);
    await this.#inTurn(async () => {
      await mkdir(this.#dir, { recursive: true, mode: 0o700 });
      // Renamed, so that a crash leaves the old record or the new one, never half of one.
      await writeFile(`${file}.new`, `${JSON.stringify(record)}\n`, { mode: 0o600 });
      await rename(`${file}.new`, file);
    });
  }

  /** What was left behind has been ended. */
  async forget(left: readonly LeftRecord[]): Promise<void> {
    await this.#inTurn(async () => {
      const own = new Set([this.#own("debug"), this.#own("exec")]);
      for (const { file } of left) if (!own.has(file)) await rm(file, { force: true });
    });
  }

  /** A connection was closed in order, or its process was ended: nothing of it is left there. */
  async remove(lane: "debug" | "exec"): Promise<void> {
    await this.#inTurn(async () => await rm(this.#own(lane), { force: true }));
  }

  /** Resolves when all is written. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  #own(lane: "debug" | "exec"): string {
    return join(this.#dir, `${this.#prefix}${process.pid}${lane === "exec" ? ".exec" : ""}.json`);
  }

  async #inTurn(write: () => Promise<void>): Promise<void> {
    this.#writing = this.#writing.then(write).catch(ignore);
    await this.#writing;
  }
}

/** Undefined for what is no record, or not ours in shape. */
function parseRecord(text: string): HostRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { relayPid, relayStart, relayHost, ...rest } = value as Partial<HostRecord>;
  const sshd = sshdProcess(rest);
  if (sshd === undefined || typeof relayPid !== "number" || !Number.isSafeInteger(relayPid) || relayPid < 1) {
    return undefined;
  }
  if (typeof relayStart !== "string" || typeof relayHost !== "string") return undefined;
  return { ...sshd, relayPid, relayStart, relayHost };
}

function isSelf({ relayPid, relayStart }: HostRecord): boolean {
  return relayPid === process.pid && relayStart === processStart(process.pid);
}

/** When a process began, "" if the system does not say; undefined if it is no more. `pid (comm) state ppid …` */
function processStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" ? undefined : fields[18]; // field 22
  } catch {
    // No such process, or no /proc at all.
    if (process.platform === "linux") return undefined;
  }
  try {
    process.kill(pid, 0);
    return "";
  } catch (error) {
    return errnoOf(error) === "EPERM" ? "" : undefined;
  }
}
