import { fc } from "../helpers/property.ts";
import t from "tap";
import { dapPathNames, rewriteDapPaths } from "../../protocol/dap-paths.ts";
import { contentLengthFrame, frameBody } from "../../protocol/frame.ts";
import type { Frame, Side } from "../../protocol/frame.ts";
import { FrameReader } from "../../protocol/frame-reader.ts";
import { PathMap } from "../../protocol/path-map.ts";
import { decodePydevd, encodePydevd } from "../../protocol/pydevd.ts";
import { pydevdPathNames, rewritePydevdPaths } from "../../protocol/pydevd-paths.ts";
import { attributeQuoting, pythonQuote, wireQuoting, xmlEscape } from "../../protocol/pydevd-quoting.ts";
import { parsePydevdXml } from "../../protocol/pydevd-xml.ts";
import { capture, captures, stream } from "../helpers/captures.ts";

function frameOf(bytes: Uint8Array): Frame {
  const [frame] = new FrameReader("pydevd").push(bytes);
  if (frame === undefined) throw new Error("one frame was expected");
  return frame;
}

/** A line of any kind, also what the framer takes for garbage. */
const lineFrame = (line: string): Frame => {
  const bytes = Buffer.from(`${line}\n`);
  return { kind: "line", bytes, bodyStart: 0, bodyEnd: bytes.length - 1 };
};

const jsonFrame = (message: unknown) => frameOf(contentLengthFrame(Buffer.from(JSON.stringify(message))));
const text = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : Buffer.from(bytes).toString());
const other: Readonly<Record<Side, Side>> = { client: "debuggee", debuggee: "client" };

const openstack = { local: "/home/me/src/openstack", remote: "/opt/stack" };

// File names with everything that some layer of quoting means something by.
const meaningful = [...Array.from("ab.+%&\"'=> éß漢😀{}$@~#;|"), "%41", "&amp;", "\\"];
const segment = fc
  .string({ unit: fc.constantFrom(...meaningful), minLength: 1, maxLength: 8 })
  .filter((name) => name !== "." && name !== "..");
const below = fc.array(segment, { minLength: 1, maxLength: 4 }).map((names) => `/${names.join("/")}`);

t.test("the longest root of whole segments is replaced, what is no path is not", async (t) => {
  const map = new PathMap([
    { local: "/home/me/src/openstack/", remote: "/opt/stack" },
    { local: "/home/me/fork", remote: "/opt/stack/cinder/" },
    { local: "/data", remote: "/" },
  ]);
  t.equal(map.toRemote("/home/me/src/openstack/nova/a.py"), "/opt/stack/nova/a.py");
  t.equal(map.toRemote("/home/me/src/openstack"), "/opt/stack");
  t.equal(map.toRemote("/home/me/src/openstack2/a.py"), undefined);
  t.equal(map.toRemote("/home/me/fork/./x/../a.py"), "/opt/stack/cinder/./x/../a.py");
  t.equal(map.toRemote("/data"), "/");
  t.equal(map.toLocal("/opt/stack/cinder/a.py"), "/home/me/fork/a.py");
  t.equal(map.toLocal("/opt/stack/cinder-ui/a.py"), "/home/me/src/openstack/cinder-ui/a.py");
  t.equal(map.toLocal("/opt/stack/"), "/home/me/src/openstack/");
  t.equal(map.toLocal("/usr/lib/os.py"), "/data/usr/lib/os.py");
  for (const name of ["<string>", "<frozen os>", "", "a.py", "/home/me/src/openstack/\uFFFD.py", "*", "file:///%zz"]) {
    t.equal(map.toRemote(name), undefined, name);
    t.equal(map.toLocal(name), undefined, name);
  }
  t.ok(map.overlaps("/opt/stack/nova") && map.overlaps("/home/me") && !map.overlaps("") && !map.overlaps("."));
  t.ok(new PathMap([]).empty);
});

