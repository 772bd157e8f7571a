// A trace of many messages for the suite `replay`, in the format of a closed recording.
//
// Rules
// - It is written by the recorder's own parts, live segments that are sealed, but without its threads: 10 million messages take two minutes.
// - A hit has `messagesOfHit` messages: what an IDE asks at a stop, and lines of output until the next. One message a record, 1 ms apart.
// - Every `rareEvery`th hit is in a function of its own: far apart, so that a way from one to the next is long.
import { join } from "node:path";
import { mkdir } from "node:fs/promises";
import { encodeDap } from "../../protocol/dap.ts";
import type { Side } from "../../protocol/frame.ts";
import type { Hit, SnapshotVariable } from "../../protocol/hit.ts";
import type { SessionFacts } from "../../src/observer.ts";
import { jsonPayload } from "../../src/trace/batch.ts";
import type { Stamp } from "../../src/trace/commit.ts";
import { replaceFile } from "../../src/trace/files.ts";
import { format, topics, type Manifest, type SegmentEntry } from "../../src/trace/format.ts";
import { LiveSegment, type RelayTopic } from "../../src/trace/live-segment.ts";
import { sealSegment } from "../../src/trace/seal.ts";
import { Tally } from "../../src/trace/tally.ts";
import { modelHit, services } from "./model-hit.ts";

export const messagesOfHit = 100;
/** What was asked of the debuggee at each stop, beyond what was captured. */
export const askedExpression = "volume.host";
export const rare = {
  path: "/opt/stack/cinder/cinder/volume/manager.py",
  line: 77,
  function: "delete_volume",
} as const;
export const rareEvery = 10_000;
const version = "bench";
const segmentBytes = 256 * 1024 * 1024;
const commitEvery = 20;

/** Makes `dir`, which must not be there. */
export async function writeTrace(dir: string, hits: number): Promise<void> {
  await mkdir(dir);
  const made = new TraceMaker(dir);
  const sessions = services.map((service, i): SessionFacts => {
    const facts = {
      id: i + 1,
      service,
      ordinal: 1,
      name: `${service}#1`,
      wire: "dap",
      debuggee: "vm",
      client: "ide",
    } as const;
    made.relay(topics.session, { session: facts.id, open: facts });
    return facts;
  });
  for (let number = 1; number <= hits; number++) {
    const facts = sessions[number % sessions.length];
    if (facts === undefined) break;
    const hit = { ...hitOf(number, made.now), session: facts.name, service: facts.service };
    for (const [i, { side, bytes }] of conversation(number, hit).entries()) {
      made.message(facts, side, bytes);
      // The capture is over after the first answers.
      if (i === 0) made.relay(topics.hit, { session: facts.id, hit });
    }
    if (number % commitEvery === 0) await made.commit();
  }
  await made.close();
}

class TraceMaker {
  readonly #dir: string;
  readonly #started = Date.now();
  readonly #tally = new Tally();
  readonly #sealed: SegmentEntry[] = [];
  #live: LiveSegment;
  #records = 0;
  #messages = 0;
  #last = 0n;

  constructor(dir: string) {
    this.#dir = dir;
    this.#live = new LiveSegment(dir, 1, version);
  }

  /** Epoch milliseconds of the next message. */
  get now(): number {
    return this.#started + this.#messages;
  }

  message(facts: SessionFacts, side: Side, bytes: Uint8Array): void {
    this.#live.chunk(facts, side, this.#stamp(), bytes);
    this.#messages++;
  }

  relay(topic: RelayTopic, value: unknown): void {
    this.#live.relay(topic, this.#stamp(), jsonPayload(value));
  }

  async commit(): Promise<void> {
    this.#live.commit(this.#stamp());
    if (this.#live.bytes >= segmentBytes) await this.#seal();
  }

  async close(): Promise<void> {
    this.#live.commit(this.#stamp());
    await this.#seal();
    this.#live.close();
    const manifest: Manifest = {
      format,
      version,
      id: version,
      started: this.#started,
      pid: process.pid,
      ended: this.now,
      segments: this.#sealed,
    };
    replaceFile(join(this.#dir, "manifest.json"), JSON.stringify(manifest));
  }

  async #seal(): Promise<void> {
    const { number } = this.#live;
    this.#live.close();
    this.#sealed.push(await sealSegment({ dir: this.#dir, number, version, tally: this.#tally }));
    this.#live = new LiveSegment(this.#dir, number + 1, version);
  }

  /** Of a record: strictly rising. */
  #stamp(): Stamp {
    const now = BigInt(this.now) * 1_000_000n;
    this.#last = now > this.#last ? now : this.#last + 1n;
    return { sequence: ++this.#records >>> 0, logTime: this.#last, publishTime: this.#last };
  }
}

function hitOf(number: number, at: number): Hit {
  const service = number % services.length;
  const hit = modelHit(number, service, Math.ceil(number / services.length), at, 0);
  const { frames, ...rest } = hit.snapshot;
  const [top, ...callers] = frames;
  const { path, line, function: name } = rare;
  const shown =
    top === undefined ? frames : [number % rareEvery === 0 ? { ...top, path, line, name } : top, ...callers];
  // Of different depths, so that there are callers to step out to.
  return { ...hit, snapshot: { ...rest, frames: shown, cut: { by: "frames", of: 43 + (number % 3) } } };
}

interface Said {
  readonly side: Side;
  readonly bytes: Uint8Array;
}

/** What an IDE and the debuggee say at a stop and until the next: `messagesOfHit` messages. */
function conversation(number: number, { thread, snapshot: { frames } }: Hit): Said[] {
  const said: Said[] = [];
  let seq = number * messagesOfHit;
  const event = (name: string, body: object): void => {
    said.push({ side: "debuggee", bytes: encodeDap({ seq: seq++, type: "event", event: name, body }) });
  };
  const ask = (command: string, args: object, body: object): void => {
    said.push({ side: "client", bytes: encodeDap({ seq, type: "request", command, arguments: args }) });
    const response = { seq: seq + 1, type: "response", request_seq: seq, success: true, command, body };
    said.push({ side: "debuggee", bytes: encodeDap(response) });
    seq += 2;
  };
  const variables = (all: readonly SnapshotVariable[]): object => ({
    variables: all.map(({ name, type, value, children }, i) => ({
      name,
      type,
      value,
      variablesReference: children === undefined ? 0 : 100 + i,
    })),
  });
  const locals = frames[0]?.scopes?.[0]?.variables ?? [];
  const threadId = Number(thread.id);
  event("stopped", { reason: "breakpoint", threadId, allThreadsStopped: true });
  const stackFrames = frames.map(({ name, path, line }, i) => ({ id: i + 1, name, source: { path }, line, column: 1 }));
  ask("stackTrace", { threadId }, { stackFrames, totalFrames: stackFrames.length });
  ask("scopes", { frameId: 1 }, { scopes: [{ name: "Locals", variablesReference: 10, expensive: false }] });
  ask("variables", { variablesReference: 10 }, variables(locals));
  ask("variables", { variablesReference: 101 }, variables(locals[1]?.children ?? []));
  ask(
    "evaluate",
    { expression: askedExpression, frameId: 1, context: "watch" },
    { result: `'cinder@lvm#${number}'`, type: "str", variablesReference: 0 },
  );
  ask("continue", { threadId }, { allThreadsContinued: true });
  while (said.length < messagesOfHit)
    event("output", { category: "stdout", output: `${number} ${said.length} volume is being created\n` });
  return said;
}
