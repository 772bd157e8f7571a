import t from "tap";
import { answerIn } from "../../protocol/dap-answer.ts";
import { decodeDap } from "../../protocol/dap.ts";
import { contentLengthFrame, frameOf, type Frame } from "../../protocol/frame.ts";
import { fc } from "../helpers/property.ts";

const framed = (json: string): Frame => frameOf("header", contentLengthFrame(Buffer.from(json)));
const long = "x".repeat(2000);
const head = '"seq": 12, "type": "response", "request_seq": 7, "success": true, "command": "variables"';

t.test("the head is read, the body when somebody looks", async (t) => {
  const answer = answerIn(framed(`{${head}, "body": {"text": "${long}"}}`));
  t.match(answer, { seq: 12, type: "response", request_seq: 7, success: true, command: "variables" });
  t.same(answer?.body, { text: long });
  t.equal(answer?.body, answer?.body, "parsed once");
  const { seq, body } = { ...answer };
  t.same([seq, body], [12, { text: long }], "a copy has the body");
});

t.test("a body that is no JSON is none", async (t) => {
  const answer = answerIn(framed(`{${head}, "body": {"text": ${long}}}`));
  t.equal(answer?.request_seq, 7);
  t.equal(answer?.body, undefined);
});

t.test("what is not all before the body is left to a parser", async (t) => {
  const body = `"body": {"text": "${long}"}`;
  for (const [name, text] of Object.entries({
    short: `{${head}, "body": {}}`,
    failed: `{${head.replace("true", "false")}, ${body}}`,
    event: `{"seq": 1, "type": "event", "event": "output", ${body}}`,
    request: `{"seq": 1, "type": "request", "command": "evaluate", ${body}}`,
    "number behind": `{"seq": 12, "type": "response", "success": true, "command": "a", ${body}, "request_seq": 7}`,
    "number as text": `{${head.replace("7", '"7"')}, ${body}}`,
    "number twice": `{"request_seq": 1, ${head}, ${body}}`,
    "escaped name": `{${head.replace("variables", "\\u0076")}, ${body}}`,
    "long before": `{"message": "${long}", ${head}, ${body}}`,
    "no body": `{${head}, "other": "${long}"}`,
    "no JSON": long,
    "an array": `[${head}, "${long}"]`,
  }))
    t.equal(answerIn(framed(text)), undefined, name);
});

t.test("property: what it says is what a parser says", async () => {
  const order = fc.shuffledSubarray(["seq", "type", "request_seq", "success", "command", "body", "message"], {
    minLength: 5,
  });
  fc.assert(
    fc.property(
      order,
      fc.jsonValue(),
      fc.integer(),
      fc.nat(4000),
      fc.constantFrom("", "  "),
      (keys, value, n, size, gap) => {
        const all: Record<string, unknown> = {
          seq: n,
          type: "response",
          request_seq: n + 1,
          success: true,
          command: "evaluate",
          message: "m",
          body: { value, padding: "é".repeat(size) },
        };
        const frame = framed(JSON.stringify(Object.fromEntries(keys.map((key) => [key, all[key]])), null, gap));
        const [answer, whole] = [answerIn(frame), decodeDap(frame)];
        if (answer === undefined) return;
        const { message: _, ...said } = { message: undefined, ...whole };
        t.same({ ...answer }, said);
      },
    ),
  );
});
