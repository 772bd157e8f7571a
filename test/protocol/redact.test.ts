import { fc } from "../helpers/property.ts";
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import t from "tap";
import { contentLengthFrame } from "../../protocol/frame.ts";
import type { Side, Wire } from "../../protocol/frame.ts";
import { FrameReader } from "../../protocol/frame-reader.ts";
import { attributeQuoting } from "../../protocol/pydevd-quoting.ts";
import { encodePydevd } from "../../protocol/pydevd.ts";
import { defaultSecretRules, Redactor } from "../../protocol/redact.ts";
import { DapRedactor } from "../../protocol/redact-dap.ts";
import { PydevdRedactor } from "../../protocol/redact-pydevd.ts";
import { redactBody } from "../../protocol/redact-http.ts";
import { redactJson } from "../../protocol/redact-json.ts";
import { secretTails } from "../../protocol/secret-names.ts";
import { WireRedactor } from "../../protocol/redact-wire.ts";
import { captures, stream } from "../helpers/captures.ts";

type Arrow = ">" | "<";
type Pydevd = string | { readonly vars: readonly (readonly [string, string, string])[] } | { readonly io: string };
interface Case {
  readonly text?: string;
  readonly code?: string;
  readonly dap?: readonly (readonly [Arrow, unknown])[];
  readonly pydevd?: readonly (readonly [Arrow, number, number, Pydevd])[];
  readonly json?: unknown;
  readonly raw?: readonly string[];
  readonly secret?: string;
}

const digits = (secret: string): string => createHmac("sha256", "key").update(secret).digest("hex").slice(0, 8);
const redactor = new Redactor(defaultSecretRules, digits);

/** `§36` is 36 letters and digits, `§U16` capitals: see the README beside the corpus. */
function corpus(file: string): Case[] {
  const folder = new URL("../../../test/fixtures/secrets/", import.meta.url);
  const letters = (count: number) => "q7Xk2Vb9Zr4Tn8Wm3Yc6".repeat(5).slice(0, count);
  return readFileSync(new URL(file, folder), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) =>
      line
        .replaceAll(/§U(\d+)/g, (_, count: string) => letters(Number(count)).toUpperCase())
        .replaceAll(/§(\d+)/g, (_, count: string) => letters(Number(count))),
    )
    .map((line): Case => JSON.parse(line));
}

/** What of a case is recorded, and what went in. */
function recorded({ text, code, dap, pydevd, json, raw }: Case): { readonly sent: string; readonly kept: string } {
  if (text !== undefined) return { sent: text, kept: redactor.text(text) };
  if (code !== undefined) return { sent: code, kept: redactor.text(code, true) };
  if (json !== undefined) return { sent: JSON.stringify(json), kept: redactJson(JSON.stringify(json), redactor) };
  const wire: Wire = dap === undefined ? (pydevd === undefined ? "raw" : "pydevd") : "dap";
  const sent: (readonly [Side, Uint8Array])[] = [
    ...(dap ?? []).map(
      ([arrow, message]) => [sideOf(arrow), contentLengthFrame(Buffer.from(JSON.stringify(message)))] as const,
    ),
    ...(pydevd ?? []).map(
      ([arrow, id, seq, what]) => [sideOf(arrow), encodePydevd(id, seq, xmlOf(what), { side: sideOf(arrow) })] as const,
    ),
    ...(raw ?? []).map((chunk) => ["debuggee", Buffer.from(chunk)] as const),
  ];
  return { sent: Buffer.concat(sent.map(([, bytes]) => bytes)).toString(), kept: through(wire, sent).toString() };
}

function sideOf(arrow: Arrow): Side {
  return arrow === ">" ? "client" : "debuggee";
}

function xmlOf(what: Pydevd): string {
  if (typeof what === "string") return what;
  const { value } = attributeQuoting;
  if ("io" in what) return `<xml><io s="${value.encode(what.io)}" ctx="1"/></xml>`;
  const vars = what.vars.map(
    ([name, type, text]) =>
      `<var name="${value.encode(name)}" type="${type}" qualifier="builtins" value="${value.encode(`${type}: ${text}`)}" />`,
  );
  return `<xml>${vars.join("\n")}</xml>`;
}

