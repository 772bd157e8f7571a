// Makes traces with known content.
import type { Side, Wire } from "../../protocol/frame.ts";
import type { Hit } from "../../protocol/hit.ts";
import type { SessionFacts } from "../../src/observer.ts";
import { openTrace } from "../../src/trace/index.ts";
import type { MessageQuery, TraceMessage, TraceWriter } from "../../src/trace/index.ts";

export function factsOf(id: number, wire: Wire): SessionFacts {
  const ordinal = id;
  return {
    id,
    service: "api",
    ordinal,
    name: `api#${ordinal}`,
    wire,
    debuggee: "vm 127.0.0.1:1",
    client: "127.0.0.1:2",
  };
}

/** The same numbers for the same seed. */
export function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

export interface Sent {
  /** Bytes by `<session> <side>`. */
  readonly bytes: Map<string, Buffer[]>;
  /** `<session> <side> <text>` in the order in which the messages were complete. */
  readonly messages: string[];
}

export function nothingSent(): Sent {
  return { bytes: new Map(), messages: [] };
}

export const wires: readonly Wire[] = ["dap", "pydevd", "raw"];

/** A message that says its number. */
export function frameText(wire: Wire, number: number, padding = ""): string {
  if (wire === "raw") return `${number}${padding}`;
  const text = `{"seq":${number},"type":"event","event":"x${padding}"}`;
  return wire === "dap" ? `Content-Length: ${text.length}\r\n\r\n${text}` : `101\t${number}\t${padding}\n`;
}

/** Sends `count` messages of three sessions, one on each wire, cut anywhere. */
export function sendSome(writer: TraceWriter, sent: Sent, count: number, seed: number, maxPadding = 300): void {
  const next = random(seed);
  for (let i = 0; i < count; i++) {
    const id = 1 + next(3);
    const wire = wires[id - 1] ?? "raw";
    const side: Side = next(2) === 0 ? "client" : "debuggee";
    const text = frameText(wire, i, "p".repeat(next(maxPadding)));
    const bytes = Buffer.from(text);
    const key = `${id} ${side}`;
    sent.bytes.set(key, [...(sent.bytes.get(key) ?? []), bytes]);
    sent.messages.push(`${key} ${text}`);
    const cut = wire === "raw" ? 0 : next(bytes.length);
    if (cut > 0) writer.chunk(id, side, bytes.subarray(0, cut));
    writer.chunk(id, side, bytes.subarray(cut));
  }
}

export function openAll(writer: TraceWriter): void {
  wires.forEach((wire, i) => writer.session(factsOf(i + 1, wire)));
}

export function textOf({ session, side, frame, bytes }: TraceMessage): string {
  return `${session.id} ${side} ${Buffer.from(frame?.bytes ?? bytes ?? []).toString()}`;
}

/** Everything that a reader gets out of a trace. */
export async function readAll(dir: string, query: MessageQuery = {}) {
  const trace = await openTrace(dir);
  try {
    const messages: TraceMessage[] = [];
    for await (const message of trace.messages(query)) messages.push(message);
    const sessions = trace.sessions();
    return { messages, texts: messages.map(textOf), sessions, problems: [...trace.problems], count: trace.count() };
  } finally {
    trace.close();
  }
}

/** A hit of `api#<id>`; `value` is that of its one variable. */
export function hitOf(id: number, number: number, value = "1"): Hit {
  return {
    number,
    session: `api#${id}`,
    service: "api",
    at: 1_790_000_000_000 + number,
    thread: { id: 7, name: "MainThread" },
    reason: "breakpoint",
    correlated: { "context.request_id": "req-1" },
    snapshot: {
      frames: [
        {
          name: "create",
          path: "/opt/app/app.py",
          line: 12,
          scopes: [
            {
              name: "Locals",
              variables: [{ name: "size", type: "int", value, children: [{ name: "real", value: "ö\nß" }] }],
              cut: { by: "items", of: 312 },
            },
          ],
        },
        { name: "handle", path: "/opt/app/wsgi.py", line: 40 },
      ],
      cut: { by: "frames", of: 45 },
      took: 95.4,
    },
  };
}
