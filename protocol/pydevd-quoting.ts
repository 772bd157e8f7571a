// The layers of quoting in pydevd's text protocol. Getting one too many or too few is its classic bug.
//
// debuggee -> client
//   wire     the third field of a quoted line (not of a Content-Length frame)     quote(safe `/<>_=" space tab`)
//   then, in an XML payload, by attribute:
//   value    var name and value, io s, comp p0..p3    quote(safe `/>_= space`), then XML-escape
//   file     frame file                               XML-escape, then quote(safe `/>_= space tab`)
//   thread   thread name                              XML-escape, then quote(safe `/`)
//   plain    all others                               XML-escape
//   Text payloads (124, 132, 205, 501, 104, 106, 139, 901) have the wire layer only.
//
// client -> debuggee: no percent coding; a tab ends a field and a newline the command, so they are written as words
//   condition and expression of 111 and 122     @_@NEW_LINE_CHAR@_@  @_@TAB_CHAR@_@
//   text of 113, 115, 117                       @LINE@
//   keys in the locators of 110 and 117         @_@TAB_CHAR@_@
//
// Rules
// - Decoders take anything: a `%` without two hex digits stays, bytes that are not UTF-8 become U+FFFD, as in Python.
// - PyDev and PyCharm decode with Java's URLDecoder, which makes `+` a space: pythonQuote writes it `%2B`, as Python does.

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Python's urllib.parse.quote: UTF-8, all percent-coded but `A-Z a-z 0-9 _ . - ~` and the characters of `safe` (ASCII). */
export function pythonQuote(text: string, safe: string): string {
  return text.replace(/[^A-Za-z0-9_.~-]+/g, (run) => {
    let coded = "";
    for (const byte of encoder.encode(run)) {
      const char = String.fromCharCode(byte);
      coded += byte < 128 && safe.includes(char) ? char : (percented[byte] ?? "");
    }
    return coded;
  });
}

const percented = Array.from({ length: 256 }, (_, byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`);

/** Python's urllib.parse.unquote. */
export function unquote(text: string): string {
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) =>
    decoder.decode(Uint8Array.from(run.slice(1).split("%"), (hex) => Number.parseInt(hex, 16))),
  );
}

/** pydevd's make_valid_xml_value. */
export function xmlEscape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** The reverse of {@link xmlEscape}. */
export function xmlUnescape(text: string): string {
  return text.replace(/&(amp|lt|gt|quot);/g, (_, name: string) => entities[name] ?? "");
}

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"' };

/** One way of writing text. */
export interface Quoting {
  encode(text: string): string;
  decode(text: string): string;
}

/** The third field of a line that the debuggee sends. */
export const wireQuoting: Quoting = {
  encode: (text) => pythonQuote(text, '/<>_=" \t'),
  decode: unquote,
};

/** Attributes: `encode` gives what stands between the quotes; `decode` takes what an XML parser gives for it. */
export const attributeQuoting: Readonly<Record<"value" | "file" | "thread" | "plain", Quoting>> = {
  value: { encode: (text) => xmlEscape(pythonQuote(text, "/>_= ")), decode: unquote },
  file: { encode: (text) => pythonQuote(xmlEscape(text), "/>_= \t"), decode: (text) => xmlUnescape(unquote(text)) },
  thread: { encode: (text) => pythonQuote(xmlEscape(text), "/"), decode: (text) => xmlUnescape(unquote(text)) },
  plain: { encode: xmlEscape, decode: (text) => text },
};

/** Conditions and expressions of breakpoints. */
export const conditionQuoting: Quoting = {
  encode: (text) => text.replaceAll("\n", "@_@NEW_LINE_CHAR@_@").replaceAll("\t", "@_@TAB_CHAR@_@"),
  decode: (text) => text.replaceAll("@_@NEW_LINE_CHAR@_@", "\n").replaceAll("@_@TAB_CHAR@_@", "\t"),
};

/** Code to evaluate or to execute. */
export const expressionQuoting: Quoting = {
  encode: (text) => text.replaceAll("\n", "@LINE@"),
  decode: (text) => text.replaceAll("@LINE@", "\n"),
};

/** One key in a variable's locator. */
export const locatorQuoting: Quoting = {
  encode: (text) => text.replaceAll("\t", "@_@TAB_CHAR@_@"),
  decode: (text) => text.replaceAll("@_@TAB_CHAR@_@", "\t"),
};
