// What doctor says: one Finding for each thing that was looked at, also where nothing is wrong.
//
// Rules
// - A code names the thing that is looked at, so that `ok` and `wrong` of it are told apart by status alone. Where the rest of
//   debugtap has an error for the same, it is that error's code.
// - `note` is no fault. `unseen` was not looked at, and `why` says what hides it: it is never told as ok.
// - A fix is a line for a shell on this machine, unless it says in words what only a person can do.
import { errorTable, type DebugtapError, type ErrorCode } from "../../protocol/errors.ts";

/** Checked against docs/doctor.md by a test. */
export const doctorTable = {
  DT_DOCTOR_NODE: "this Node runs debugtap",
  DT_DOCTOR_CONFIG: "debugtap.yml can be read",
  DT_DOCTOR_STATE: "the state directory here can be written",
  DT_DOCTOR_DISK: "there is room for traces",
  DT_DOCTOR_IDE: "an IDE listens for a service that dials",
  DT_DOCTOR_LOGIN: "the login by SSH",
  DT_DOCTOR_SESSIONS: "sshd allows the sessions that debugtap opens at once",
  DT_DOCTOR_ALIVE: "sshd notices that a connection is cut",
  DT_DOCTOR_CLOCK: "the clocks here and there agree",
  DT_DOCTOR_SURVEY: "what runs on the host can be looked at",
  DT_DOCTOR_PORT_FOREIGN: "the debug port there is the service's",
  DT_DOCTOR_PROCESS: "the service's process is there",
  DT_DOCTOR_HIDDEN: "the service's environment can be seen",
  DT_DOCTOR_PAIR: "the debugger and eventlet are new enough for this Python",
  DT_DOCTOR_FROZEN: "frozen modules are off",
  DT_DOCTOR_GEVENT: "GEVENT_SUPPORT is set where eventlet or gevent is used",
  DT_DOCTOR_WORKERS: "as many workers run as are asked for",
  DT_DOCTOR_UNDEBUGGED: "each worker has the debugger",
  DT_DOCTOR_THREADS: "uWSGI runs threads",
  DT_DOCTOR_HOOK_FAILED: "the hook has started the debugger",
  DT_DOCTOR_NOT_RESTARTED: "the service was restarted after inject",
  DT_DOCTOR_SOURCE_HERE: "a directory of `source:` is here",
  DT_DOCTOR_SOURCE_THERE: "a directory of `source:` is there",
  DT_DOCTOR_SOURCE_DIFFERS: "the sources here are those that run there",
  DT_DOCTOR_SETTINGS: "the service's settings can be read",
  DT_DOCTOR_RPC_TIMEOUT: "oslo.messaging's rpc_response_timeout",
  DT_DOCTOR_SERVICE_DOWN: "OpenStack's service_down_time",
  DT_DOCTOR_HEARTBEAT: "oslo.messaging's heartbeat_timeout_threshold for RabbitMQ",
  DT_DOCTOR_HARAKIRI: "uWSGI's harakiri",
  DT_DOCTOR_GUNICORN: "gunicorn's timeout",
  DT_DOCTOR_WATCHDOG: "WatchdogSec of the unit",
  DT_DOCTOR_LEFT_INJECT: "what was injected is in use, or known here",
  DT_DOCTOR_LEFT_ADAPTER: "debugpy's adapters have a program to debug",
  DT_DOCTOR_LEFT_SSHD: "no connection of a relay that is gone holds on there",
  DT_DOCTOR_LEFT_STATE: "no record of a relay that is gone is here",
} as const satisfies Record<string, string>;

export type FindingCode = keyof typeof doctorTable | ErrorCode;
export type Status = "ok" | "note" | "wrong" | "unseen";

export interface Finding {
  readonly code: FindingCode;
  /** `this machine`, a host's name, or a service's. */
  readonly subject: string;
  readonly status: Status;
  readonly what: string;
  readonly why?: string;
  readonly fix?: string;
}

type More = Partial<Pick<Finding, "why" | "fix">>;

/** The findings of one subject, as they are made. */
export class Findings {
  readonly list: Finding[] = [];
  readonly #subject: string;

  constructor(subject: string) {
    this.#subject = subject;
  }

  ok(code: FindingCode, what: string): void {
    this.#add("ok", code, what, {});
  }

  note(code: FindingCode, what: string, more: More = {}): void {
    this.#add("note", code, what, more);
  }

  wrong(code: FindingCode, what: string, more: Required<More>): void {
    this.#add("wrong", code, what, more);
  }

  unseen(code: FindingCode, what: string, why: string, fix?: string): void {
    this.#add("unseen", code, what, { why, ...(fix === undefined ? {} : { fix }) });
  }

  /** An error as a finding, with another fix where that is nearer. */
  error({ code, message, why, fix }: DebugtapError, nearer?: string): void {
    const line = nearer ?? fix;
    this.#add("wrong", code, message, {
      ...(why === undefined ? {} : { why }),
      ...(line === undefined ? {} : { fix: line }),
    });
  }

  #add(status: Status, code: FindingCode, what: string, more: More): void {
    this.list.push({ code, subject: this.#subject, status, what, ...more });
  }
}

/** 0: nothing is wrong. 3: a link is. 4: something else is, too or alone. */
export function exitOf(findings: readonly Finding[]): 0 | 3 | 4 {
  const wrong = findings.filter(({ status }) => status === "wrong");
  if (wrong.length === 0) return 0;
  return wrong.every(({ code }) => isOfLink(code)) ? 3 : 4;
}

function isOfLink(code: FindingCode): boolean {
  return Object.entries(errorTable).some(([known, { exit }]) => known === code && exit === 3);
}