/** All that comes out, in order; what is held at the end too. */
function through(wire: Wire, sent: readonly (readonly [Side, Uint8Array])[]): Buffer {
  const session = new WireRedactor(wire, redactor);
  const out = sent.map(([side, bytes]) => Buffer.from(session.push(side, bytes) ?? []));
  for (const side of ["client", "debuggee"] as const) out.push(Buffer.from(session.gap(side) ?? []));
  return Buffer.concat(out);
}

/** As pydevd's quoting, undone as far as it goes, so that a secret is found whatever stands around it. */
function plain(text: string): string {
  let decoded = text;
  for (let i = 0; i < 3; i++) decoded = decoded.replaceAll(/(?:%[0-9A-Fa-f]{2})+/g, (run) => decodeURIComponent(run));
  return decoded;
}

t.test("every leak of the corpus is closed, and says where it was", async (t) => {
  const leaks = corpus("leaks.jsonl");
  t.ok(leaks.length >= 280, `${leaks.length} leaks`);
  for (const leak of leaks) {
    const { secret = "" } = leak;
    const { sent, kept } = recorded(leak);
    const name = JSON.stringify(leak).slice(0, 150);
    t.ok(secret.length > 3 && `${sent}${plain(sent)}`.includes(secret), `the secret is in it: ${name}`);
    t.notOk(`${kept}${plain(kept)}`.includes(secret), `${name} -> ${kept}`);
    t.match(plain(kept), /«redacted:[0-9a-f]{8}»/);
  }
});

t.test("every look-alike of the corpus stays byte for byte", async (t) => {
  const lookalikes = corpus("lookalikes.jsonl");
  t.ok(lookalikes.length >= 150, `${lookalikes.length} look-alikes`);
  for (const lookalike of lookalikes) {
    const { sent, kept } = recorded(lookalike);
    t.equal(kept, sent);
  }
});

t.test("a name is found however it is written, and a marker is the same wherever a secret stands", async (t) => {
  const secret = "q7Xk2Vb9Zr4Tn8W";
  const camel = (name: string) => `my${name[0]?.toUpperCase() ?? ""}${name.slice(1)}`;
  for (const name of secretTails)
    for (const written of [
      name,
      name.toUpperCase(),
      `X-Old-${name}`,
      `os_${name}`,
      camel(name),
      `${name}2`,
      `__${name}`,
    ]) {
      const text = JSON.stringify({ [written]: secret });
      t.notOk(redactJson(text, redactor).includes(secret), text);
      t.notOk(redactor.text(`${written}=${secret}`).includes(secret), written);
    }
  const marker = redactor.marker(secret);
  const forms: Case[] = [
    { text: `password='${secret}'` },
    { text: `Authorization: Bearer ${secret}` },
    { text: `{"token": "${secret}"}` },
    { json: { password: secret } },
    { json: { name: "password", value: `'${secret}'` } },
    { pydevd: [["<", 114, 3, { vars: [["password", "str", secret]] }]] },
    { dap: [["<", { type: "event", event: "output", body: { output: `db_password = ${secret}` } }]] },
    { raw: ["token=q7Xk", "2Vb9Zr4Tn8W\n"] },
  ];
  for (const form of forms) t.ok(plain(recorded(form).kept).includes(marker), recorded(form).kept);
  t.equal(
    redactor.text(redactor.text(`password='${secret}' token: x-${secret}`)),
    redactor.text(`password='${secret}' token: x-${secret}`),
  );
});

/** Each made one rule look at the same stretch from each of its places: 300 KB took from 1 s to minutes. */
const slow: readonly (readonly [head: string, unit: string])[] = [
  ["", "pbkdf2_"],
  ["password ", "eyJa-"],
  ["", "token=a"],
  ["", "token=<"],
  ["", "auth=<"],
  ["", "auth=('x'"],
  ["token=(", "\\"],
  ["token=", "str|token="],
  ["", "name='password' value=("],
  ["", "name='password' value=<"],
  ["", "--password <"],
  ["", "password=x %22 "],
  ["password=", "'Cookie: a "],
  ["", '\\\\\\\\\\\\\\\\\\\\\\\\"Cookie: a '],
  ["", "ldapsearch -w("],
  ["", "mysql "],
  ["", 'mysql "mysql -p" '],
  ["", "kty='x' d="],
  ["", "| password | x "],
  ["| password | a", " "],
  ["", "password for a is "],
  ["password is ", "!"],
  ["", `password is ${"a-".repeat(60)}1 `],
];