t.test("Windows roots match in any case and with both separators; the IDE gets its own spelling back", async (t) => {
  const map = new PathMap([
    { local: "C:\\Src\\Stack", remote: "/opt/stack" },
    { local: "\\\\nas\\share", remote: "/srv" },
    { local: "D:\\", remote: "/mnt/d" },
  ]);
  t.equal(map.toLocal("/opt/stack/nova/a.py"), "C:\\Src\\Stack\\nova\\a.py");
  t.equal(map.toRemote("c:/src/STACK/nova/A.py"), "/opt/stack/nova/A.py");
  t.equal(map.toLocal("/opt/stack/nova/A.py"), "c:/src/STACK/nova/A.py");
  t.equal(map.toLocal("\\opt\\stack\\b.py"), "C:\\Src\\Stack\\b.py", "pydevd that believes in a Windows client");
  t.equal(map.toRemote("//NAS/share/x.py"), "/srv/x.py");
  t.equal(map.toRemote("d:\\x.py"), "/mnt/d/x.py");
  t.equal(map.toLocal("/mnt/d"), "D:\\");
  t.equal(map.toRemote("C:\\Src\\Stack2\\a.py"), undefined);
  t.equal(map.toRemote("file:///c%3A/Src/Stack/a%20b.py"), "file:///opt/stack/a%20b.py");
  t.equal(map.toLocal("file:///opt/stack/a%20b.py"), "file:///c%3A/Src/Stack/a%20b.py");
  t.equal(map.toLocal("file:///srv/a.py"), "file://nas/share/a.py");

  const both = new PathMap([{ local: "/home/me", remote: "C:\\app" }]);
  t.equal(both.toRemote("/home/me/a/b.py"), "C:\\app\\a\\b.py");
  t.equal(both.toLocal("c:/APP/a/b.py"), "/home/me/a/b.py");
});

t.test("symlinks: a path under either form maps, and comes back as the IDE wrote it", async (t) => {
  const map = new PathMap([
    { ...openstack, resolved: { local: "/mnt/disk/openstack", remote: "/var/stack" } },
    { local: "/home/me/fork", remote: "/opt/stack" },
  ]);
  t.equal(map.toRemote("/mnt/disk/openstack/a.py"), "/opt/stack/a.py");
  t.equal(map.toLocal("/var/stack/a.py"), "/mnt/disk/openstack/a.py");
  t.equal(map.toLocal("/opt/stack/a.py"), "/mnt/disk/openstack/a.py");
  t.equal(map.toRemote("/home/me/fork/b.py"), "/opt/stack/b.py");
  t.equal(map.toLocal("/opt/stack/b.py"), "/home/me/fork/b.py");
  map.toRemote("/home/me/src/openstack/a.py");
  t.equal(map.toLocal("/opt/stack/a.py"), "/home/me/src/openstack/a.py", "the last one counts");
  for (let n = 0; n < 5000; n++) map.toRemote(`/home/me/fork/${n}.py`);
  t.equal(map.toLocal("/opt/stack/b.py"), "/home/me/src/openstack/b.py", "the memory is bounded");
});

t.test("property: a local path that maps comes back as it was, in every style and as a URI", async () => {
  const roots = fc.constantFrom(
    openstack,
    { local: "C:\\Users\\me\\src", remote: "/opt/stack" },
    { local: "/", remote: "/mnt" },
    { local: "/home/a b+c%20", remote: "/opt/ü&<x>" },
    { local: "\\\\nas\\share", remote: "D:\\srv" },
  );
  fc.assert(
    fc.property(
      fc.array(roots, { minLength: 1, maxLength: 3 }),
      below,
      fc.boolean(),
      fc.boolean(),
      (all, rest, slashes, uri) => {
        const map = new PathMap(all);
        const [{ local } = openstack] = all;
        const windows = local.includes("\\");
        const plain = `${local === "/" ? "" : local}${windows && !slashes ? rest.replaceAll("/", "\\") : rest}`;
        const encoded = plain.replaceAll("\\", "/").split("/").map(encodeURIComponent).join("/");
        const path = !uri
          ? plain
          : encoded.startsWith("/") && !windows
            ? `file://${encoded}`
            : encoded.startsWith("//")
              ? `file:${encoded}`
              : `file:///${encoded}`;
        const remote = map.toRemote(path);
        return remote !== undefined && map.toLocal(remote) === path;
      },
    ),
    { numRuns: 500 },
  );
});

// Every row of the table, with § where a path stands; what else stands there must come through.
const source = {
  name: "a.py",
  path: "§",
  origin: "§ is not touched",
  sourceReference: 0,
  checksums: [{ checksum: "§" }],
};
const nested = { ...source, sources: [source, { path: "§", sources: [source] }] };
const config = {
  program: "§",
  cwd: "§",
  python: ["§", "-u"],
  pythonPath: "§",
  env: { PYTHONPATH: "§:/usr/x", MY_DIR: "§" },
  rules: [{ path: "§", include: true }],
};
const trace = 'Traceback:\n  File "§", line 3, in main\n';

