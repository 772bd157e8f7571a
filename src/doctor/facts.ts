// What was seen, here and on the hosts: all that the checks know. Data alone, so that a check is a function of it.
import type { Config, HostConfig, ServiceConfig } from "../config.ts";
import type { RelayView } from "../../protocol/control.ts";
import type { DebugtapError } from "../../protocol/errors.ts";
import type { Injected } from "../inject/record.ts";
import type { PortOwner } from "../transport/port-owner.ts";
import type { LeftRecord } from "../transport/host-records.ts";
import type { Survey } from "../transport/survey.ts";

export interface PortHere {
  readonly port: number;
  readonly bind: string;
  /** The service or trigger, and whether debugtap opens the port or an IDE. */
  readonly of: string;
  readonly opens: "debugtap" | "ide";
  /** How long the service waits for an IDE, ms. */
  readonly hold: number;
  readonly listening: boolean;
  /** Somebody listens on this address of the same port, and nobody on `bind`. */
  readonly elsewhere?: string;
  readonly owner?: PortOwner;
}

export interface FactsHere {
  /** `20.19.2` */
  readonly node: string;
  readonly config?: Config;
  readonly configError?: DebugtapError;
  readonly stateDir: string;
  /** Why it cannot be written. */
  readonly stateError?: string;
  readonly traceDir: string;
  /** Bytes; undefined where the system does not tell. */
  readonly free?: number;
  readonly ports: readonly PortHere[];
  readonly relays: readonly RelayView[];
  /** What this user's debugtap has put on hosts, and the ID that debugtap.yml's has. */
  readonly injected: readonly Pick<Injected, "id" | "host">[];
  readonly ownId?: string;
}

/** Of one process of the host, what the survey does not have. */
export interface ProcessDetails {
  /** Absent where it is another user's. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Something that listens, or is connected on loopback. */
export interface Socket {
  readonly state: "listen" | "established";
  /** `127.0.0.1`; `*` is every address. */
  readonly address: string;
  readonly local: number;
  readonly remote: number;
  readonly uid: number;
  /** Absent where it is another user's, or sshd's. */
  readonly pid?: number;
}

/** A line of a file of settings that a check asks for; no others are read. */
export interface Setting {
  readonly line: number;
  /** `DEFAULT`, `uwsgi`; "" before the first. */
  readonly section: string;
  /** In lower case. */
  readonly key: string;
  readonly value: string;
}

export interface SettingsFile {
  readonly path: string;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly settings: readonly Setting[];
}

/** debugger and eventlet of an interpreter: name, version, and where it is. */
export interface Package {
  readonly version: string;
  readonly origin: string;
}

export interface InterpreterDetails {
  readonly packages: Readonly<Record<string, Package>>;
  /** Of a virtual environment: its directory, and what the Python below it could lend. */
  readonly venv?: string;
  readonly lendable: readonly string[];
}

/** ~/.cache/debugtap/ID as it is there. */
export interface InjectFolder {
  readonly path: string;
  readonly hasManifest: boolean;
  /** Of services/NAME.json. */
  readonly services: readonly string[];
  /** state/NAME/PID.json of processes that show here: text. */
  readonly states: readonly { readonly service: string; readonly pid: number; readonly text: string }[];
  /** Of processes of this boot in another pid namespace: the pid that it has there. */
  readonly elsewhere: readonly { readonly pid: number; readonly namespace: string }[];
  /** How many there are of processes in this namespace that do not show. */
  readonly gone: number;
}

/** A process in a pid namespace within that of the look, as a container's is. */
export interface InnerProcess {
  readonly pid: number;
  /** As it is called within. */
  readonly innerPid: number;
  /** As states have it; absent where it is another user's. */
  readonly namespace?: string;
}

export interface UnitDetails {
  readonly id: string;
  /** Microseconds; 0 or absent: none. */
  readonly watchdog?: number;
  readonly activeState: string;
}

/** Of the second script, details-script.ts. */
export interface Details {
  /** Epoch seconds there less those here, and how far that may be off; NaN: its `date` said nothing. */
  readonly skew: number;
  readonly skewError: number;
  readonly uid: number;
  /** False: processes of others are not shown at all (/proc is mounted with hidepid). */
  readonly seesAll: boolean;
  readonly processes: ReadonlyMap<number, ProcessDetails>;
  readonly sockets: readonly Socket[];
  readonly names: ReadonlyMap<number, string>;
  readonly files: readonly SettingsFile[];
  /** By interpreter path and PYTHONPATH, a tab between. */
  readonly interpreters: ReadonlyMap<string, InterpreterDetails>;
  readonly folders: readonly InjectFolder[];
  /** False: there is a pid namespace around that of the look, whose processes never show. */
  readonly isOutermost: boolean;
  readonly inner: readonly InnerProcess[];
  readonly units: readonly UnitDetails[];
  readonly sshd?: { readonly pid: number; readonly own: boolean; readonly file: string };
  /** Of the records of relays that are gone, those whose sshd runs on. */
  readonly leftSshd: readonly number[];
}

export type Trial = "allowed" | DebugtapError;

export interface PortTrial {
  readonly port: number;
  /** The service; absent where none is configured and any port was tried. */
  readonly of?: string;
  readonly direction: "out" | "back";
  readonly outcome: Trial;
}

export interface SourceLook {
  readonly local: string;
  readonly remote: string;
  readonly hereExists: boolean;
  readonly thereExists: boolean;
  /** Files that are on both sides. */
  readonly both: number;
  /** Below both, of unequal text, and how many lines differ. */
  readonly differ: readonly { readonly file: string; readonly lines: number }[];
  readonly error?: DebugtapError;
}

export interface FactsThere {
  readonly host: HostConfig;
  readonly services: readonly ServiceConfig[];
  /** `ssh -F FILE vm`; "" is this machine. */
  readonly ssh: string;
  readonly linkError?: DebugtapError;
  /** `debugtap-vm by /home/me/.ssh/id_ed25519` */
  readonly login?: string;
  readonly trials: readonly PortTrial[];
  readonly survey?: Survey;
  readonly details?: Details;
  /** Why there is no survey or there are no details. */
  readonly lookError?: DebugtapError;
  readonly sources: readonly SourceLook[];
  readonly left: readonly LeftRecord[];
}
