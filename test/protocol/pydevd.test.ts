import { fc } from "../helpers/property.ts";
import t from "tap";
import { decodeDap } from "../../protocol/dap.ts";
import type { Frame, Side } from "../../protocol/frame.ts";
import { FrameReader } from "../../protocol/frame-reader.ts";
import { decodePydevd, encodePydevd } from "../../protocol/pydevd.ts";
import { pydevdCommand, pydevdCommands, stopReasonName } from "../../protocol/pydevd-commands.ts";
import {
  attributeQuoting,
  conditionQuoting,
  expressionQuoting,
  locatorQuoting,
  pythonQuote,
  unquote,
  wireQuoting,
  xmlEscape,
  xmlUnescape,
} from "../../protocol/pydevd-quoting.ts";
import { parsePydevdXml } from "../../protocol/pydevd-xml.ts";
import { capture, captures, stream } from "../helpers/captures.ts";

function frameOf(bytes: Uint8Array): Frame {
  const [frame] = new FrameReader("pydevd").push(bytes);
  if (frame === undefined) throw new Error("one frame was expected");
  return frame;
}

/** The first message of a capture with this id, from this side. */
function message(file: string, side: Side, id: number) {
  for (const frame of new FrameReader("pydevd").push(stream(capture(file), side))) {
    const message = decodePydevd(frame, side);
    if (message?.id === id) return message;
  }
  throw new Error(`${file} has no ${id} from ${side}`);
}

t.test("every recorded message decodes: ids are known, and go the way the table says", async (t) => {
  const ids = new Set<number>();
  for (const capture of captures("pydevd")) {
    for (const side of ["client", "debuggee"] as const) {
      for (const frame of new FrameReader("pydevd").push(stream(capture, side))) {
        const decoded = decodePydevd(frame, side);
        const text = Buffer.from(frame.bytes).toString();
        if (decoded === undefined) {
          t.ok(decodeDap(frame) !== undefined || text === "102\n", `${capture.file}: ${text}`);
          continue;
        }
        ids.add(decoded.id);
        const command = pydevdCommand(decoded.id);
        // Sent on purpose: an id that nobody knows, and two that only the debuggee may send, answered by 901.
        if (decoded.id === 999) t.equal(decoded.name, "UNKNOWN");
        else if (side === "client" && (decoded.id === 104 || decoded.id === 129)) t.equal(command?.from, "debuggee");
        else {
          const replies = pydevdCommands.some((other) => other.reply === decoded.id) && side === "debuggee";
          t.ok(command?.from === side || command?.from === "both" || replies, `${capture.file}: ${side} ${text}`);
        }
        if (decoded.text.startsWith("<xml>")) t.ok(parsePydevdXml(decoded.text), text);
        const framing = frame.kind;
        const again = encodePydevd(decoded.id, decoded.seq, decoded.text, { side, framing });
        t.equal(Buffer.from(again).toString(), text.replace("\t\r\n", "\t\n"), "encodes to itself");
      }
    }
  }
  t.ok(ids.size > 35, `${ids.size} ids`);
});

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

t.test("the command table is whole and resolves ids by flavour", async (t) => {
  // The ids of reference/pydevd.md, section 3.
  const all = [99, ...range(101, 163), 170, 190, ...range(200, 208), ...range(210, 214), 501, 502, 503, 901];
  t.same(
    [...new Set(pydevdCommands.map((command) => command.id))].sort((a, b) => a - b),
    all,
  );
  for (const { id, name, flavours } of pydevdCommands) {
    t.match(name, /^[A-Z_]+$/);
    for (const flavour of flavours) {
      t.equal(pydevdCommand(id, flavour)?.name, name);
      t.equal(pydevdCommands.filter((other) => other.id === id && other.flavours.includes(flavour)).length, 1, name);
    }
  }
  t.equal(pydevdCommand(160)?.name, "STEP_RETURN_MY_CODE");
  t.equal(pydevdCommand(160, "PC")?.name, "GET_SMART_STEP_INTO_VARIANTS");
  t.equal(pydevdCommand(205, "PC")?.name, "AUTHENTICATE", "of the other flavour when this one has none");
  t.equal(pydevdCommand(1), undefined);
  t.same([stopReasonName(111), stopReasonName(4)], ["breakpoint", "4"]);
});

