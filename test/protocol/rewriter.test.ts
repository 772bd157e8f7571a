import { fc } from "../helpers/property.ts";
import t from "tap";
import { contentLengthFrame, frameBody } from "../../protocol/frame.ts";
import type { Frame } from "../../protocol/frame.ts";
import { Framer } from "../../protocol/framer.ts";
import { peeked, plainName } from "../../protocol/peek.ts";
import { maxStoredLength, Rewriter } from "../../protocol/rewriter.ts";
import type { RewriterOptions } from "../../protocol/rewriter.ts";
import { captures, stream } from "../helpers/captures.ts";
import { cutAt } from "../helpers/feed.ts";

const ascii = (text: string): Uint8Array => Buffer.from(text, "latin1");
const show = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
const framed = (text: string): Uint8Array => contentLengthFrame(ascii(text));
const needle = '{"event":"needle"}';
const unchanged = (): undefined => undefined;

function rewriter(options: Partial<RewriterOptions>): Rewriter {
  return new Rewriter({ framer: new Framer("dap"), names: new Set(["needle", "105"]), rewrite: unchanged, ...options });
}

function run(rewriter: Rewriter, chunks: readonly Uint8Array[]): Buffer {
  return Buffer.concat([...chunks.flatMap((chunk) => rewriter.push(chunk)), ...rewriter.end()]);
}

t.test("a frame with a name is replaced, its neighbours go on as they came", async (t) => {
  const frames = [
    framed("a"),
    framed(`{"seq":1,${needle.slice(1)}`),
    framed("b"),
    framed(needle),
    framed('{"x":"needle"}'),
  ];
  const input = Buffer.concat(frames);
  const asked: string[] = [];
  const rewrite = (frame: Frame): Uint8Array[] | undefined => {
    asked.push(show(frameBody(frame)));
    return frame.bodyEnd - frame.bodyStart > needle.length ? [framed("!")] : undefined;
  };
  const expected = Buffer.concat([framed("a"), framed("!"), framed("b"), framed(needle), framed('{"x":"needle"}')]);
  for (let cut = 0; cut <= input.length; cut++) {
    asked.length = 0;
    const subject = rewriter({ rewrite });
    t.ok(run(subject, [input.subarray(0, cut), input.subarray(cut)]).equals(expected));
    t.same(asked, [`{"seq":1,${needle.slice(1)}`, needle]);
    t.equal(subject.rewritten, 1);
  }
});

t.test("what needs no holding is returned itself", async (t) => {
  const subject = rewriter({});
  const whole = Buffer.concat([framed("a"), framed(needle), framed("b")]);
  t.equal(subject.push(whole)[0], whole, "whole frames");
  const large = framed("x".repeat(1000));
  const [first, second] = [large.subarray(0, 400), large.subarray(400)];
  t.equal(subject.push(first)[0], first, "the beginning of a frame, with the whole window in it");
  t.equal(subject.push(second)[0], second, "the rest of a frame that is cut through");
  t.same(subject.push(new Uint8Array(0)), []);
});

t.test("a stream that is taken up in the middle of a frame", async (t) => {
  const framer = new Framer("dap");
  const asked: string[] = [];
  const first = framed(`${needle}, but its beginning has gone on already`);
  framer.follow(first.subarray(0, 30));
  const subject = rewriter({ framer, rewrite: (frame) => void asked.push(show(frameBody(frame))) });
  const rest = Buffer.concat([first.subarray(30), framed(needle)]);
  t.ok(run(subject, cutAt(rest, [3, 7])).equals(rest));
  t.same(asked, [needle], "the next frame is looked at");
  t.equal(framer.frames, 2, "and the one framer has counted both");
});

t.test("bytes are held no longer than the window needs", async (t) => {
  const subject = rewriter({ window: 10 });
  t.same(subject.push(ascii("Content-Length: 100\r\n")), []);
  t.same(subject.push(ascii("\r\n123456789")), []);
  t.equal(Buffer.concat(subject.push(ascii("0"))).toString(), "Content-Length: 100\r\n\r\n1234567890");
  t.equal(subject.heldBytes, 0);
  t.equal(subject.push(ascii("needle")).length, 1, "a name behind the window is not looked for");
});

