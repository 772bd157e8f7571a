// Traces that older debugtaps wrote open, and say what was recorded: test/golden has one of each format, made by script/golden.mjs.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { McapRecordBuilder } from "@mcap/core";
import t from "tap";
import type { Hit } from "../../protocol/hit.ts";
import type { Trigger } from "../../protocol/trigger.ts";
import { writeCommit } from "../../src/trace/commit.ts";
import { format } from "../../src/trace/format.ts";
import { HitIndex, openTrace } from "../../src/trace/index.ts";
import { program } from "../helpers/relay-process.ts";

const golden = fileURLToPath(new URL("../../../test/golden/", import.meta.url));

interface Golden {
  readonly format: number;
  readonly version: string;
  readonly sessions: readonly { name: string; wire: string; messages: number; hits: number; end?: object }[];
  readonly messages: readonly { session: string; side: string; text: string }[];
  readonly hits: readonly Hit[];
  readonly triggers: readonly Trigger[];
  readonly sources: readonly string[];
}

const formats = Array.from({ length: format }, (_, i) => i + 1);

t.test("there is one of each format, and no other", async (t) => {
  t.strictSame(
    readdirSync(golden).toSorted(),
    formats.flatMap((number) => [`format-${number}`, `format-${number}.json`]).toSorted(),
  );
});

for (const number of formats) {
  t.test(`format ${number}: the sessions, messages and hits that were recorded`, async (t) => {
    const expected = JSON.parse(readFileSync(join(golden, `format-${number}.json`), "utf8")) as Golden;
    // Of its own: a reader may put an index of hits into it.
    const dir = join(t.testdir(), "trace");
    cpSync(join(golden, `format-${number}`), dir, { recursive: true });
    const trace = await openTrace(dir);
    t.teardown(() => trace.close());
    t.match(trace.manifest, { format: number, version: expected.version });
    t.equal(expected.format, number);
    t.strictSame(
      trace.segments.map(({ sealed, format: own }) => ({ sealed, own })),
      [true, false].map((sealed) => ({ sealed, own: number })),
      "sealed and live",
    );
    t.strictSame(
      trace.sessions().map(({ facts: { name, wire }, messages, hits, end }) => {
        return { name, wire, messages, hits, ...(end === undefined ? {} : { end }) };
      }),
      expected.sessions,
    );
    const messages: Golden["messages"][number][] = [];
    for await (const { session, side, frame, bytes } of trace.messages())
      messages.push({ session: session.name, side, text: Buffer.from(frame?.bytes ?? bytes ?? []).toString() });
    t.strictSame(messages, expected.messages);
    const hits: Hit[] = [];
    const sources = new Set<string>();
    for await (const { hit } of trace.hits()) {
      for (const { source } of hit.snapshot.frames) if (source !== undefined) sources.add(source);
      // What a reader puts in, see protocol/hit.ts.
      const added = new Set(["source", "noSource"]);
      hits.push(JSON.parse(JSON.stringify(hit, (key, value) => (added.has(key) ? undefined : value))));
    }
    t.strictSame(hits, expected.hits);
    t.strictSame(
      [...sources].map((sha256) => trace.source(sha256)),
      expected.sources,
    );
    t.strictSame(await trace.triggers(), expected.triggers);
    const index = await HitIndex.open(trace);
    t.equal(index.size, expected.hits.length);
    t.equal((await index.find({ words: ["größer"] })).length, expected.hits.length === 0 ? 0 : 1);
    index.close();
    t.strictSame(trace.problems, []);
    const shown = execFileSync(process.execPath, [program, "show", dir], { encoding: "utf8" });
    for (const { name } of expected.sessions) t.match(shown, name);
  });
}

t.test("one of a newer debugtap is refused in plain words, whichever file says so", async (t) => {
  const parent = t.testdir();
  const refusal = {
    code: "DT_TRACE_NEWER",
    message: /was written by a newer debugtap$/,
    why: `it has format ${format + 1}; this debugtap reads formats up to ${format}`,
    fix: "npm install -g debugtap@latest",
  };
  const manifest = join(parent, "manifest");
  cpSync(join(golden, `format-${format}`), manifest, { recursive: true });
  const text = readFileSync(join(manifest, "manifest.json"), "utf8");
  writeFileSync(join(manifest, "manifest.json"), text.replace(/"format": \d+/, `"format": ${format + 1}`));
  await t.rejects(openTrace(manifest), refusal);

  // What it would have after a crash that left no manifest.
  const segment = join(parent, "segment");
  mkdirSync(segment);
  const builder = new McapRecordBuilder();
  builder.writeMagic();
  builder.writeHeader({ profile: "debugtap", library: "debugtap 9" });
  builder.writeMetadata({ name: "debugtap", metadata: new Map([["format", String(format + 1)]]) });
  const batch = Buffer.from(builder.buffer);
  const commit = writeCommit(batch, 0, { sequence: 1, logTime: 1n, publishTime: 1n });
  writeFileSync(join(segment, "000001.live"), Buffer.concat([batch, commit]));
  await t.rejects(openTrace(segment), refusal);
});
