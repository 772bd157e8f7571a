// Takes the secrets out of records, before any of them is written: wire bytes, hits, and all that the relay itself says.
//
// Rules
// - Each record is masked once, in the order in which records came; what comes out is what may be written.
// - The beginning of a message waits here until its end, the session's or the trace's (see protocol/redact-wire.ts). A line of a stream
//   without messages waits a tenth of a second at most.
// - A record of the relay's own that cannot be masked is left out.
import { isHttpCall } from "../../protocol/http.ts";
import { decodeText, isObject, member, parseJson } from "../../protocol/json.ts";
import type { Side } from "../../protocol/frame.ts";
import { Redactor } from "../../protocol/redact.ts";
import { redactBody } from "../../protocol/redact-http.ts";
import { redactJson, redactWords, type JsonOptions } from "../../protocol/redact-json.ts";
import { WireRedactor } from "../../protocol/redact-wire.ts";
import { jsonPayload, kinds } from "./batch.ts";
import type { PackedRecord } from "./batch.ts";
import { isGap, isNote, parseFacts, sides } from "./format.ts";
import { hitPayload, isHit } from "./hits.ts";
import { httpPayload } from "./http.ts";
import type { SecretOptions } from "./messages.ts";
import { digitsBy } from "./secret-key.ts";
import { maxPayload } from "./slots.ts";

const lineWaits = 100;
const encoder = new TextEncoder();

export class Masking {
  readonly #redactor: Redactor;
  readonly #breathe: () => void;
  /** Of a call. */
  readonly #bodies: JsonOptions = { texts: { key: "text", mask: (text) => redactBody(text, this.#redactor) } };
  readonly #sessions = new Map<number, WireRedactor>();
  /** Sides with a line that waits, and since when. */
  readonly #lines = new Map<string, { readonly session: number; readonly side: Side; readonly since: number }>();

  /** `breathe` is called behind each record. */
  constructor({ key, rules }: SecretOptions, breathe: () => void) {
    this.#breathe = breathe;
    this.#redactor = new Redactor(rules, digitsBy(key));
  }

  /** What may be written now. Payloads may be views of those that were given. */
  mask(records: Iterable<PackedRecord>): PackedRecord[] {
    const out: PackedRecord[] = [];
    for (const record of records) {
      this.#mask(record, out);
      this.#breathe();
    }
    return out;
  }

  /** Lines that have waited long enough at `now`, in the forwarding thread's milliseconds; all of them without it. */
  lines(now = Infinity): PackedRecord[] {
    const out: PackedRecord[] = [];
    for (const [key, { session, side, since }] of this.#lines) {
      if (now - since < lineWaits) continue;
      this.#lines.delete(key);
      push(out, session, side, Number.isFinite(now) ? now : since, this.#sessions.get(session)?.release(side));
    }
    return out;
  }

  /** All that waits, of sessions that have not ended. */
  rest(time: number): PackedRecord[] {
    const out: PackedRecord[] = [];
    for (const session of this.#sessions.keys()) for (const side of sides) this.#break(session, side, time, out);
    return out;
  }

  /** The arguments of a command. */
  words(argv: readonly string[]): string[] {
    return redactWords(argv, this.#redactor);
  }

  #mask(record: PackedRecord, out: PackedRecord[]): void {
    const { kind, session, time, payload } = record;
    if (kind === kinds.client || kind === kinds.debuggee) {
      const side = kind === kinds.client ? "client" : "debuggee";
      push(out, session, side, time, this.#wire(session).push(side, payload));
      this.#waits(session, side, time);
      return;
    }
    const value = parseJson(payload);
    const facts = kind === kinds.open ? parseFacts(member(value, "open")) : undefined;
    if (facts !== undefined) this.#sessions.set(session, new WireRedactor(facts.wire, this.#redactor));
    if (kind === kinds.gap && isGap(value)) this.#break(session, value.side, time, out);
    if (kind === kinds.note && isNote(value) && value.kind === "gap" && value.side !== undefined)
      this.#break(session, value.side, time, out);
    if (kind === kinds.end) {
      for (const side of sides) this.#break(session, side, time, out);
      this.#sessions.delete(session);
    }
    const masked = this.#own(payload, kind === kinds.http ? this.#bodies : {});
    if (masked !== undefined) out.push(masked === payload ? record : { ...record, payload: fitting(session, masked) });
  }

  /** A session that nobody opened is recorded as raw bytes. */
  #wire(session: number): WireRedactor {
    let wire = this.#sessions.get(session);
    if (wire === undefined) this.#sessions.set(session, (wire = new WireRedactor("raw", this.#redactor)));
    return wire;
  }

  #break(session: number, side: Side, time: number, out: PackedRecord[]): void {
    this.#lines.delete(`${session} ${side}`);
    push(out, session, side, time, this.#sessions.get(session)?.gap(side));
  }

  #waits(session: number, side: Side, since: number): void {
    const key = `${session} ${side}`;
    if (this.#sessions.get(session)?.holdsLine(side) !== true) this.#lines.delete(key);
    else if (!this.#lines.has(key)) this.#lines.set(key, { session, side, since });
  }

  #own(payload: Uint8Array, options: JsonOptions): Uint8Array | undefined {
    if (!this.#redactor.mayHold(payload)) return payload;
    try {
      const text = decodeText(payload);
      const masked = redactJson(text, this.#redactor, options);
      return masked === text ? payload : encoder.encode(masked);
    } catch {
      return undefined;
    }
  }
}

/** Markers may be longer than what they stand for. */
function fitting(session: number, payload: Uint8Array): Uint8Array {
  if (payload.length <= maxPayload) return payload;
  const value = parseJson(payload);
  const hit = member(value, "hit");
  if (isHit(hit)) return hitPayload(session, hit, maxPayload);
  const http = member(value, "http");
  if (isHttpCall(http)) return httpPayload(http, maxPayload);
  return jsonPayload(isObject(value) ? value : {});
}

/** A record, or several where it is too long for one. */
function push(out: PackedRecord[], session: number, side: Side, time: number, bytes: Uint8Array | undefined): void {
  if (bytes === undefined) return;
  const kind = side === "client" ? kinds.client : kinds.debuggee;
  for (let at = 0; at === 0 || at < bytes.length; at += maxPayload)
    out.push({
      kind,
      session,
      time,
      payload: bytes.length <= maxPayload ? bytes : bytes.subarray(at, at + maxPayload),
    });
}