const requests: Readonly<Record<string, unknown>> = {
  setBreakpoints: { source: nested, breakpoints: [{ line: 3 }] },
  breakpointLocations: { source, line: 1 },
  gotoTargets: { source, line: 1 },
  source: { source, sourceReference: 0 },
  evaluate: { source, expression: "'§ in code stays'" },
  launch: config,
  attach: config,
  restart: { arguments: config },
  setDebuggerProperty: { dontTraceStartPatterns: ["§", "x"], dontTraceEndPatterns: ["/a.py"] },
  setPydevdSourceMap: { source, pydevdSourceMaps: [{ line: 1, runtimeSource: { path: "§" } }] },
};
const responses: Readonly<Record<string, unknown>> = {
  ...Object.fromEntries(
    ["", "Function", "Exception", "Data", "Instruction"].map((kind) => [
      `set${kind}Breakpoints`,
      {
        breakpoints: [
          { id: 0, source: nested },
          { verified: false, message: "§" },
        ],
      },
    ]),
  ),
  stackTrace: { stackFrames: [{ id: 1, source: nested, moduleId: "§" }, { id: 2 }], totalFrames: 2 },
  scopes: { scopes: [{ name: "Locals", source: {} }, { source }] },
  loadedSources: { sources: [source, nested] },
  modules: { modules: [{ id: 1, name: "m", path: "§", symbolFilePath: "§" }] },
  disassemble: { instructions: [{ location: source }] },
  locations: { source, line: 4 },
  exceptionInfo: {
    description: "§",
    details: { source: "§", stackTrace: trace, innerException: [{ stackTrace: trace, source: "§" }] },
  },
};
const events: Readonly<Record<string, unknown>> = {
  output: { source, output: "§ stays" },
  breakpoint: { reason: "changed", breakpoint: { id: 0, source } },
  module: { module: { path: "§", symbolFilePath: "§" } },
  loadedSource: { source },
  process: { name: "§", systemProcessId: 3 },
  debugpyAttach: { ...config, connect: { host: "127.0.0.1", port: 5678 } },
};
const reverse: Readonly<Record<string, unknown>> = {
  runInTerminal: { cwd: "§", args: ["§", "--x=§"], env: { PATH: "§:/bin", D: "§" } },
  startDebugging: { request: "attach", configuration: config },
};
const untouched =
  /§(?= is not touched| in code| stays)|(?<="(?:checksum|moduleId|message|description)":")§|(?<=--x=)§/g;

const rows: readonly { readonly side: Side; readonly name: string; readonly message: Record<string, unknown> }[] = [
  ...Object.entries(requests).map(([name, args]) => ({
    side: "client" as const,
    name,
    message: { type: "request", command: name, arguments: args },
  })),
  ...Object.entries(responses).map(([name, body]) => ({
    side: "debuggee" as const,
    name,
    message: { type: "response", request_seq: 4, success: true, command: name, body },
  })),
  ...Object.entries(events).map(([name, body]) => ({
    side: "debuggee" as const,
    name,
    message: { type: "event", event: name, body },
  })),
  ...Object.entries(reverse).map(([name, args]) => ({
    side: "debuggee" as const,
    name,
    message: { type: "request", command: name, arguments: args },
  })),
];

/** The message with a path at every place, in odd but valid JSON: spaces, a big number, escapes, an unknown key. */
function rowFrame(message: Record<string, unknown>, path: string): Frame {
  const kept = JSON.stringify(message).replace(untouched, (match) => match.replace("§", "KEPT"));
  const inner = JSON.stringify(path).slice(1, -1);
  const json = kept
    .replaceAll("§", () => inner)
    .replaceAll("KEPT", "§")
    .replaceAll('":', '" : ');
  return frameOf(
    contentLengthFrame(Buffer.from(`{"seq":3, "big":12345678901234567890123, "esc":"\\u00e9\\/", ${json.slice(1)}\n`)),
  );
}

t.test("DAP: the names are those of the rows below, so none is untested", async (t) => {
  for (const side of ["client", "debuggee"] as const) {
    const tested = rows.filter((row) => row.side === side).map((row) => row.name);
    t.strictSame([...dapPathNames[side]].sort(), tested.sort());
  }
});

t.test("DAP property: every field goes over and comes back, and no other byte changes", async () => {
  const list = below.filter((rest) => !/[:;]/.test(rest));
  fc.assert(
    fc.property(fc.constantFrom(...rows), list, ({ side, message }, rest) => {
      const local = `/home/me/src/openstack${rest}`;
      const remote = `/opt/stack${rest}`;
      // `"` ends a path in a traceback.
      if (rest.includes('"')) return;
      const [from, to] = side === "client" ? [local, remote] : [remote, local];
      for (const rewrite of [rewriteDapPaths, rewritePydevdPaths]) {
        const map = new PathMap([openstack]);
        const wanted = rowFrame(message, to).bytes;
        const over = rewrite(rowFrame(message, from), map, side);
        if (text(over) !== text(wanted)) throw new Error(`${text(over)}\nwanted ${text(wanted)}`);
        if (rewrite(rowFrame(message, "/elsewhere/a.py"), map, side) !== undefined) throw new Error("changed in vain");
        if (rewrite(rowFrame(message, "<string>"), map, side) !== undefined) throw new Error("<string> is no path");
        if (rewrite(rowFrame(message, from), map, other[side]) !== undefined && side === "client")
          throw new Error("wrong way");
      }
    }),
    { numRuns: 400 },
  );
});

t.test("DAP: text that the debuggee has keeps its path; what is not JSON, or no message, stays", async (t) => {
  const map = new PathMap([openstack]);
  const stack = (source: unknown) =>
    jsonFrame({
      seq: 1,
      type: "response",
      request_seq: 1,
      success: true,
      command: "stackTrace",
      body: { stackFrames: [{ source }] },
    });
  t.equal(rewriteDapPaths(stack({ path: "/opt/stack/a.py", sourceReference: 7 }), map, "debuggee"), undefined);
  t.match(
    text(rewriteDapPaths(stack({ sources: [{ path: "/opt/stack/a.py" }], sourceReference: 7 }), map, "debuggee")),
    '"/home/me/src/openstack/a.py"',
  );
  for (const odd of [null, 3, [], "x", { path: 3 }, { path: ["/x"] }, { sources: {} }])
    t.equal(rewriteDapPaths(stack(odd), map, "debuggee"), undefined);
  for (const body of [
    "{",
    "[]",
    "null",
    '{"seq":1,"type":"event","event":"module"}',
    '{"seq":1,"type":"event","event":"__proto__"}',
  ])
    t.equal(rewriteDapPaths(frameOf(contentLengthFrame(Buffer.from(body))), map, "debuggee"), undefined, body);
  let deep: unknown = { path: "/opt/stack/a.py" };
  for (let n = 0; n < 2000; n++) deep = { sources: [deep] };
  t.equal(rewriteDapPaths(stack(deep), map, "debuggee"), undefined);
});

t.test("mappings of the client that overlap ours do not reach the debuggee, others do as they came", async (t) => {
  const map = new PathMap([openstack]);
  const mine = '{"localRoot":"/home/me/src/openstack/nova", "remoteRoot":"."}';
  const far = '{ "localRoot" : "/lib", "remoteRoot":"/usr/é" }';
  const attach = (list: string) =>
    frameOf(
      contentLengthFrame(
        Buffer.from(
          `{"seq":1,"type":"request","command":"attach","arguments":{"pathMappings":${list}, "justMyCode": true}}`,
        ),
      ),
    );
  t.equal(
    text(rewriteDapPaths(attach(`[${mine}, ${far}]`), map, "client"))?.split("arguments")[1],
    `":{"pathMappings":[${far}], "justMyCode": true}}`,
  );
  t.equal(rewriteDapPaths(attach(`[${far}]`), map, "client"), undefined);
  t.equal(rewriteDapPaths(attach("null"), map, "client"), undefined);
  const json = frameOf(Buffer.from(`162\t5\t{"pathMappings": [${far},${mine}], "force": false}\n`));
  t.equal(text(rewritePydevdPaths(json, map, "client")), `162\t5\t{"pathMappings": [${far}], "force": false}\n`);
  t.equal(rewritePydevdPaths(frameOf(Buffer.from("162\t5\t{pathMappings\n")), map, "client"), undefined);
});

const commands: readonly (readonly [id: string, text: string])[] = [
  ["111", "1\tpython-line\tPATH\t12\tNone\tn == '/home/me/src/openstack'\tNone\tNone\tFalse\tALL"],
  ["111", "python-line\tPATH\t12\tmain\tNONE\t/home/me/src/openstack\tNone"],
  ["112", "python-line\tPATH\t12"],
  ["119", "cinder.api\tPATH"],
  ["124", "PATH"],
  ["132", "PATH"],
  ["140", "REPLACE:PATH|3||PATH|17||/elsewhere|1"],
  ["140", "PATH|3"],
  ["202", "PATH\t/elsewhere\tPATH"],
];

t.test("pydevd property: every field of the client goes over, and no other byte changes", async () => {
  fc.assert(
    fc.property(fc.constantFrom(...commands), below, fc.constantFrom("", "\r"), ([id, line], rest, cr) => {
      const name = rest.replaceAll("|", "!");
      const map = new PathMap([openstack]);
      const frame = (path: string) => frameOf(Buffer.from(`${id}\t7\t${line.replaceAll("PATH", () => path)}${cr}\n`));
      const over = rewritePydevdPaths(frame(`/home/me/src/openstack${name}`), map, "client");
      const wanted = text(frame(`/opt/stack${name}`).bytes);
      if (text(over) !== wanted) throw new Error(`${text(over)}\nwanted ${wanted}`);
      if (rewritePydevdPaths(frame("/elsewhere/a.py"), map, "client") !== undefined) throw new Error("changed in vain");
      if (rewritePydevdPaths(frame("<string>"), map, "client") !== undefined) throw new Error("<string> is no path");
    }),
    { numRuns: 300 },
  );
});

t.test("pydevd: EXECFILE's file is form-coded, EXEC's code and short commands stay", async (t) => {
  const map = new PathMap([openstack]);
  const rewrite = (line: string) => text(rewritePydevdPaths(lineFrame(line), map, "client"));
  t.equal(
    rewrite("135\t7\tt\tf\tFRAME\ta||EXECFILE\t%2Fhome%2Fme%2Fsrc%2Fopenstack%2Fa+b%2B.py\tfn"),
    "135\t7\tt\tf\tFRAME\ta||EXECFILE\t/opt/stack/a%20b%2B.py\tfn\n",
  );
  for (const line of [
    "135\t7\tt\tf\tFRAME||EXEC\t/home/me/src/openstack\tfn",
    "135\t7\t/home/me/src/openstack",
    "135\t7\t||",
    "111\t7\t",
    "111\t7\t1\tpython-line",
    "112\t7\tpython-line\t*\t3",
    "140\t7\t",
    "124\t7\t",
    "101\t7\t",
    "x",
    "111\t7",
  ])
    t.equal(rewrite(line), undefined, JSON.stringify(line));
});

// pydevd's own layers (frame: XML-escape, then quote), as its make_thread_suspend_str writes them.
const frameTag = (file: string) =>
  `<frame id="1" name="&lt;module&gt;" file="${attributeQuoting.file.encode(file)}" line="3"></frame>`;
const thread = (file: string) =>
  `<xml><thread id="pid_1_id_2" stop_reason="111" message="" suspend_type="trace">${frameTag(file)}${frameTag("/usr/lib/a.py")}${frameTag("<string>")}</thread></xml>`;
const told: readonly (readonly [id: number, text: (file: string) => string])[] = [
  [105, thread],
  [142, thread],
  [152, thread],
  [155, thread],
  [138, (file) => `1\t&lt;class 'KeyError'&gt;\t'file=&quot;/opt/stack/x&quot;'\t${thread(file)}`],
  [136, (file) => `pid_1\tNameError\t<xml>${frameTag(file)}</xml>`],
  [130, (file) => `<xml><call_signature file="${xmlEscape(file)}" name="f"></call_signature></xml>`],
  [
    145,
    (file) => `<xml><threading_event time="1" name="a" file="${xmlEscape(file)}" line="2"/>${frameTag(file)}</xml>`,
  ],
];

// As Java's URLDecoder: what PyDev does to the whole payload of a line, and both Java IDEs to each attribute.
const urlDecode = (coded: string) => decodeURIComponent(coded.replaceAll("+", " "));
const xmlAttribute = (raw: string) =>
  raw.replace(/&(amp|lt|gt|quot);/g, (_, name: string) => ({ amp: "&", lt: "<", gt: ">", quot: '"' })[name] ?? "");

t.test(
  "pydevd property: every file comes out in the IDE's words, by Java's decoding and by ours, in both framings",
  async () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...told),
        below,
        fc.constantFrom("line" as const, "header" as const),
        ([id, text], rest, framing) => {
          const map = new PathMap([{ local: "/home/Zoë+ 100%/src", remote: "/opt/stack" }]);
          const local = `/home/Zoë+ 100%/src${rest}`;
          const frame = (file: string) => frameOf(encodePydevd(id, 4, text(file), { side: "debuggee", framing }));
          const over = rewritePydevdPaths(frame(`/opt/stack${rest}`), map, "debuggee");
          if (over === undefined) throw new Error("not mapped");
          const body = Buffer.from(frameBody(frameOf(over)))
            .toString()
            .split("\t")
            .slice(2)
            .join("\t");
          const payload = framing === "line" ? urlDecode(body) : body;
          const files = [...payload.matchAll(/ file="([^"]*)"/g)].map(([, raw = ""]) => urlDecode(xmlAttribute(raw)));
          if (files[0] !== local || (id === 145 && files[1] !== local))
            throw new Error(`${files.join()}\nwanted ${local}`);
          const decoded = decodePydevd(frameOf(over), "debuggee");
          const parsed = parsePydevdXml(decoded?.text ?? "");
          const ours = (parsed?.threads[0]?.frames ?? parsed?.frames)?.[0]?.file;
          // A name that looks like an entity cannot be right for who undoes XML twice and for who does not.
          if (id !== 130 && !rest.includes("&amp;") && ours !== local) throw new Error(`${ours}\nwanted ${local}`);
          // All but the files is as it came.
          const blank = (bytes: Uint8Array) =>
            Buffer.from(frameBody(frameOf(bytes)))
              .toString()
              .replace(/ file="[^"]*"/g, "");
          if (blank(over) !== blank(frame(`/opt/stack${rest}`).bytes)) throw new Error("other bytes changed");
          if (rewritePydevdPaths(frame("/elsewhere/a.py"), map, "debuggee") !== undefined)
            throw new Error("changed in vain");
          if (rewritePydevdPaths(frame("<string>"), map, "debuggee") !== undefined)
            throw new Error("<string> is no path");
        },
      ),
      { numRuns: 400 },
    );
  },
);

