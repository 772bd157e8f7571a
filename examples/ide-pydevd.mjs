// A scripted IDE for the pydevd wire: it listens like PyCharm's Python Debug Server, but serves many connections at once,
// because a forked worker is a second connection. It sets breakpoints, prints stack and locals at each hit, and resumes.
//
//   node examples/ide-pydevd.mjs --listen 5678 --break /opt/app/api.py:42 [--break …] [--hits N] [--service NAME] [--json]
//
// The wire, as far as it is used here. A message is one line:  command TAB sequence TAB text NEWLINE
//   the IDE speaks first:   501 version · 111 set breakpoint · 101 run; the program waits in settrace() until 101
//   the program answers:    103 a thread is there · 105 a thread has stopped, with its stack · 106 it runs again · 104 it ended
//   while it is stopped:    114 asks for the variables of a frame and is answered by 114, or by 901, an error
// The IDE numbers its messages 1, 3, 5…, the program 2, 4, 6…; an answer repeats the number of its question.
//
// With --json stdout carries one line a hit, {service, file, line, function, stack, locals}, and the rest goes to stderr.
// Nothing but Node is needed. It ends after N hits, or on Ctrl-C.
import { createServer } from "node:net";
import { parseArgs } from "node:util";

const command = { setBreak: 111, run: 101, threadCreate: 103, threadKill: 104, suspend: 105, resume: 106 };
const getFrame = 114;
const version = 501;
const error = 901;

const { values: options } = parseArgs({
  options: {
    listen: { type: "string" },
    break: { type: "string", multiple: true, default: [] },
    hits: { type: "string", default: "Infinity" },
    service: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
if (options.listen === undefined) {
  console.error(
    "usage: node examples/ide-pydevd.mjs --listen PORT --break FILE:LINE [--hits N] [--service NAME] [--json]",
  );
  process.exit(2);
}
const say = options.json ? console.error : console.log;
const breakpoints = options.break.map((text) => {
  const colon = text.lastIndexOf(":");
  return { file: text.slice(0, colon), line: Number(text.slice(colon + 1)) };
});

/** One connection: one process under the debugger. */
class Session {
  #socket;
  #name;
  #next = 1;
  /** Question number -> what to do with the answer. */
  #pending = new Map();

  constructor(socket, name) {
    this.#socket = socket;
    this.#name = name;
    let rest = "";
    socket.setEncoding("utf8").setNoDelay(true);
    socket.on("data", (chunk) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop();
      for (const line of lines) this.#receive(line);
    });
    socket.on("end", () => this.#say("the program has closed the connection"));
    socket.on("error", (reason) => this.#say(`connection lost: ${reason.message}`));
    socket.on("close", () => {
      for (const { reject } of this.#pending.values()) reject(new Error("the connection was closed"));
    });
  }

  start() {
    this.#send(version, "1.1", "UNIX", "ID");
    for (const [index, { file, line }] of breakpoints.entries()) {
      // id, type, file, line, function (None: any), condition, expression, hit condition, is a logpoint, suspend policy
      this.#send(
        command.setBreak,
        index + 1,
        "python-line",
        file,
        line,
        "None",
        "None",
        "None",
        "None",
        "False",
        "NONE",
      );
    }
    this.#send(command.run, "");
    this.#say(`connected; sent 501, ${breakpoints.length} x 111, 101`);
  }

  #say(text) {
    say(`${this.#name}: ${text}`);
  }

  #send(id, ...fields) {
    const seq = this.#next;
    this.#next += 2;
    this.#socket.write(`${id}\t${seq}\t${fields.join("\t")}\n`);
    return seq;
  }

  #ask(id, ...fields) {
    const seq = this.#send(id, ...fields);
    return new Promise((resolve, reject) => this.#pending.set(seq, { resolve, reject }));
  }

  #receive(line) {
    const [id, seq, payload = ""] = line.split("\t", 3);
    const text = percentDecode(payload);
    const waiting = this.#pending.get(Number(seq));
    this.#pending.delete(Number(seq));
    if (waiting !== undefined) {
      if (Number(id) === error) waiting.reject(new Error(text));
      else waiting.resolve(text);
    } else if (Number(id) === command.threadCreate) {
      const thread = elements(text, "thread")[0];
      this.#say(`thread ${percentDecode(thread.name)} is ${thread.id}`);
    } else if (Number(id) === command.suspend) {
      this.#stopped(text).catch((reason) => this.#say(`the stop could not be read: ${reason.message}`));
    } else if (Number(id) === command.resume) {
      this.#say("resumed");
      if (hits >= Number(options.hits)) finish();
    } else if (Number(id) === command.threadKill) {
      this.#say(`thread ${text} has ended`);
    }
  }

  async #stopped(xml) {
    const thread = elements(xml, "thread")[0].id;
    const frames = elements(xml, "frame");
    const stack = frames.map((frame) => ({
      // Of all attributes a frame's file and name alone are escaped for XML first and quoted second.
      function: xmlDecode(percentDecode(frame.name)),
      file: xmlDecode(percentDecode(frame.file)),
      line: Number(frame.line),
    }));
    const reply = await this.#ask(getFrame, thread, frames[0].id, "FRAME");
    const locals = {};
    for (const variable of elements(reply, "var")) {
      locals[percentDecode(variable.name)] = withoutType(percentDecode(variable.value ?? ""));
    }
    hits += 1;
    report(this.#name, { ...stack[0], stack, locals });
    this.#send(command.resume, thread);
  }
}

/** The attributes of every element with that name, XML-decoded. The program writes flat XML, so a pattern will do. */
function elements(xml, name) {
  return [...xml.matchAll(new RegExp(`<${name} ([^>]*)>`, "g"))].map(([, attributes]) =>
    Object.fromEntries([...attributes.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, xmlDecode(value)])),
  );
}

function xmlDecode(text) {
  const entities = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (_, entity) => entities[entity]);
}

function percentDecode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `str: hello` and `<class 'list'>: [1]` without the type in front. */
function withoutType(value) {
  return value.replace(/^(?:<class '[^']*'>|[\w.]+): /, "");
}

function report(session, { file, line, function: name, stack, locals }) {
  if (options.json) {
    const service = options.service === undefined ? {} : { service: options.service };
    console.log(JSON.stringify({ ...service, file, line, function: name, stack, locals }));
    return;
  }
  say(`${session}: stopped in ${name} at ${file}:${line}`);
  for (const frame of stack) say(`    ${frame.function}  ${frame.file}:${frame.line}`);
  for (const [key, value] of Object.entries(locals)) say(`  ${key} = ${value}`);
}

let hits = 0;
let connections = 0;
const sockets = new Set();
const server = createServer((socket) => {
  sockets.add(socket);
  socket.on("close", () => sockets.delete(socket));
  connections += 1;
  new Session(socket, `session ${connections}`).start();
});
server.on("error", (reason) => {
  console.error(`cannot listen on 127.0.0.1:${options.listen}: ${reason.message}`);
  process.exit(1);
});
server.listen(Number(options.listen), "127.0.0.1", () => say(`listening on 127.0.0.1:${server.address().port}`));

function finish() {
  server.close();
  for (const socket of sockets) socket.destroySoon();
}
process.on("SIGINT", finish);
process.on("SIGTERM", finish);
process.on("exit", () => {
  if (options.hits !== "Infinity" && hits < Number(options.hits)) process.exitCode = 1;
});
