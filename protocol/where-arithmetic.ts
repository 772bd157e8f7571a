// Python's arithmetic over captured values, and how Python prints what comes of it.
//
// Rules
// - Whole numbers are exact, however large, up to `mostDigits`; a result that is no finite number is unknown, as is a division by zero.
// - Strings and lists can be joined by `+`, and a string repeated by a whole number; nothing else is defined for them.
import type { ArithmeticOp } from "./where-parse.ts";
import type { Value } from "./where-value.ts";

const mostDigits = 4000;
const mostText = 100_000;
const mostItems = 1000;

type NumberValue = Extract<Value, { kind: "number" }>;

/** Undefined where Python would raise, and where a value is not known. */
export function arithmetic(op: ArithmeticOp, left: Value, right: Value): Value {
  if (left?.kind === "number" && right?.kind === "number") return numeric(op, left, right);
  if (op === "*" && left?.kind === "string" && right?.kind === "number") return repeated(left.text, left.cut, right);
  if (op !== "+") return undefined;
  if (left?.kind === "string" && right?.kind === "string")
    return left.cut || left.text.length + right.text.length > mostText
      ? undefined
      : { kind: "string", text: left.text + right.text, cut: right.cut };
  if (left?.kind === "list" && right?.kind === "list")
    return { kind: "list", items: [...left.items, ...right.items].slice(0, mostItems) };
  return undefined;
}

function numeric(op: ArithmeticOp, left: NumberValue, right: NumberValue): Value {
  if (left.as === "float" || right.as === "float" || op === "/")
    return floatOf(floating(op, Number(left.value), Number(right.value)));
  const [a, b] = [BigInt(left.value), BigInt(right.value)];
  if (b === 0n && (op === "//" || op === "%")) return undefined;
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
    case "//":
      return Math.floor(a / b);
    default:
      return a - b * Math.floor(a / b);
  }
}

function floatOf(value: number): Value {
  return Number.isFinite(value) ? { kind: "number", value, as: "float" } : undefined;
}

function repeated(text: string, cut: boolean, { value, as }: NumberValue): Value {
  const times = Math.max(0, Number(value));
  if (as === "float" || cut || text.length * times > mostText) return undefined;
  return { kind: "string", text: text.repeat(times), cut: false };
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
      return { value: `${quoted(value.text)}${value.cut ? "…" : ""}`, type: "str" };
    case "list":
      return {
        value: `[${value.items.map((item) => (item === undefined ? "?" : printed(item).value)).join(", ")}]`,
        type: "list",
      };
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
  const inner = text.replace(/[\n\r\t\\]/g, (char) => escapes[char] ?? char);
  return `${quote}${quote === "'" ? inner.replaceAll("'", "\\'") : inner}${quote}`;
}