t.test("pydevd: the ids are those tested above", async (t) => {
  const ids = (side: Side) => [...pydevdPathNames[side]].filter((name) => /^\d+$/.test(name)).sort();
  t.strictSame(ids("client"), [...new Set([...commands.map(([id]) => id), "135", "162"])].sort());
  t.strictSame(ids("debuggee"), told.map(([id]) => String(id)).sort());
});

t.test("golden: recorded stops, on a line and with http", async (t) => {
  const map = new PathMap([{ local: "C:\\work\\demo svc", remote: "/srv/demo-svc/demo" }]);
  const golden = (file: string, side: Side, start: string) => {
    for (const frame of new FrameReader("pydevd").push(stream(capture(file), side)))
      if (text(frameBody(frame))?.startsWith(start) === true) return text(rewritePydevdPaths(frame, map, side));
    throw new Error(`${file} has no ${start}`);
  };
  t.equal(
    golden("pydevd-line-2.9.5.bin", "debuggee", "105\t6"),
    '105\t6\t<xml><thread id="pid_18773_id_140302350377232" stop_reason="111" message="" suspend_type="trace"><frame id="140302329262336" name="%26lt%3Bmodule%26gt%3B" file="C%253A%255Cwork%255Cdemo svc%255Capp.py" line="28"></frame></thread></xml>\n',
  );
  t.equal(golden("pydevd-line-2.9.5.bin", "client", "111\t"), undefined, "a relative path is not in any root");
  t.match(
    golden("pydevd-http.bin", "debuggee", "105\t6"),
    /^Content-Length: 423\r\n\r\n105\t6\t.* file="C%3A%5Cwork%5Cdemo svc%5Cmulti\.py" line="6">/,
  );
  // What pydevd 2.9.5 wrote for /tmp/wt/sv c+%41&é/app.py, on a line and with http.
  const odd = new PathMap([{ local: "/home/me/sv", remote: "/tmp/wt/sv c+%41&é" }]);
  const stop = (file: string) =>
    `105\t6\t<xml><thread id="p"><frame id="1" name="f" file="${file}" line="4"></frame></thread></xml>`;
  t.equal(
    text(
      rewritePydevdPaths(lineFrame(stop("/tmp/wt/sv c%252B%252541%2526amp%253B%25C3%25A9/app.py")), odd, "debuggee"),
    ),
    `${stop("/home/me/sv/app.py")}\n`,
  );
  const http = frameOf(contentLengthFrame(Buffer.from(stop("/tmp/wt/sv c%2B%2541%26amp%3B%C3%A9/app.py"))));
  t.equal(
    text(rewritePydevdPaths(http, odd, "debuggee")),
    text(contentLengthFrame(Buffer.from(stop("/home/me/sv/app.py")))),
  );
  t.match(
    golden("pydevd-exceptions.bin", "debuggee", "138\t6"),
    /\t<xml>.*name="main" file="C%253A%255Cwork%255Cdemo svc%255Cmulti\.py"/,
  );
});

