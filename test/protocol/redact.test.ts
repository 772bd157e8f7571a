import fc from "fast-check";
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
import { redactJson } from "../../protocol/redact-json.ts";
import { WireRedactor } from "../../protocol/redact-wire.ts";
import { captures } from "../helpers/captures.ts";

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
    ...(dap ?? []).map(([arrow, message]) => [sideOf(arrow), contentLengthFrame(Buffer.from(JSON.stringify(message)))] as const),
    ...(pydevd ?? []).map(([arrow, id, seq, what]) => [sideOf(arrow), encodePydevd(id, seq, xmlOf(what), { side: sideOf(arrow) })] as const),
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
  t.ok(leaks.length >= 60, `${leaks.length} leaks`);
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
  t.ok(lookalikes.length >= 40, `${lookalikes.length} look-alikes`);
  for (const lookalike of lookalikes) {
    const { sent, kept } = recorded(lookalike);
    t.equal(kept, sent);
  }
});
