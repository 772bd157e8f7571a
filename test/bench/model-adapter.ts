// A DAP adapter without a debuggee: what it answers costs nothing, so that what is measured is the relay's. Prints its ports as a
// JSON array.
//
//   continue    is answered, and stops again at once, three frames deep with ten containers each
//   stop, run   are answered, and it says `stopped`, `continued`
//   echo        is answered with as many characters as `arguments.size` says; any other request emptily
import { once } from "node:events";
import net from "node:net";
import { decodeDap, encodeDap, isRequest, type DebugProtocol } from "../../protocol/dap.ts";
import { FrameReader } from "../../protocol/frame-reader.ts";
import { member } from "../../protocol/json.ts";

const frameCount = 3;
const locals = 10;
const children = 5;
/** References: of a frame's locals its number, of a local's children more than that. */
const firstChildren = 1000;

const stackFrames = Array.from({ length: frameCount }, (_, i) => ({
  id: i + 1,
  name: `function_${i}`,
  line: 10 + i,
  column: 1,
  source: { name: "app.py", path: "/opt/app/app.py" },
}));

function variables(reference: number): unknown[] {
  if (reference >= firstChildren)
    return Array.from({ length: children }, (_, i) => {
      return { name: `'key${i}'`, value: `'value ${i} of ${reference}'`, type: "str", variablesReference: 0 };
    });
  return Array.from({ length: locals }, (_, i) => ({
    name: `local_${i}`,
    value: "{'key0': 'value 0', 'key1': 'value 1', 'key2': 'value 2', …}",
    type: "dict",
    variablesReference: firstChildren + reference * locals + i,
  }));
}

function bodyOf({ command, arguments: given }: DebugProtocol.Request): unknown {
  switch (command) {
    case "initialize":
      return { supportsConfigurationDoneRequest: true };
    case "stackTrace":
      return { stackFrames, totalFrames: frameCount };
    case "scopes":
      return { scopes: [{ name: "Locals", variablesReference: member(given, "frameId"), expensive: false }] };
    case "variables":
      return { variables: variables(Number(member(given, "variablesReference"))) };
    case "echo":
      return { text: "b".repeat(Number(member(given, "size"))) };
    default:
      return {};
  }
}

function serve(socket: net.Socket): void {
  const reader = new FrameReader("dap");
  let seq = 0;
  const event = (name: string, body: object): void => {
    socket.write(encodeDap({ seq: ++seq, type: "event", event: name, body }));
  };
  socket.on("error", () => socket.destroy());
  socket.on("end", () => socket.end());
  socket.on("data", (chunk: Buffer) => {
    for (const frame of reader.push(chunk)) {
      const request = decodeDap(frame);
      if (request === undefined || !isRequest(request)) continue;
      const { command } = request;
      const head = { seq: ++seq, type: "response", request_seq: request.seq, command, success: true } as const;
      socket.write(encodeDap({ ...head, body: bodyOf(request) }));
      if (command === "attach") event("initialized", {});
      if (command === "run") event("continued", { threadId: 1, allThreadsContinued: true });
      if (command === "continue" || command === "stop")
        event("stopped", { reason: "breakpoint", threadId: 1, allThreadsStopped: true });
    }
  });
}

const ports = await Promise.all(
  Array.from({ length: Number(process.argv[2]) }, async () => {
    const server = net.createServer({ noDelay: true, allowHalfOpen: true }, serve);
    server.listen({ port: 0, host: "127.0.0.1" });
    await once(server, "listening");
    const address = server.address();
    return typeof address === "object" ? address?.port : undefined;
  }),
);
process.stdout.write(`${JSON.stringify(ports)}\n`);
process.stdin.resume().on("end", () => process.exit());