t.test("an end or a failure lets go of what is held", async (t) => {
  const ended = rewriter({});
  t.same(ended.push(ascii(`Content-Length: 100\r\n\r\n${needle}`)), []);
  t.equal(show(Buffer.concat(ended.end())), `Content-Length: 100\r\n\r\n${needle}`);

  const framer = new Framer("dap");
  const failed = rewriter({ framer });
  failed.push(ascii("Content-"));
  t.equal(show(Buffer.concat(failed.push(ascii("Nonsense\n\r")))), "Content-Nonsense\n\r");
  t.equal(framer.failure?.code, "DT_FRAME_GARBAGE");
  const chunk = framed(needle);
  t.equal(failed.push(chunk)[0], chunk);
});

t.test("a rewrite that throws, and frames too large to store, change nothing", async (t) => {
  const thrown = rewriter({
    rewrite: () => {
      throw new Error("no");
    },
  });
  t.equal(show(run(thrown, [framed(needle)])), show(framed(needle)));
  t.equal(thrown.rewritten, 0);

  const declared = rewriter({ rewrite: () => [framed("!")] });
  const head = ascii(`Content-Length: ${maxStoredLength + 1}\r\n\r\n${needle}`);
  t.equal(declared.push(head)[0], head, "known from its header: never held");

  const line = rewriter({ framer: new Framer("pydevd"), rewrite: () => [ascii("!\n")] });
  const part = new Uint8Array(1024 * 1024).fill(120);
  let sent = 0;
  let got = 0;
  for (const chunk of [ascii("105\t2\t"), ...Array.from({ length: 18 }, () => part), ascii("\n")]) {
    sent += chunk.length;
    for (const bytes of line.push(chunk)) got += bytes.length;
    t.ok(line.heldBytes <= maxStoredLength);
  }
  t.same([got, line.rewritten], [sent, 0]);
  t.equal(show(run(line, [ascii("105\t2\tx\n")])), "!\n", "the next frame is looked at again");
});

const lengthOf = (frame: Frame): Uint8Array[] => [ascii(`<${frame.bytes.length}>`)];
const bodyText = fc.array(fc.constantFrom(needle, '"command": "needle"', '"event"', "nee", "x", "{", " "), {
  maxLength: 6,
});
const cuts = fc.array(fc.nat(), { maxLength: 10 });

t.test(
  "store mode: every frame is asked about, can be dropped or become many; it begins and ends at a frame's start",
  async () => {
    const input = [framed("a"), framed(needle), ascii("105\t1\tx\n"), framed("b"), ascii("1\t\t\n")];
    const whole = Buffer.concat(input);
    fc.assert(
      fc.property(cuts, fc.nat({ max: input.length }), fc.nat({ max: input.length }), (cuts, from, to) => {
        const subject = rewriter({
          framer: new Framer("pydevd"),
          rewrite: (frame) => (frame.bytes.length % 2 === 0 ? [] : [frame.bytes, frame.bytes]),
        });
        const out = input.flatMap((bytes, i) => {
          subject.all = i >= from && i < to;
          return cutAt(bytes, cuts).flatMap((chunk) => subject.push(chunk));
        });
        const expected = input.flatMap((bytes, i) => {
          const looked = (i >= from && i < to) || i === 1 || i === 2;
          return !looked ? [bytes] : bytes.length % 2 === 0 ? [] : [bytes, bytes];
        });
        return Buffer.concat(out).equals(Buffer.concat(expected)) && !subject.inside;
      }),
    );
    const dropped = rewriter({ framer: new Framer("pydevd"), rewrite: () => [] });
    dropped.all = true;
    t.same(dropped.push(whole), [], "a chunk of frames that are all dropped");
  },
);

