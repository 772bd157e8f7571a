// A scripted IDE for the Debug Adapter Protocol: it attaches to a port, sets breakpoints, prints stack and locals at each
// hit, and continues. Child processes that the debuggee announces are attached to as well, at the address it names.
//
//   node examples/ide-dap.mjs --attach 5678 --break /opt/app/volume.py:42 [--break …] [--hits N] [--service NAME] [--json]
//
// The wire: a message is a header, an empty line, and JSON:  Content-Length: 119 CR LF CR LF {"seq":1,"type":"request",…}
//   IDE -> adapter   initialize, attach                     attach is not answered before the configuration is done!
//   adapter -> IDE   event initialized
//   IDE -> adapter   setBreakpoints (one a file), configurationDone
//   adapter -> IDE   event stopped; then the IDE asks: stackTrace, scopes, variables, and says continue
//   a child          event debugpyAttach, or the reverse request startDebugging, with the arguments for an attach of its own
// Frame and variable ids are good for one stop only.
//
// With --json stdout carries one line a hit, {service, file, line, function, stack, locals}, and the rest goes to stderr.
// Nothing but Node is needed. It ends after N hits, when every debuggee has ended, or on Ctrl-C.
import { connect } from "node:net";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    attach: { type: "string" },
    break: { type: "string", multiple: true, default: [] },
    hits: { type: "string", default: "Infinity" },
    service: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
if (options.attach === undefined) {
  console.error(
    "usage: node examples/ide-dap.mjs --attach PORT --break FILE:LINE [--hits N] [--service NAME] [--json]",
  );
  process.exit(2);
}
const say = options.json ? console.error : console.log;

/** file -> lines, since setBreakpoints always tells all breakpoints of one file. */
const breakpoints = new Map();
for (const text of options.break) {
  const colon = text.lastIndexOf(":");
  const file = text.slice(0, colon);
  breakpoints.set(file, [...(breakpoints.get(file) ?? []), Number(text.slice(colon + 1))]);
}

/** One connection: one process under the debugger. */
class Session {
  #socket;
  #name;
  #next = 1;
  /** Request number -> what to do with the response. */
  #pending = new Map();
  #received = Buffer.alloc(0);

