// What a page, the command line and scripts ask of a running debugtap, and what they hear: HTTP with JSON, and one WebSocket.
//
//   GET    /api/view                                  ApiView: hosts, services, sessions, triggers, what is recorded
//   GET    /api/traces                                TraceInfo[], the one being recorded first
//   POST   /api/traces            { dir }             opens a directory: TraceInfo
//   GET    /api/traces/ID/hits?HITQUERY               HitPage
//   GET    /api/traces/ID/hits/N                      HitDetail
//   GET    /api/traces/ID/history?path=EXPR&hit=N     HistoryPoint[]: one variable over the hits of that line
//   GET    /api/traces/ID/sources/SHA256              the text of a source, text/plain
//   GET    /api/traces/ID/sessions                    TraceSessionView[]
//   GET    /api/traces/ID/messages?session=NAME&from=N&count=N&text=WORD      MessagePage
//   GET    /api/traces/ID/http                        HttpView[]: requests that went through triggers and raw services
//   POST   /api/traces/ID/replay  ReplayAsk           { address }: an IDE attaches there
//   GET    /api/diff?a=ID&b=ID                        DiffView
//   POST   /api/sessions/NAME/release                 a debuggee that waits for an IDE runs on: Released
//   POST   /api/sessions/NAME/resume  { thread? }     a stopped thread runs on, by its id on the wire, or all of the session: Resumed
//   POST   /api/sessions/NAME/drive   { client }      an IDE may drive, by its number or name: Driving
//   GET    /api/breakpoints                           BreakpointView[]: those that debugtap holds itself
//   PUT    /api/breakpoints       { specs: string[] } sets them in place of those that were
//   POST   /api/recording         { on: boolean }     stops the recording, or begins a new trace: ApiView
//   POST   /api/triggers/ID/again { yes? }            sends a recorded request again: { id } of the new one
//   GET    /api/live                                  WebSocket: LiveMessage as it happens
//   GET    /dap/SERVICE                               WebSocket: DAP, byte for byte that of the service's port
//
// Rules
// - Every request has the token: `Authorization: Bearer TOKEN`, or the cookie that the page got for `/?token=TOKEN`. Host must be the
//   address that it listens on, Origin the same or absent; absent not with the cookie where something changes, nor for a WebSocket.
// - An error is `{ error: Reason }` with 400, 401, 403, 404, 409, 413 or 500. What is asked for and cannot be had now is a 409.
// - A request has at most 64 KB. What acts answers `{}` with more in it only where it is said.
// - Times are epoch milliseconds. Trace ids are names of directories, unique among those that are open; `live` is the one being recorded.
// - Both sides check what they read: a page may be older than its debugtap, and a debuggee's values may be anything.
import type { ClientView, HttpView, RelayEvent, RelayView, TriggerView } from "./control.ts";
import type { Hit } from "./hit.ts";
import type { Trigger } from "./trigger.ts";

export type { HttpView, TriggerView };

export interface ApiView extends RelayView {
  readonly triggers: readonly TriggerView[];
  /** False: nothing is recorded now. */
  readonly recording: boolean;
}

export interface TraceInfo {
  readonly id: string;
  readonly dir: string;
  readonly started: number;
  readonly live: boolean;
  readonly hits: number;
  readonly sessions: number;
  readonly bytes: number;
}

/** One hit as lists show it: the keys of `debugtap hits --json`. */
export interface HitRowView {
  readonly number: number;
  /** `cinder-api#2:1` */
  readonly name: string;
  readonly session: string;
  readonly service: string;
  readonly at: number;
  /** When its thread ran on; absent: it stands, or that was not seen. */
  readonly end?: number;
  readonly thread: string;
  readonly reason: string;
  readonly function?: string;
  readonly file?: string;
  readonly line?: number;
  readonly text?: string;
  readonly breakpoint?: string;
  readonly trigger?: number;
  readonly request?: string;
}

/** As the options of `debugtap hits`; all of them text. */
export interface HitQuery {
  readonly service?: string;
  readonly session?: string;
  readonly file?: string;
  readonly fn?: string;
  readonly request?: string;
  readonly text?: string;
  readonly where?: string;
  readonly since?: string;
  readonly until?: string;
  /** Place of the first, from 0, and how many, at most 10,000. */
  readonly from?: string;
  readonly count?: string;
}

export interface HitPage {
  readonly rows: readonly HitRowView[];
  /** How many there are. */
  readonly total: number;
  /** In the order of their first hits. */
  readonly requests: readonly {
    readonly name: string;
    readonly expression?: string;
    readonly hits: readonly number[];
  }[];
  readonly triggers: readonly Trigger[];
}

export interface HitDetail {
  readonly row: HitRowView;
  readonly hit: Hit;
  /** Numbers of the hits before and after it at its line. */
  readonly previous?: number;
  readonly next?: number;
}

export interface HistoryPoint {
  readonly number: number;
  readonly at: number;
  /** Absent: it was not captured there. */
  readonly value?: string;
}

export interface TraceSessionView {
  readonly name: string;
  readonly service: string;
  readonly wire: "dap" | "pydevd" | "raw";
  readonly first: number;
  readonly last: number;
  readonly messages: number;
  readonly hits: number;
}

export interface MessageView {
  readonly ordinal: number;
  readonly at: number;
  readonly side: "client" | "debuggee";
  readonly size: number;
  /** `setBreakpoints app.py:12` */
  readonly summary: string;
  readonly detail?: unknown;
}

export interface MessagePage {
  readonly messages: readonly MessageView[];
  readonly total: number;
  /** Ordinal to go on with; absent: this was the last. */
  readonly next?: number;
}

/** Where an IDE attaches. */
export interface ReplayAnswer {
  readonly address: string;
}

export interface ReplayAsk {
  readonly service?: string;
  readonly request?: string;
  readonly from?: number;
}

export interface BreakpointView {
  readonly spec: string;
  readonly state: "bound" | "pending" | "failed";
  readonly why?: string;
  readonly hits: number;
}

export interface DiffView {
  readonly equal: boolean;
  readonly lines: readonly { readonly kind: "head" | "same" | "removed" | "added" | "note"; readonly text: string }[];
}

/**
 * view: all of it, at the beginning and when it changed; at most ten a second. event: as in `debugtap up --json`. hit: one was captured, or,
 * with `end`, ran on: it takes the place of the one with its number.
 * http: a request began or ended. missed: so many of these were left out, since the client was slow: what it shows is to be asked for anew.
 */
export type LiveMessage =
  | { readonly type: "view"; readonly view: ApiView }
  | { readonly type: "event"; readonly event: RelayEvent }
  | { readonly type: "hit"; readonly row: HitRowView }
  | { readonly type: "http"; readonly http: HttpView }
  | { readonly type: "missed"; readonly messages: number };

/** Names of sessions. */
export interface Released {
  readonly released: readonly string[];
}

export interface Resumed {
  readonly resumed: readonly string[];
}

export interface Driving {
  readonly driving: readonly { readonly session: string; readonly client: ClientView }[];
}
