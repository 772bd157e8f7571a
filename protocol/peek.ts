// The name of a message by the beginning of its body, without parsing it: what decides, for each message, whether it is looked at.
//
//   pydevd   digits TAB …                                   the digits
//   DAP      { … "command" : "continue" …  or  "event"      the command (of a request or response) or event
//
// Rules
// - Looked for in a window: every adapter known has it in the first 100 bytes. What stands behind it is not found.
// - A key of that name inside another object may be taken for it: then a message is looked at in vain. Each such key in the window is
//   tried, so that one never hides the right one.
// - It is done for each message: no text is made of a name that was met before.

import { frameBody, type Frame } from "./frame.ts";

/** How many bytes of a body are searched. */
export const nameWindow = 256;

const QUOTE = 34;
const TAB = 9;
const SPACE = 32;
const COLON = 58;
const BACKSLASH = 92;
const OBJECT = 123;
const LIST = 91;
const SMALL_C = 99;
const SMALL_E = 101;
const mostDigits = 9;
const longestName = 64;

const [command, event] = ["command", "event"].map((key) => Uint8Array.from(`"${key}"`, (char) => char.charCodeAt(0)));

/** Names that were met, each at a place that its bytes say; the last one there stays. */
const met: string[] = [];
const places = 256;

export function isCalled(frame: Frame, names: ReadonlySet<string>): boolean {
  const body = frameBody(frame);
  return peeked(body, 0, Math.min(nameWindow, body.length), names);
}

/**
 * The name of a message, where nothing else can be taken for it: in DAP the key stands before any other object or list. Undefined where
 * that is not so, or it is not found in the window.
 */
export function plainName(body: Uint8Array): string | undefined {
  const to = Math.min(nameWindow, body.length);
  const first = body[0] ?? 0;
  if (first >= 48 && first <= 57) return digits(body, 0, to);
  for (let at = 1; at < to; at++) {
    const byte = body[at];
    if (byte === OBJECT || byte === LIST) return undefined;
    if (byte !== QUOTE) continue;
    const key = keyAt(body, at, to);
    // `"type": "event"` has no name behind it.
    const name = key === undefined ? undefined : stringBehind(body, at + key.length, to);
    if (name !== undefined) return name;
  }
  return undefined;
}

/** True when the message whose body begins at `from` has one of the names; `to` ends the window or the body. */
export function peeked(bytes: Uint8Array, from: number, to: number, names: ReadonlySet<string>): boolean {
  const first = bytes[from] ?? 0;
  if (first >= 48 && first <= 57) return names.has(digits(bytes, from, to));
  for (let at = from; at < to; at++) {
    if (bytes[at] !== QUOTE) continue;
    const key = keyAt(bytes, at, to);
    if (key === undefined) continue;
    const name = stringBehind(bytes, at + key.length, to);
    if (name !== undefined && names.has(name)) return true;
    at += key.length - 1;
  }
  return false;
}

function digits(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let at = from; at < to && text.length <= mostDigits; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === TAB) return text;
    text += String.fromCharCode(byte);
  }
  return "";
}

/** The key of a name, if it stands there. */
function keyAt(bytes: Uint8Array, at: number, to: number): Uint8Array | undefined {
  const second = bytes[at + 1];
  const key = second === SMALL_C ? command : second === SMALL_E ? event : undefined;
  return key !== undefined && stands(key, bytes, at, to) ? key : undefined;
}

function stands(key: Uint8Array, bytes: Uint8Array, at: number, to: number): boolean {
  if (at + key.length > to) return false;
  for (let i = 1; i < key.length; i++) if (bytes[at + i] !== key[i]) return false;
  return true;
}

/** `: "text"`; undefined when something else stands there, or its end is out of the window. */
function stringBehind(bytes: Uint8Array, from: number, to: number): string | undefined {
  let at = from;
  while (at < to && isSpace(bytes[at] ?? 0)) at++;
  if (bytes[at] !== COLON) return undefined;
  at++;
  while (at < to && isSpace(bytes[at] ?? 0)) at++;
  if (bytes[at] !== QUOTE) return undefined;
  const start = at + 1;
  const last = Math.min(to, start + longestName);
  let place = 0;
  for (at = start; at < last; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === QUOTE) return textOf(bytes, start, at, place % places);
    if (byte === BACKSLASH) return undefined;
    place = (place * 31 + byte) & 0xff_ffff;
  }
  return undefined;
}

function textOf(bytes: Uint8Array, from: number, to: number, place: number): string {
  const known = met[place];
  if (known !== undefined && isText(known, bytes, from, to)) return known;
  let text = "";
  for (let at = from; at < to; at++) text += String.fromCharCode(bytes[at] ?? 0);
  met[place] = text;
  return text;
}

function isText(text: string, bytes: Uint8Array, from: number, to: number): boolean {
  if (text.length !== to - from) return false;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[from + i]) return false;
  return true;
}

function isSpace(byte: number): boolean {
  return byte === SPACE || byte === TAB || byte === 10 || byte === 13;
}