t.test(
  "every recorded frame: rewritten where it has a path of the VM, in vain nowhere, and back again the same",
  async (t) => {
    const counts = { dap: 0, pydevd: 0 };
    const roots = ["/srv/demo-svc", "/usr/lib"];
    const there = roots.map((root) => ({ local: `/here${root}`, remote: root }));
    const back = there.map(({ local, remote }) => ({ local: remote, remote: local }));
    for (const recorded of captures()) {
      const rewrite = recorded.wire === "dap" ? rewriteDapPaths : rewritePydevdPaths;
      for (const side of ["client", "debuggee"] as const) {
        for (const frame of new FrameReader("pydevd").push(stream(recorded, side))) {
          t.equal(rewrite(frame, new PathMap([openstack]), side), undefined);
          t.equal(rewrite(frame, new PathMap([]), side), undefined);
          const forth = new PathMap(side === "client" ? back : there);
          const over = rewrite(frame, forth, side);
          if (over === undefined) continue;
          counts[recorded.wire]++;
          const again = rewrite(frameOf(over), new PathMap(side === "client" ? there : back), side);
          t.equal(text(again), text(frame.bytes), recorded.file);
          const rest = (bytes: Uint8Array) => text(frameBody(frameOf(bytes)))?.replaceAll("/here/", "/");
          t.equal(rest(over), rest(frame.bytes));
        }
      }
    }
    t.ok(counts.dap > 50 && counts.pydevd > 40, JSON.stringify(counts));
  },
);