const read = (text: string, side: Side) => decodePydevd(frameOf(Buffer.from(text)), side);

t.test("fields of a message, by side and framing", async (t) => {
  t.same(read("501\t1\t%40%40BUILD_NUMBER%40%40\n", "debuggee"), {
    id: 501,
    name: "VERSION",
    seq: 1,
    text: "@@BUILD_NUMBER@@",
    raw: "%40%40BUILD_NUMBER%40%40",
  });
  t.equal(read("113\t21\tt\tf\tLOCAL\t100%25 + é\t1\n", "client")?.text, "t\tf\tLOCAL\t100%25 + é\t1");
  t.equal(read("Content-Length: 14\r\n\r\n124\t1\ta\nb%41\r\n", "debuggee")?.text, "a\nb%41\r\n");
  t.equal(read("101\t7\t\r\n", "client")?.text, "", "a carriage return is no part of a line's text");
  t.equal(read("102\t-7\t\n", "client")?.seq, -7);
  t.equal(pydevdCommand(read("159\t1\tx\n", "client")?.id ?? 0, "PC")?.name, "PROCESS_CREATED_MSG_RECEIVED");
  for (const text of ["102\n", "101\t7\n", "\n", "-\t1\tx\n", "1\tx\ty\n", "Content-Length: 2\r\n\r\n{}"]) {
    t.equal(read(text, "debuggee"), undefined, JSON.stringify(text));
  }
  const newline = encodePydevd(115, 3, "t\tf\tLOCAL\ta\nb", { side: "client" });
  t.equal(Buffer.from(newline).toString(), "115\t3\tt\tf\tLOCAL\ta@LINE@b\n");
  const anyText = fc.string({ unit: "grapheme", maxLength: 30 });
  fc.assert(
    fc.property(anyText, fc.constantFrom("line" as const, "header" as const), (text, framing) => {
      const frame = frameOf(encodePydevd(502, 9, text, { side: "debuggee", framing }));
      return decodePydevd(frame, "debuggee")?.text === text && frame.kind === framing;
    }),
  );
});

t.test("quoting is Python's and Java's common ground, and every layer is undone by its reverse", async (t) => {
  // Values of python3 -c 'from urllib.parse import *; …'
  t.equal(pythonQuote("aZ09_.-~ /+%&é\u{1F40D}", "/ "), "aZ09_.-~ /%2B%25%26%C3%A9%F0%9F%90%8D");
  t.equal(unquote("a%20b+c%2b%"), "a b+c+%");
  t.equal(unquote("%zz%4%41%C3%A9%ff%EF%BB%BF"), "%zz%4Aé\uFFFD\uFEFF");
  t.equal(xmlUnescape("&amp;lt;&nbsp;&#65;"), "&lt;&nbsp;&#65;", "one layer, and pydevd's four only");
  t.equal(wireQuoting.encode(xmlEscape("<module>")), "%26lt%3Bmodule%26gt%3B");
  t.equal(attributeQuoting.thread.encode("worker 0"), "worker%200");

  const anyText = fc.string({ unit: "grapheme", maxLength: 40 });
  const special = fc.string({ unit: fc.constantFrom("&", "<", ">", '"', "%", "+", "\t", "\n", "a", "lt;", "é", "41") });
  fc.assert(
    fc.property(fc.oneof(anyText, special), (text) => {
      const { plain, ...percented } = attributeQuoting;
      return (
        [wireQuoting, expressionQuoting, conditionQuoting, locatorQuoting].every(
          (quoting) => quoting.decode(quoting.encode(text)) === text,
        ) &&
        // An XML parser stands between the two.
        Object.values(percented).every((quoting) => quoting.decode(xmlUnescape(quoting.encode(text))) === text) &&
        xmlUnescape(plain.encode(text)) === text &&
        !/[\n]/.test(wireQuoting.encode(text) + conditionQuoting.encode(text) + expressionQuoting.encode(text))
      );
    }),
    { numRuns: 500 },
  );
  fc.assert(fc.property(fc.oneof(anyText, special), (text) => typeof unquote(text) === "string"));
});