t.test("any split of any stream gives the same output, rewritten or not", async () => {
  const frame = fc.oneof(
    bodyText.map((parts) => framed(parts.join(""))),
    fc.constantFrom("1\t2\tx\n", `1\t2\t${needle}\n`, "-1\t105\t\n").map(ascii),
  );
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 6 }), cuts, fc.integer({ min: 1, max: 40 }), (frames, cuts, window) => {
      const subject = rewriter({ framer: new Framer("pydevd"), window, rewrite: lengthOf });
      const expected = frames.map((bytes) => {
        const text = show(bytes);
        // A line is called by its number, whatever stands in it.
        const body = text.includes("\r\n\r\n") ? text.slice(text.indexOf("\r\n\r\n") + 4) : "";
        return /"(?:command|event)": ?"needle"/.test(body.slice(0, window)) ? `<${bytes.length}>` : text;
      });
      return show(run(subject, cutAt(Buffer.concat(frames), cuts))) === expected.join("");
    }),
    { numRuns: 500 },
  );
});

t.test("a name is found by its bytes alone, whatever names were met before", async () => {
  // More names than are kept in mind, and names that differ in one letter or are part of another.
  const name = fc.string({ unit: fc.constantFrom("a", "b", "c", "P", "é"), minLength: 0, maxLength: 5 });
  const pair = fc.tuple(
    fc.constantFrom("command", "event", "commands", "even"),
    fc.constantFrom(":", " : ", ":\t"),
    name,
  );
  fc.assert(
    fc.property(fc.array(pair, { maxLength: 6 }), fc.array(name, { maxLength: 8 }), (pairs, names) => {
      const body = Buffer.from(`{${pairs.map(([key, colon, value]) => `"${key}"${colon}"${value}"`).join(", ")}}`);
      const inBytes = names.map((each) => Buffer.from(each).toString("latin1"));
      const expected = pairs.some(([key, , value]) => /^(command|event)$/.test(key) && names.includes(value));
      return peeked(body, 0, body.length, new Set(inBytes)) === expected;
    }),
    { numRuns: 3000 },
  );
  for (const length of [62, 63, 64, 65]) {
    const long = "x".repeat(length);
    const body = ascii(`{"event":"${long}"}`);
    t.equal(peeked(body, 0, body.length, new Set([long])), length < 64, `${length} letters`);
    t.equal(peeked(body, 0, body.length - 2, new Set([long])), false, "its end is out of the window");
  }
});

t.test("a name is plain where nothing else can be taken for it", async (t) => {
  const names: Record<string, string | undefined> = {
    '{"seq":1,"type":"event","event":"output","body":{"event":"x"}}': "output",
    '{"type" : "event" , "event" : "stopped"}': "stopped",
    '{"type":"response","command":"variables"}': "variables",
    '{"body":{"event":"output"},"event":"stopped"}': undefined,
    '{"tags":[],"event":"stopped"}': undefined,
    '{"event":1,"command":"next"}': "next",
    '{"text":"a { b","event":"stopped"}': undefined,
    [`{"text":"${"x".repeat(256)}","event":"stopped"}`]: undefined,
    "116\t1\tx": "116",
    "116": "",
    "": undefined,
  };
  for (const [text, name] of Object.entries(names)) t.equal(plainName(ascii(text)), name, text.slice(0, 60));
});

t.test("output equals input for every split, of garbage too, when nothing is rewritten", async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 120 }),
    fc.array(bodyText, { maxLength: 4 }).map((all) => Buffer.concat(all.map((parts) => framed(parts.join(""))))),
    fc.string({ maxLength: 60 }).map((text) => Buffer.concat([framed(needle), ascii(text), framed(needle)])),
  );
  fc.assert(
    fc.property(bytes, cuts, fc.constantFrom("dap" as const, "pydevd" as const), (bytes, cuts, wire) =>
      run(rewriter({ framer: new Framer(wire), window: 4 }), cutAt(bytes, cuts)).equals(bytes),
    ),
    { numRuns: 500 },
  );
});

t.test("every recorded session passes a rewriter that rewrites nothing unchanged", async (t) => {
  for (const capture of captures()) {
    for (const side of ["client", "debuggee"] as const) {
      const subject = new Rewriter({
        framer: new Framer(capture.wire),
        names: new Set(["stackTrace", "105"]),
        rewrite: unchanged,
      });
      const sent = capture.sent.filter((sent) => sent.side === side).map((sent) => sent.bytes);
      t.ok(run(subject, sent).equals(stream(capture, side)), `${capture.file} ${side}`);
    }
  }
});