t.test("property: nothing that comes in makes it throw", async () => {
  const map = new PathMap([openstack, { local: "C:\\a", remote: "/" }]);
  const piece = fc.constantFrom(
    "105\t1\t",
    "111\t1\t",
    "140\t-1\t",
    "135\t1\t||EXECFILE\t",
    '<frame file="',
    '"',
    "/opt/stack",
    "%2",
    "%ff",
    "\t",
    "|",
    "\\",
    '{"seq":1,"type":"event","event":"module","body":',
    '{"module":{"path":',
    "}",
    "[",
    "\u0000",
    "😀",
  );
  fc.assert(
    fc.property(
      fc.array(fc.oneof(piece, fc.string()), { maxLength: 8 }),
      fc.constantFrom<Side>("client", "debuggee"),
      (pieces, side) => {
        const bytes = Buffer.from(pieces.join(""));
        for (const kind of ["line", "header"] as const) {
          const frame =
            kind === "line"
              ? { kind, bytes: Buffer.concat([bytes, Buffer.from("\n")]), bodyStart: 0, bodyEnd: bytes.length }
              : frameOf(contentLengthFrame(bytes));
          rewriteDapPaths(frame, map, side);
          rewritePydevdPaths(frame, map, side);
        }
        map.toLocal(pieces.join(""));
        map.toRemote(pieces.join("/"));
      },
    ),
    { numRuns: 1000 },
  );
});

t.test("the encodings are those of the reference", async (t) => {
  t.equal(wireQuoting.encode(pythonQuote("/a+b%c é", "/>_= ")), "/a%252Bb%2525c %25C3%25A9");
});