  constructor({ host, port }, name) {
    this.#name = name;
    this.#socket = connect({ host, port, noDelay: true });
    this.#socket.on("data", (chunk) => this.#read(chunk));
    this.#socket.on("error", (reason) => {
      this.#say(`connection to ${host}:${port} failed: ${reason.message}`);
      process.exitCode = 1;
    });
    this.#socket.on("close", () => {
      sessions.delete(this);
      this.#say("the connection is closed");
      for (const { reject } of this.#pending.values()) reject(new Error("the connection was closed"));
    });
  }

  /** Resolves when the debuggee is attached and may run on. */
  async start(attachArguments) {
    await this.#ask("initialize", {
      clientID: "debugtap-example",
      adapterID: "debugpy",
      pathFormat: "path",
      linesStartAt1: true,
      columnsStartAt1: true,
      supportsStartDebuggingRequest: true,
    });
    await this.#ask("attach", attachArguments);
    this.#say("attached");
  }

  async #configure() {
    for (const [path, lines] of breakpoints) {
      const reply = await this.#ask("setBreakpoints", {
        source: { path },
        breakpoints: lines.map((line) => ({ line })),
      });
      for (const { verified, line } of reply.breakpoints) {
        this.#say(`breakpoint at ${path}:${line} ${verified ? "is set" : "is not set yet"}`);
      }
    }
    await this.#ask("configurationDone", {});
  }

  async #stopped({ reason, threadId }) {
    const { stackFrames } = await this.#ask("stackTrace", { threadId });
    const { scopes } = await this.#ask("scopes", { frameId: stackFrames[0].id });
    const { variables } = await this.#ask("variables", { variablesReference: scopes[0].variablesReference });
    const stack = stackFrames.map((frame) => ({ function: frame.name, file: frame.source?.path, line: frame.line }));
    // "special variables" and its like are folders without a type, made by debugpy for the variables view.
    const locals = Object.fromEntries(variables.filter(({ type }) => type).map(({ name, value }) => [name, value]));
    hits += 1;
    report(this.#name, reason, { ...stack[0], stack, locals });
    await this.#ask("continue", { threadId });
    this.#say("continued");
    if (hits >= Number(options.hits)) finish();
  }

  /** Leaves politely: the process runs on, without its breakpoints. */
  async leave() {
    await this.#ask("disconnect", {}).catch(() => undefined);
    this.#socket.end();
  }

  #say(text) {
    say(`${this.#name}: ${text}`);
  }

  #ask(command, args) {
    const seq = this.#next;
    this.#send({ type: "request", command, arguments: args });
    return new Promise((resolve, reject) => this.#pending.set(seq, { resolve, reject }));
  }

  /** Header and body leave in one write: two would wait for each other's acknowledgement, 40 ms a message. */
  #send(message) {
    const body = JSON.stringify({ seq: this.#next++, ...message });
    this.#socket.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  #read(chunk) {
    this.#received = Buffer.concat([this.#received, chunk]);
    for (;;) {
      const end = this.#received.indexOf("\r\n\r\n");
      if (end === -1) return;
      const length = Number(/content-length: *(\d+)/i.exec(this.#received.toString("latin1", 0, end))?.[1]);
      if (Number.isNaN(length)) {
        this.#say("this is no debug adapter: a header without Content-Length");
        this.#socket.destroy();
        return;
      }
      const body = this.#received.subarray(end + 4, end + 4 + length);
      if (body.length < length) return;
      this.#received = this.#received.subarray(end + 4 + length);
      this.#receive(JSON.parse(body.toString()));
    }
  }

  #receive(message) {
    if (message.type === "response") {
      const waiting = this.#pending.get(message.request_seq);
      this.#pending.delete(message.request_seq);
      if (message.success) waiting?.resolve(message.body);
      else waiting?.reject(new Error(`${message.command}: ${message.message}`));
    } else if (message.type === "request") {
      this.#send({ type: "response", request_seq: message.seq, command: message.command, success: true });
      if (message.command === "startDebugging") open(message.arguments.configuration);
    } else if (message.event === "initialized") {
      this.#configure().catch((reason) => this.#failed(reason));
    } else if (message.event === "stopped") {
      this.#stopped(message.body).catch((reason) => this.#failed(reason));
    } else if (message.event === "process") {
      this.#say(`process ${message.body.systemProcessId}, ${message.body.name}`);
    } else if (message.event === "debugpyAttach") {
      open(message.body);
    } else if (message.event === "terminated") {
      this.#say("the debuggee has ended");
      this.#socket.end();
    }
  }

  #failed(reason) {
    this.#say(reason.message);
  }
}

/** The sessions now open. */
const sessions = new Set();
let connections = 0;
let hits = 0;

/** A session from the arguments of its attach; for a child the debuggee has written them, address included. */
function open({ connect: address, ...rest }) {
  connections += 1;
  const name = `session ${connections}`;
  say(
    `${name}: attaching to ${address.host}:${address.port}${rest.subProcessId ? `, child ${rest.subProcessId}` : ""}`,
  );
  const session = new Session(address, name);
  sessions.add(session);
  session.start(rest).catch((reason) => {
    say(`${name}: ${reason.message}`);
    process.exitCode = 1;
  });
}

function report(session, reason, { file, line, function: name, stack, locals }) {
  if (options.json) {
    const service = options.service === undefined ? {} : { service: options.service };
    console.log(JSON.stringify({ ...service, file, line, function: name, stack, locals }));
    return;
  }
  say(`${session}: stopped (${reason}) in ${name} at ${file}:${line}`);
  for (const frame of stack) say(`    ${frame.function}  ${frame.file}:${frame.line}`);
  for (const [key, value] of Object.entries(locals)) say(`  ${key} = ${value}`);
}

function finish() {
  for (const session of sessions) void session.leave();
}
process.on("SIGINT", finish);
process.on("SIGTERM", finish);
process.on("exit", () => {
  if (options.hits !== "Infinity" && hits < Number(options.hits)) process.exitCode = 1;
});

open({ connect: { host: "127.0.0.1", port: Number(options.attach) }, justMyCode: false });
