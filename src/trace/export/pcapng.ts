// A trace as a pcapng capture for Wireshark: a packet a message, with its dissector, its session and its direction.
//
//   Section Header      0A0D0D0A  byte order, version 1.0, who wrote it
//   Interface           1         one a session and side: link type 252, its name `cinder-api#1 client`, times in nanoseconds
//   Enhanced Packet     6         interface, time, lengths, data, comment
//   data                          link type 252, WIRESHARK_UPPER_PDU: tags (u16 type, u16 length, value), big-endian, then the message
//     12 dissector name · 20/21 IPv4 addresses · 0 end of tags
//
// Rules
// - A DAP message is dissected as JSON, from its body; a session of wire `raw` that begins with a request as HTTP; the rest as text.
// - Addresses are made up, since a session has none of its own on both sides: 10.0.0.N is the debuggee of session N, 10.1.0.N its client.
// - A hit is a packet of its own, JSON, with the comment `hit cinder-api#1:3 …`, as `debugtap show TRACE` takes it.
// - Wireshark takes packets of 262,144 bytes: of a longer one it has the beginning, and its whole length.
import { summarizeHit } from "../../../protocol/hit-summary.ts";
import { frameBody, type Side } from "../../../protocol/frame.ts";
import { describeFrame } from "../../../protocol/describe.ts";
import type { SessionFacts } from "../../observer.ts";
import type { Trace, TraceHit, TraceMessage } from "../reader.ts";

const upperPdu = 252;
const mostData = 262_144 - 256;
const encoder = new TextEncoder();
const latin1 = new TextDecoder("latin1");
const tags = { end: 0, dissector: 12, sourceAddress: 20, destinationAddress: 21 } as const;
const options = { end: 0, comment: 1, name: 2, userApplication: 4, resolution: 9 } as const;

/** `items`: messages and hits in order of time. */
export async function* toPcapng(
  trace: Trace,
  items: AsyncIterable<TraceMessage | TraceHit>,
): AsyncGenerator<Uint8Array> {
  yield sectionHeader(trace.manifest?.version ?? "");
  const interfaces = new Map<string, number>();
  const http = new Map<number, boolean>();
  for await (const item of items) {
    const { session } = item;
    const side = "hit" in item ? "debuggee" : item.side;
    const name = `${session.name} ${"hit" in item ? "hits" : side}`;
    let number = interfaces.get(name);
    if (number === undefined) {
      number = interfaces.size;
      interfaces.set(name, number);
      yield interfaceDescription(name);
    }
    if (!("hit" in item) && !http.has(session.id)) http.set(session.id, isHttp(item));
    yield "hit" in item ? hitPacket(number, item) : messagePacket(number, item, http.get(session.id) === true);
  }
}

function hitPacket(number: number, { session, hit, time }: TraceHit): Uint8Array {
  const { where = "?", reason } = summarizeHit(hit);
  const data = encoder.encode(JSON.stringify(hit));
  return packet(
    number,
    time,
    pdu("json", session, "debuggee", data),
    `hit ${session.name}:${hit.number} ${reason} ${where}`,
  );
}

/** Whether the first bytes of a session are a request. */
function isHttp({ session, bytes }: TraceMessage): boolean {
  return session.wire === "raw" && /^[A-Z]{3,20} \S+ HTTP\/1\.[01]\r?\n/.test(latin1.decode(bytes?.subarray(0, 8192)));
}

function messagePacket(
  number: number,
  { session, side, frame, bytes, time }: TraceMessage,
  inHttp: boolean,
): Uint8Array {
  const isJson = frame?.kind === "header" && frameBody(frame)[0] === 123;
  const data = frame === undefined ? (bytes ?? new Uint8Array(0)) : isJson ? frameBody(frame) : frame.bytes;
  const said = frame === undefined ? undefined : describeFrame(frame, side, session.wire);
  const comment = said === undefined ? `${session.name} ${side}` : `${session.name} ${side}: ${said.summary}`;
  const dissector = isJson ? "json" : inHttp ? "http" : "data-text-lines";
  return packet(number, time, pdu(dissector, session, side, data), comment);
}

function pdu(dissector: string, { id }: SessionFacts, side: Side, data: Uint8Array): Uint8Array {
  const debuggee = Uint8Array.of(10, 0, (id >> 8) & 255, id & 255);
  const client = Uint8Array.of(10, 1, (id >> 8) & 255, id & 255);
  const [from, to] = side === "debuggee" ? [debuggee, client] : [client, debuggee];
  return joined([
    tag(tags.dissector, padded(encoder.encode(dissector))),
    tag(tags.sourceAddress, from),
    tag(tags.destinationAddress, to),
    tag(tags.end, new Uint8Array(0)),
    data,
  ]);
}

function tag(type: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + value.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, type);
  view.setUint16(2, value.length);
  bytes.set(value, 4);
  return bytes;
}

function sectionHeader(version: string): Uint8Array {
  const fixed = new Uint8Array(16);
  const view = new DataView(fixed.buffer);
  view.setUint32(0, 0x1a2b3c4d, true);
  view.setUint16(4, 1, true);
  view.setBigInt64(8, -1n, true);
  return block(0x0a0d0d0a, [
    fixed,
    option(options.userApplication, encoder.encode(`debugtap ${version}`)),
    endOfOptions,
  ]);
}

function interfaceDescription(name: string): Uint8Array {
  const fixed = new Uint8Array(8);
  const view = new DataView(fixed.buffer);
  view.setUint16(0, upperPdu, true);
  view.setUint32(4, 0, true);
  const resolution = option(options.resolution, Uint8Array.of(9));
  return block(1, [fixed, option(options.name, encoder.encode(name)), resolution, endOfOptions]);
}

/** `time`: epoch milliseconds. */
function packet(number: number, time: number, data: Uint8Array, comment: string): Uint8Array {
  const kept = data.subarray(0, mostData);
  const nanoseconds = BigInt(Math.round(time * 1000)) * 1000n;
  const fixed = new Uint8Array(20);
  const view = new DataView(fixed.buffer);
  view.setUint32(0, number, true);
  view.setUint32(4, Number(nanoseconds >> 32n), true);
  view.setUint32(8, Number(nanoseconds & 0xffffffffn), true);
  view.setUint32(12, kept.length, true);
  view.setUint32(16, data.length, true);
  const said = option(options.comment, encoder.encode(comment.slice(0, 1000)));
  return block(6, [fixed, padded(kept), said, endOfOptions]);
}

function option(code: number, value: Uint8Array): Uint8Array {
  const head = new Uint8Array(4);
  const view = new DataView(head.buffer);
  view.setUint16(0, code, true);
  view.setUint16(2, value.length, true);
  return joined([head, padded(value)]);
}

const endOfOptions = new Uint8Array(4);

function block(type: number, parts: readonly Uint8Array[]): Uint8Array {
  const length = 12 + parts.reduce((sum, part) => sum + part.length, 0);
  const head = new Uint8Array(8);
  const view = new DataView(head.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, length, true);
  return joined([head, ...parts, head.slice(4)]);
}

/** To a whole number of four bytes. */
function padded(bytes: Uint8Array): Uint8Array {
  const rest = bytes.length % 4;
  return rest === 0 ? bytes : joined([bytes, new Uint8Array(4 - rest)]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