t.test("a text that is made to be slow takes time by its length, and its last secret is masked", async (t) => {
  for (const [head, unit] of slow)
    for (const code of [false, true]) {
      const text = `${(head + unit.repeat(300_000)).slice(0, 300_000)}a\n"'))>\npassword='hunter2'\n`;
      const began = performance.now();
      const kept = redactor.text(text, code);
      const took = performance.now() - began;
      t.ok(took < 3000, `${head}${unit}${code ? " as code" : ""}: ${Math.round(took)} ms`);
      t.notMatch(kept, "hunter2", `${head}${unit}`);
    }
  const parts = 'Content-Disposition: form-data; name="password"\r\n';
  const lines = `Content-Disposition: form-data; ${'name=""'.repeat(120)}\r\n`;
  const began = performance.now();
  redactBody((parts + lines.repeat(400)).slice(0, 300_000), redactor);
  t.ok(performance.now() - began < 3000, "a form with parts");
});

/** Bytes that one side of all cases of a wire sends, and of all captures of it. */
function streams(wire: "dap" | "pydevd"): (readonly [Side, Uint8Array])[] {
  const cases = [...corpus("leaks.jsonl"), ...corpus("lookalikes.jsonl")];
  const own = cases.flatMap(({ dap = [], pydevd = [] }): (readonly [Side, Uint8Array])[] =>
    wire === "dap"
      ? dap.map(([arrow, message]) => [sideOf(arrow), contentLengthFrame(Buffer.from(JSON.stringify(message)))])
      : pydevd.map(([arrow, id, seq, what]) => [
          sideOf(arrow),
          encodePydevd(id, seq, xmlOf(what), { side: sideOf(arrow) }),
        ]),
  );
  return own;
}

t.test("however a stream is cut into chunks, the same bytes are recorded, and its messages stay whole", async (t) => {
  for (const wire of ["dap", "pydevd"] as const) {
    const sent = streams(wire);
    const whole = through(wire, sent);
    t.ok(whole.includes("redacted"));
    for (const side of ["client", "debuggee"] as const) {
      const count = (bytes: Uint8Array) => {
        const reader = new FrameReader(wire);
        const frames = reader.push(bytes).length;
        assert.equal(reader.failure, undefined);
        assert.equal(reader.heldBytes, 0);
        return frames;
      };
      const of = (all: readonly (readonly [Side, Uint8Array])[]) =>
        Buffer.concat(all.filter(([each]) => each === side).map(([, bytes]) => bytes));
      t.equal(
        count(
          through(
            wire,
            sent.filter(([each]) => each === side),
          ),
        ),
        count(of(sent)),
      );
    }
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 40 }), (sizes) => {
        let next = 0;
        const cut = sent.flatMap(([side, bytes]) => {
          const pieces: (readonly [Side, Uint8Array])[] = [];
          for (let at = 0; at < bytes.length;) {
            const size = sizes[next++ % sizes.length] ?? 1;
            // A copy of its own, written over afterwards, as the recorder's memory is.
            pieces.push([side, Buffer.from(bytes.subarray(at, at + size))]);
            at += size;
          }
          return pieces;
        });
        const session = new WireRedactor(wire, redactor);
        const out = cut.map(([side, bytes]) => {
          const kept = Buffer.from(session.push(side, bytes) ?? []);
          bytes.fill(0);
          return kept;
        });
        assert.ok(Buffer.concat(out).equals(whole));
      }),
      { numRuns: 60 },
    );
  }
});

t.test("messages joined into chunks anyhow are recorded as they come one by one", async (t) => {
  for (const wire of ["dap", "pydevd"] as const) {
    const debuggee = streams(wire).filter(([side]) => side === "debuggee");
    const whole = through(wire, debuggee);
    const all = Buffer.concat(debuggee.map(([, bytes]) => bytes));
    fc.assert(
      fc.property(fc.array(fc.nat({ max: all.length }), { maxLength: 30 }), (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), all.length];
        const pieces = places
          .slice(1)
          .map((to, i) => ["debuggee" as const, Buffer.from(all.subarray(places[i] ?? 0, to))] as const);
        assert.ok(through(wire, pieces).equals(whole));
      }),
      { numRuns: 60 },
    );
    t.pass(wire);
  }
});

