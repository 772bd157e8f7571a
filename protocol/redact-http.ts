// Takes the secrets out of the body of an HTTP message.
//
// Rules
// - JSON stays JSON: each value by what it stands under. What is cut off is text like any other.
// - Of a form with parts, one whose name is that of a secret is masked whole.
import { failedMarker } from "./redact.ts";
import type { Redactor } from "./redact.ts";
import { redactJson } from "./redact-json.ts";

/** Head of a part, its name, its content. */
const part =
  /(Content-Disposition:(?:(?!\bname=")[^\r\n]){0,1000}\bname="([^"\r\n]{0,200})"[^\r\n]{0,1000}(?:\r?\n[^\r\n]{1,1000}){0,20}\r?\n\r?\n)([\s\S]*?)(?=\r?\n--|$)/gi;

export function redactBody(text: string, redactor: Redactor): string {
  if (isJson(text)) {
    try {
      return redactJson(text, redactor);
    } catch {
      return failedMarker;
    }
  }
  if (!/form-data/i.test(text)) return redactor.text(text);
  const masked = text.replace(part, (whole, head: string, name: string, content: string) =>
    content !== "" && redactor.names.kind(name) !== undefined ? `${head}${redactor.marker(content)}` : whole,
  );
  return redactor.text(masked);
}

function isJson(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
