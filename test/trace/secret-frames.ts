// Messages with secrets in them, on all three wires, as sessions 1 (dap), 2 (pydevd) and 3 (raw) send them.
import { contentLengthFrame } from "../../protocol/frame.ts";
import type { Side } from "../../protocol/frame.ts";
import { attributeQuoting } from "../../protocol/pydevd-quoting.ts";
import { encodePydevd } from "../../protocol/pydevd.ts";

/** Each of them is looked for in all of a trace's bytes. The last one is a part of a longer key. */
export const seeds = {
  password: "seed-pw-8fK2xQ71",
  token: "seed-token-Zr4Tn8Wm",
  header: "seed-header-c6q7Xk2V",
  cookie: "seed-cookie-b9Zr4Tn8",
  url: "seed-url-m3Yc6q7X",
  child: "seed-child-k2Vb9Zr4",
  jwt: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzZWVkIn0.seedJwtq7Xk2Vb9Zr4",
  number: "4815162342108",
  key: "seedKeyLineq7Xk2Vb9Zr4Tn8Wm3Yc6q7Xk2Vb9Zr4Tn8Wm3Yc6",
} as const;

const pem = `-----BEGIN PRIVATE KEY-----\n${seeds.key}\n${seeds.key}\n-----END PRIVATE KEY-----\n`;

interface SecretBytes {
  readonly session: number;
  readonly side: Side;
  readonly bytes: Uint8Array;
}

export function secretFrames(round: number): SecretBytes[] {
  const seq = round * 100;
  const dap = (side: Side, message: object): SecretBytes => ({
    session: 1,
    side,
    bytes: contentLengthFrame(Buffer.from(JSON.stringify(message))),
  });
  const answer = (to: number, command: string, body: object) =>
    dap("debuggee", { seq: seq + to + 1, type: "response", request_seq: seq + to, success: true, command, body });
  const pydevd = (side: Side, id: number, text: string): SecretBytes => ({
    session: 2,
    side,
    bytes: encodePydevd(id, seq + 1, text, { side }),
  });
  const raw = (text: string): SecretBytes => ({ session: 3, side: "debuggee", bytes: Buffer.from(text) });
  const { value } = attributeQuoting;
  const repr = `{'X-Auth-Token': '${seeds.header}', 'cookies': {'sid': '${seeds.cookie}'}, 'url': 'mysql://root:${seeds.url}@db/x'}`;
  return [
    dap("client", {
      seq: seq + 1,
      type: "request",
      command: "launch",
      arguments: { env: { OS_PASSWORD: seeds.password } },
    }),
    answer(1, "variables", {
      variables: [
        { name: "password", value: `'${seeds.password}'`, variablesReference: 0 },
        { name: "pin_token", value: seeds.number, variablesReference: 0 },
        { name: "kwargs", value: repr, variablesReference: 3 },
        { name: "credentials", value: "<Creds object at 0x7f00>", variablesReference: 9 },
        { name: "size", value: "1", variablesReference: 0 },
      ],
    }),
    dap("client", { seq: seq + 3, type: "request", command: "variables", arguments: { variablesReference: 9 } }),
    answer(3, "variables", { variables: [{ name: "blob", value: `'${seeds.child}'`, variablesReference: 0 }] }),
    dap("client", { seq: seq + 5, type: "request", command: "evaluate", arguments: { expression: "str(self.token)" } }),
    answer(5, "evaluate", { result: `'${seeds.token}'`, variablesReference: 0 }),
    dap("debuggee", {
      seq: seq + 9,
      type: "event",
      event: "output",
      body: { category: "stdout", output: `${seeds.jwt}\n${pem}` },
    }),
    pydevd("client", 113, `pid_1\t7\tFRAME\tself.token\t1`),
    pydevd("debuggee", 113, `<xml><var name="x" type="str" value="${value.encode(`str: ${seeds.token}`)}" /></xml>`),
    pydevd("debuggee", 114, `<xml><var name="kw" type="dict" value="${value.encode(`dict: ${repr}`)}" /></xml>`),
    pydevd("debuggee", 116, `<xml><io s="${value.encode(`password: ${seeds.password}\n${pem}`)}" ctx="1"/></xml>`),
    raw(`GET / HTTP/1.1\r\nX-Auth-Token: ${seeds.header}\r\nCookie: sid=${seeds.cookie}\r\n\r\n`),
    raw(`{'password': '${seeds.password}', 'token': '${seeds.token}'}\n${pem}`),
    raw(`id ${seeds.jwt} url mysql://root:${seeds.url}@db/x\n`),
  ];
}