t.test("real sessions have no secrets but the token of 205, and stay byte for byte, chunk by chunk", async (t) => {
  for (const capture of captures()) {
    const session = new WireRedactor(capture.wire, redactor);
    const kept = { client: [] as Uint8Array[], debuggee: [] as Uint8Array[] };
    for (const { side, bytes } of capture.sent) kept[side].push(session.push(side, bytes) ?? new Uint8Array(0));
    for (const side of ["client", "debuggee"] as const) {
      kept[side].push(session.gap(side) ?? new Uint8Array(0));
      const text = Buffer.concat(kept[side]).toString("latin1");
      const sent = Buffer.from(stream(capture, side)).toString("latin1");
      if (capture.file === "pydevd-auth.bin")
        t.match(plain(Buffer.concat(kept[side]).toString()), /^205\t\d+\t«redacted:/m);
      else t.equal(text, sent, `${capture.file} ${side}`);
    }
  }
});

t.test("what cannot be looked through is not recorded: fail closed", async (t) => {
  const secret = "q7Xk2Vb9Zr4Tn8W";
  const wire = (kind: Wire, side: Side, chunks: readonly (string | Uint8Array)[], most?: number): string => {
    const session = new WireRedactor(kind, redactor, most === undefined ? {} : { mostHeld: most });
    const out = chunks.map((chunk) => Buffer.from(session.push(side, Buffer.from(chunk)) ?? []));
    return Buffer.concat([...out, Buffer.from(session.gap(side) ?? [])]).toString();
  };
  const frame = (text: string) => `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
  const marker = frame(JSON.stringify("«redacted:unreadable»"));
  t.equal(wire("dap", "client", [frame(`{"password": "${secret}"`)]), marker, "no JSON");
  const deep = `${'{"a":'.repeat(2000)}{"password":"${secret}"}${"}".repeat(2000)}`;
  t.equal(wire("dap", "client", [frame(deep)]), marker, "too deep");
  const long = frame(
    JSON.stringify({ seq: 1, type: "event", event: "x", body: { text: "x".repeat(3000), password: secret } }),
  );
  const next = frame('{"seq":2}');
  t.equal(wire("dap", "client", [long.slice(0, 2500), long.slice(2500) + next], 1000), marker + next, "too long");
  const line = `114\t7\t${"x".repeat(3000)} password=${secret}\n`;
  t.equal(
    wire("pydevd", "client", [line.slice(0, 2500), line.slice(2500), "101\t9\t\n"], 1000),
    "114\t7\t«redacted:unreadable»\n101\t9\t\n",
  );
  const cut = frame(JSON.stringify({ type: "event", event: "x", body: { password: secret, more: 1 } }));
  for (let at = 1; at < cut.length; at++) {
    const kept = wire("dap", "debuggee", [cut.slice(0, at)]);
    if (kept.includes(secret.slice(0, 6)) || Buffer.byteLength(kept) > at) t.fail(`cut at ${at}: ${kept}`);
  }
  const opaque = wire("dap", "debuggee", [
    frame('{"seq":1}'),
    `no header, password=${secret}\nmore`,
    ` token=${secret}\n`,
  ]);
  t.notMatch(opaque, secret);
  t.match(opaque, /^Content-Length: 9\r\n\r\n\{"seq":1\}no header, password=«redacted:[0-9a-f]{8}»\nmore token=«/);
});

t.test("behind a gap: what the missing bytes said of an answer is not known, and it is masked whole", async (t) => {
  const secret = "q7Xk2Vb9Zr4Tn8W";
  const frame = (message: unknown) => Buffer.from(contentLengthFrame(Buffer.from(JSON.stringify(message))));
  const answer = (seq: number) =>
    frame({
      type: "response",
      request_seq: seq,
      success: true,
      command: "evaluate",
      body: { result: `'${secret}'`, variablesReference: 0 },
    });
  const session = new WireRedactor("dap", redactor);
  t.match(Buffer.from(session.push("debuggee", answer(4)) ?? []).toString(), secret, "its request had no secret name");
  session.gap("client");
  t.notMatch(Buffer.from(session.push("debuggee", answer(5)) ?? []).toString(), secret);
  session.push("client", frame({ seq: 8, type: "request", command: "evaluate", arguments: { expression: "size" } }));
  t.notMatch(Buffer.from(session.push("debuggee", answer(7)) ?? []).toString(), secret);
  t.match(Buffer.from(session.push("debuggee", answer(8)) ?? []).toString(), secret);
  // A chunk that begins in the middle of an answer, which nothing names.
  session.push(
    "client",
    frame({ seq: 9, type: "request", command: "evaluate", arguments: { expression: "self.password" } }),
  );
  session.gap("debuggee");
  t.notMatch(Buffer.from(session.push("debuggee", answer(9).subarray(40)) ?? []).toString(), secret);
  const back = frame({ seq: 90, type: "event", event: "stopped" });
  t.same(Buffer.from(session.push("debuggee", back) ?? []), back, "in step again");
  const pydevd = new WireRedactor("pydevd", redactor);
  pydevd.gap("debuggee");
  const lines = `x%22/></xml>\n${Buffer.from(encodePydevd(114, 4, xmlOf({ vars: [["kw", "dict", `{'password': '${secret}'}`]] }), { side: "debuggee" })).toString()}`;
  t.notMatch(plain(Buffer.from(pydevd.push("debuggee", Buffer.from(lines)) ?? []).toString()), secret);
});

t.test(
  "what came before makes only those messages be looked at that can hold it, in whatever order their keys are",
  async (t) => {
    const sorted = (message: unknown): unknown =>
      Object.fromEntries(Object.entries(Object(message)).sort(([a], [b]) => (a < b ? -1 : 1)));
    let cases = 0;
    for (const { dap, secret } of corpus("leaks.jsonl")) {
      if (dap === undefined || secret === undefined) continue;
      cases++;
      // Between any two, what is never an answer; `body` first, as lldb-dap and netcoredbg write it.
      const between = [["<", { seq: 70, type: "event", event: "output", body: { output: "x\n" } }]] as const;
      const { kept } = recorded({ dap: dap.flatMap(([arrow, message]) => [[arrow, sorted(message)], ...between]) });
      if (kept.includes(secret)) t.fail(`${JSON.stringify(dap)}: ${kept}`);
    }
    t.ok(cases > 20, `${cases} cases`);
    const body = (message: unknown) => Buffer.from(JSON.stringify(message));
    const output = { type: "event", event: "output", body: { output: "x" } };
    const answer = { type: "response", request_seq: 3, command: "variables", body: {} };
    const dap = new DapRedactor(redactor);
    const looks = () =>
      [output, answer, sorted(answer), { ...answer, command: "threads" }].map((each) => dap.isAlertTo(body(each)));
    t.strictSame(looks(), [false, false, false, false], "nothing came before");
    dap.gap();
    t.strictSame(looks(), [false, true, true, true], "until the next request says which were before it");
    dap.body('{"seq":2,"type":"request","command":"threads"}');
    t.strictSame(looks(), [false, true, true, false]);
    dap.body(JSON.stringify({ ...output, body: { output: "password: " } }));
    t.strictSame(looks(), [true, true, true, false], "a line that has begun");
    const pydevd = new PydevdRedactor(redactor);
    const ids = () => ["116\t1\tx", "113\t1\tx"].map((line) => pydevd.isAlertTo(Buffer.from(line)));
    t.strictSame(ids(), [false, false]);
    pydevd.gap();
    t.strictSame(ids(), [false, true]);
    pydevd.message('116\t2\t<xml><io s="token=" ctx="1"/></xml>', "debuggee", false);
    t.strictSame(ids(), [true, true]);
  },
);

t.test("names and types of the configuration, and those that it keeps", async (t) => {
  const own = new Redactor(
    { names: ["tenant_pin"], keep: ["token"], types: { mask: ["*Vault"], keep: ["LexToken"] } },
    digits,
  );
  const json = (value: unknown) => redactJson(JSON.stringify(value), own);
  t.notMatch(own.text("Tenant-PIN: 48151623"), "48151623");
  t.ok(own.mayHold(Buffer.from("Tenant-PIN: 48151623")), "found before it is looked at");
  t.notMatch(json({ tenantPin: 48151623 }), "48151623");
  t.match(own.text("token=abc1234567"), "abc1234567");
  t.notMatch(own.text("auth_token=abc1234567"), "abc1234567", "another name");
  t.notMatch(json({ name: "x", type: "app.Vault", value: "abc1234567" }), "abc1234567");
  t.match(json({ name: "secret", type: "LexToken", value: "LexToken(abc1234567)" }), "abc1234567");
});
