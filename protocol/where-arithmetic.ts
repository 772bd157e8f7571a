// Python's arithmetic over captured values, and how Python prints what comes of it.
//
// Rules
// - Whole numbers are exact, however large, up to `mostDigits`; a result that is no finite number is unknown, as is a division by zero.
// - Strings and lists can be joined by `+`, and a string repeated by a whole number; nothing else is defined for them, nor for bytes.
import type { ArithmeticOp } from "./where-parse.ts";
import type { Value } from "./where-value.ts";

const mostDigits = 4000;
const mostText = 100_000;
const mostItems = 1000;

type NumberValue = Extract<Value, { kind: "number" }>;
type StringValue = Extract<Value, { kind: "string" }>;

/** Undefined where Python would raise, and where a value is not known. */
export function arithmetic(op: ArithmeticOp, left: Value, right: Value): Value {
  if (left?.kind === "number" && right?.kind === "number") return numeric(op, left, right);
  if (op === "*" && left?.kind === "string" && right?.kind === "number") return repeated(left, right);
  if (op === "*" && left?.kind === "number" && right?.kind === "string") return repeated(right, left);
  if (op !== "+") return undefined;
  if (left?.kind === "string" && right?.kind === "string") return joined(left, right);
  if (left?.kind !== "list" || right?.kind !== "list" || left.as !== right.as) return undefined;
  const items = [...left.items, ...right.items];
  return items.length > mostItems ? undefined : { ...left, items };
}

/** Undefined for what is no number. */
export function negated(value: Value): Value {
  if (value?.kind !== "number") return undefined;
  return value.as === "float" ? { ...value, value: -Number(value.value) } : { kind: "number", value: -value.value };
}

function numeric(op: ArithmeticOp, left: NumberValue, right: NumberValue): Value {
  if (left.as === "float" || right.as === "float") {
    const [a, b] = [Number(left.value), Number(right.value)];
    return Number.isFinite(a) && Number.isFinite(b) ? floatOf(floating(op, a, b)) : undefined;
  }
  const [a, b] = [BigInt(left.value), BigInt(right.value)];
  if (b === 0n && (op === "/" || op === "//" || op === "%")) return undefined;
  if (op === "/") return floatOf(quotient(a, b));
  if (op === "*" && digits(a) + digits(b) > mostDigits) return undefined;
  const result = whole(op, a, b);
  const number = Number(result);
  return { kind: "number", value: Number.isSafeInteger(number) ? number : result };
}

function whole(op: ArithmeticOp, a: bigint, b: bigint): bigint {
  switch (op) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    default: {
      const rest = ((a % b) + b) % b;
      return op === "%" ? rest : (a - rest) / b;
    }
  }
}

function floating(op: ArithmeticOp, a: number, b: number): number {
  switch (op) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    default: {
      // As Python does it: the rest is exact, a quotient that is rounded first would be one too many.
      const rest = a % b;
      const modulo = rest === 0 ? (b < 0 ? -0 : 0) : rest < 0 === b < 0 ? rest : rest + b;
      return op === "%" ? modulo : wholeQuotient((a - modulo) / b, a / b);
    }
  }
}

/** `exact` is whole but for rounding; a zero has the sign of `near`. */
function wholeQuotient(exact: number, near: number): number {
  if (exact === 0) return near < 0 || Object.is(near, -0) ? -0 : 0;
  const floor = Math.floor(exact);
  return exact - floor > 0.5 ? floor + 1 : floor;
}

/** Rounded once, also where the numbers are no floats. */
function quotient(a: bigint, b: bigint): number {
  const [near, by] = [Number(a), Number(b)];
  if (Number.isSafeInteger(near) && Number.isSafeInteger(by)) return near / by;
  const [over, under] = [a < 0n ? -a : a, b < 0n ? -b : b];
  // At least 64 bits of it, and in the last one whether something follows.
  const shift = Math.max(0, 4 * (digits(under) - digits(over)) + 68);
  const scaled = over << BigInt(shift);
  const bits = scaled / under;
  const size = Number(scaled % under === 0n ? bits : bits | 1n) / 2 ** shift;
  return a < 0n === b < 0n ? size : -size;
}

function floatOf(value: number): Value {
  return Number.isFinite(value) ? { kind: "number", value, as: "float" } : undefined;
}

function joined(left: StringValue, right: StringValue): Value {
  const text = left.text + right.text;
  return isWhole(left) && isWhole(right) && text.length <= mostText ? { kind: "string", text, cut: false } : undefined;
}

function repeated(string: StringValue, { value, as }: NumberValue): Value {
  const times = Math.max(0, Number(value));
  if (as === "float" || !isWhole(string) || times > mostText || string.text.length * times > mostText) return undefined;
  return { kind: "string", text: string.text.repeat(times), cut: false };
}

function isWhole({ cut, as }: StringValue): boolean {
  return !cut && as === undefined;
}

function digits(value: bigint): number {
  return value.toString(16).length;
}

/** As Python's `repr`. */
export function printed(value: Exclude<Value, undefined>): { readonly value: string; readonly type: string } {
  switch (value.kind) {
    case "none":
      return { value: "None", type: "NoneType" };
    case "number":
      return value.as === "bool"
        ? { value: Number(value.value) === 0 ? "False" : "True", type: "bool" }
        : value.as === "float"
          ? { value: float(Number(value.value)), type: "float" }
          : { value: String(value.value), type: "int" };
    case "string":
      return value.as === "bytes"
        ? { value: `b${quoted(value.text)}`, type: "bytes" }
        : { value: `${quoted(value.text)}${value.cut ? "…" : ""}`, type: "str" };
    case "list": {
      const items = value.items.map((item) => (item === undefined ? "?" : printed(item).value)).join(", ");
      return value.as === "tuple"
        ? { value: `(${items}${value.items.length === 1 ? "," : ""})`, type: "tuple" }
        : { value: `[${items}]`, type: "list" };
    }
    case "object":
      return { value: value.variable.value, type: value.variable.type ?? "" };
  }
}

function float(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e16 || size < 1e-4))
    return value.toExponential().replace(/e([+-])(\d)$/, (_, sign: string, digit: string) => `e${sign}0${digit}`);
  return Number.isInteger(value) ? `${Object.is(value, -0) ? "-0" : value}.0` : String(value);
}

const escapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\" };

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const inner = text.replace(/[\\\p{C}\p{Z}]/gu, (char) => (char === " " ? char : (escapes[char] ?? coded(char))));
  return `${quote}${quote === "'" ? inner.replaceAll("'", "\\'") : inner}${quote}`;
}

/** What is not to be seen: `\x1b`, `\u200b`, `\U000e0001`. */
function coded(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  const [letter, width] = code < 0x100 ? ["x", 2] : code < 0x10000 ? ["u", 4] : ["U", 8];
  return `\\${letter}${code.toString(16).padStart(width, "0")}`;
}