t.test("threads, frames and variables of real payloads", async (t) => {
  const suspend = message("pydevd-line-2.9.5.bin", "debuggee", 105);
  const [thread] = parsePydevdXml(suspend.text)?.threads ?? [];
  t.match(thread, { id: /^pid_\d+_id_\d+$/, stopReason: 111, suspendType: "trace" });
  t.match(thread?.frames[0], { name: "<module>", file: "/srv/demo-svc/demo/app.py", line: 28 });

  const vars = parsePydevdXml(message("pydevd-line-2.9.5.bin", "debuggee", 114).text)?.vars ?? [];
  t.same(
    vars.map((each) => each.name),
    ["data", "n", "note", "srv", "total"],
  );
  t.match(vars[0]?.value, /^dict: \{'n': 2, 'list': \[1, 2, \[3, 2\]\], 'srv': <__main__\.Server object at 0x/);
  t.same([vars[0]?.isContainer, vars[1]?.isContainer, vars[1]?.value], [true, false, "int: 2"]);
  t.equal(vars[2]?.value, `str: tab\there & <xml> "quoted" é\nline2 100%`);

  const children = parsePydevdXml(message("pydevd-line-2.9.5.bin", "debuggee", 110).text)?.vars ?? [];
  t.match(children[0]?.name, /^'n' \(\d+\)$/);
  const listed = parsePydevdXml(message("pydevd-errors.bin", "debuggee", 502).text);
  t.equal(listed?.threads[0]?.name, "MainThread");
  const exception = parsePydevdXml(message("pydevd-exceptions.bin", "debuggee", 155).text)?.threads[0]?.exception;
  t.same(exception, { type: "<class 'KeyError'>", description: `'nokey <&> "q"'` });
  t.equal(parsePydevdXml(message("pydevd-exceptions.bin", "debuggee", 138).text)?.threads[0]?.frames[0]?.line, 50);
  const written = parsePydevdXml(message("pydevd-line-2.9.5.bin", "debuggee", 116).text);
  t.same(written?.output, [{ stream: "stdout", text: "5" }]);
});

t.test("any names and values come through the XML as they were; malformed XML gives undefined", async (t) => {
  const anyText = fc.string({ unit: "grapheme", maxLength: 20 });
  fc.assert(
    fc.property(anyText, anyText, (name, value) => {
      const xml = `<xml><thread id="t" name="${attributeQuoting.thread.encode(name)}"><frame id="1" name="f" file="${attributeQuoting.file.encode(value)}" line="3"></frame></thread><var name="${attributeQuoting.value.encode(name)}" type="str" value="${attributeQuoting.value.encode(value)}" />\n</xml>`;
      const line = frameOf(encodePydevd(502, 9, xml, { side: "debuggee" }));
      const parsed = parsePydevdXml(decodePydevd(line, "debuggee")?.text ?? "");
      const thread = parsed?.threads[0];
      const variable = parsed?.vars[0];
      return (
        thread?.name === name && thread.frames[0]?.file === value && variable?.name === name && variable.value === value
      );
    }),
  );
  t.match(parsePydevdXml('<xml><thread id="t" message="bell\u0007 &lt;b&gt;"/></xml>')?.threads, [
    { message: "bell\u0007 <b>" },
  ]);
  t.same(parsePydevdXml("<process/>"), { threads: [], frames: [], vars: [], output: [] });
  const bad = [
    "",
    "text",
    "<xml>",
    "<xml><var></xml>",
    "<xml>&nope;</xml>",
    '<xml><var name="a" name="b"/></xml>',
    "<xml/><xml/>",
  ];
  for (const text of bad) t.equal(parsePydevdXml(text), undefined, text);

  const real = message("pydevd-line-2.9.5.bin", "debuggee", 114).text;
  const mutated = fc.tuple(fc.nat(real.length), fc.nat(30), fc.string({ maxLength: 5 })).map(([at, cut, put]) => {
    return real.slice(0, at) + put + real.slice(at + cut);
  });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.string({ unit: "binary" })), (text) => {
      const parsed = parsePydevdXml(text);
      return parsed === undefined || Array.isArray(parsed.vars);
    }),
    { numRuns: 500 },
  );
});
