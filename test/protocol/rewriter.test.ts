import fc from "fast-check";
import t from "tap";
import { contentLengthFrame, frameBody } from "../../protocol/frame.ts";
import type { Frame } from "../../protocol/frame.ts";
import { maxStoredLength, Rewriter } from "../../protocol/rewriter.ts";
import type { RewriterOptions } from "../../protocol/rewriter.ts";
import { captures, stream } from "../helpers/captures.ts";
import { cutAt } from "../helpers/feed.ts";

const ascii = (text: string): Uint8Array => Buffer.from(text, "latin1");
const show = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
const framed = (text: string): Uint8Array => contentLengthFrame(ascii(text));
const unchanged = (): undefined => undefined;

function rewriter(options: Partial<RewriterOptions>): Rewriter {
  return new Rewriter({ wire: "dap", names: ["needle"], rewrite: unchanged, ...options });
}

function run(rewriter: Rewriter, chunks: readonly Uint8Array[]): Buffer {
  return Buffer.concat([...chunks.flatMap((chunk) => rewriter.push(chunk)), ...rewriter.end()]);
}

t.test("a frame with a name is replaced, its neighbours go on as they came", async (t) => {
  const frames = [framed("a"), framed('{"x":"needle"}'), framed("b"), framed("needle"), framed("c")];
  const input = Buffer.concat(frames);
  const asked: string[] = [];
  const rewrite = (frame: Frame): Uint8Array | undefined => {
    asked.push(show(frameBody(frame)));
    return frame.bodyEnd - frame.bodyStart > 6 ? framed("!") : undefined;
  };
  const expected = Buffer.concat([framed("a"), framed("!"), framed("b"), framed("needle"), framed("c")]);
  for (let cut = 0; cut <= input.length; cut++) {
    asked.length = 0;
    const subject = rewriter({ rewrite });
    t.ok(run(subject, [input.subarray(0, cut), input.subarray(cut)]).equals(expected));
    t.same(asked, ['{"x":"needle"}', "needle"]);
    t.equal(subject.rewritten, 1);
  }
});

t.test("what needs no holding is returned itself", async (t) => {
  const subject = rewriter({});
  const whole = Buffer.concat([framed("a"), framed("needle"), framed("b")]);
  t.equal(subject.push(whole)[0], whole, "whole frames");
  const large = framed("x".repeat(1000));
  const [first, second] = [large.subarray(0, 400), large.subarray(400)];
  t.equal(subject.push(first)[0], first, "the beginning of a frame, with the whole window in it");
  t.equal(subject.push(second)[0], second, "the rest of a frame that is cut through");
  t.same(subject.push(new Uint8Array(0)), []);
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
  t.same(ended.push(ascii("Content-Length: 100\r\n\r\nneedle")), []);
  t.equal(show(Buffer.concat(ended.end())), "Content-Length: 100\r\n\r\nneedle");

  const failed = rewriter({});
  failed.push(ascii("Content-"));
  t.equal(show(Buffer.concat(failed.push(ascii("Nonsense\n\r")))), "Content-Nonsense\n\r");
  t.equal(failed.failure?.code, "DT_FRAME_GARBAGE");
  const chunk = framed("needle");
  t.equal(failed.push(chunk)[0], chunk);
});

t.test("a rewrite that throws, and frames too large to store, change nothing", async (t) => {
  const thrown = rewriter({
    rewrite: () => {
      throw new Error("no");
    },
  });
  t.equal(show(run(thrown, [framed("needle")])), show(framed("needle")));
  t.equal(thrown.rewritten, 0);

  const declared = rewriter({ rewrite: () => framed("!") });
  const head = ascii(`Content-Length: ${maxStoredLength + 1}\r\n\r\nneedle`);
  t.equal(declared.push(head)[0], head, "known from its header: never held");

  const line = rewriter({ wire: "pydevd", rewrite: () => ascii("!\n") });
  const part = new Uint8Array(1024 * 1024).fill(120);
  let sent = 0;
  let got = 0;
  for (const chunk of [ascii("1\t2\tneedle"), ...Array.from({ length: 18 }, () => part), ascii("\n")]) {
    sent += chunk.length;
    for (const bytes of line.push(chunk)) got += bytes.length;
    t.ok(line.heldBytes <= maxStoredLength);
  }
  t.same([got, line.rewritten], [sent, 0]);
  t.equal(show(run(line, [ascii("1\t2\tneedle\n")])), "!\n", "the next frame is looked at again");
});

const lengthOf = (frame: Frame): Uint8Array => ascii(`<${frame.bytes.length}>`);
const bodyText = fc.array(fc.constantFrom("needle", "nee", "dle", "x", "{", " "), { maxLength: 6 });
const cuts = fc.array(fc.nat(), { maxLength: 10 });

t.test("any split of any stream gives the same output, rewritten or not", async () => {
  const frame = fc.oneof(
    bodyText.map((parts) => framed(parts.join(""))),
    bodyText.map((parts) => ascii(`1\t2\t${parts.join("")}\n`)),
  );
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 6 }), cuts, fc.integer({ min: 1, max: 30 }), (frames, cuts, window) => {
      const subject = rewriter({ wire: "pydevd", window, rewrite: lengthOf });
      const expected = frames.map((bytes) => {
        const text = show(bytes);
        const body = text.includes("\r\n\r\n") ? text.slice(text.indexOf("\r\n\r\n") + 4) : text;
        return body.slice(0, window).includes("needle") ? `<${bytes.length}>` : text;
      });
      return show(run(subject, cutAt(Buffer.concat(frames), cuts))) === expected.join("");
    }),
    { numRuns: 500 },
  );
});

t.test("output equals input for every split, of garbage too, when nothing is rewritten", async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 120 }),
    fc.array(bodyText, { maxLength: 4 }).map((all) => Buffer.concat(all.map((parts) => framed(parts.join(""))))),
    fc.string({ maxLength: 60 }).map((text) => Buffer.concat([framed("needle"), ascii(text), framed("needle")])),
  );
  fc.assert(
    fc.property(bytes, cuts, fc.constantFrom("dap" as const, "pydevd" as const), (bytes, cuts, wire) =>
      run(rewriter({ wire, window: 4 }), cutAt(bytes, cuts)).equals(bytes),
    ),
    { numRuns: 500 },
  );
});

t.test("every recorded session passes a rewriter that rewrites nothing unchanged", async (t) => {
  for (const capture of captures()) {
    for (const side of ["client", "debuggee"] as const) {
      const subject = new Rewriter({ wire: capture.wire, names: ["stackTrace", "105\t"], rewrite: unchanged });
      const sent = capture.sent.filter((sent) => sent.side === side).map((sent) => sent.bytes);
      t.ok(run(subject, sent).equals(stream(capture, side)), `${capture.file} ${side}`);
    }
  }
});
