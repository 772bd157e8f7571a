// What stands behind every path: one process, so that all paths lead to the same end. Its arguments are how many ports echo and how
// many are of an IDE of pydevd; it prints them all, in this order, as a JSON array.
//   'S' u32be n   takes n bytes more, then answers one byte
//   'G' u32be n   sends n bytes
//   DAP requests  answers them until configurationDone, then echoes, until a `disconnect` that is a chunk of its own
//   else          echoes
// pydevd's IDE says 101, then echoes.
import { once } from "node:events";
import net from "node:net";
import { decodeDap, encodeDap, isRequest } from "../../protocol/dap.ts";
import { FrameReader } from "../../protocol/frame-reader.ts";
import { send } from "./client.ts";

const headLength = 5;

/** Bytes of the shortest message that is echoed. */
const shortest = 200;

function serve(socket: net.Socket): void {
  socket.on("error", () => socket.destroy());
  socket.on("end", () => socket.end());
  socket.once("data", (first: Buffer) => {
    const mode = String.fromCharCode(first[0] ?? 0);
    if (first.includes('"type":"request"')) {
      answer(socket, first);
      return;
    }
    if (mode !== "S" && mode !== "G") {
      socket.on("data", (chunk: Buffer) => socket.write(chunk));
      socket.write(first);
      return;
    }
    // The head is one small write on a new connection: it comes whole.
    const count = first.readUInt32BE(1);
    if (mode === "G") send(socket, count);
    else take(socket, count - (first.length - headLength));
  });
}

function answer(socket: net.Socket, first: Buffer): void {
  const reader = new FrameReader("dap");
  const receive = (chunk: Buffer): void => {
    for (const frame of reader.push(chunk)) {
      const message = decodeDap(frame);
      if (message === undefined || !isRequest(message)) continue;
      const { command, seq } = message;
      socket.write(encodeDap({ seq: 1, type: "response", request_seq: seq, command, success: true }));
      if (command === "attach") socket.write(encodeDap({ seq: 2, type: "event", event: "initialized" }));
      if (command !== "configurationDone") continue;
      socket.off("data", receive);
      socket.on("data", (each: Buffer) => {
        if (each.length < shortest && each.includes('"disconnect"')) socket.end();
        else socket.write(each);
      });
    }
  };
  socket.on("data", receive);
  receive(first);
}

function take(socket: net.Socket, count: number): void {
  let left = count;
  socket.on("data", (chunk: Buffer) => {
    left -= chunk.length;
    if (left === 0) socket.write("k");
  });
}

function serveAsIde(socket: net.Socket): void {
  socket.write("101\t1\t\n");
  serve(socket);
}

const [echoes, ides] = process.argv.slice(2).map(Number);
const ports = await Promise.all(
  [...Array<typeof serve>(echoes ?? 0).fill(serve), ...Array<typeof serve>(ides ?? 0).fill(serveAsIde)].map(
    async (one) => {
      const server = net.createServer({ noDelay: true, allowHalfOpen: true }, one);
      server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 });
      await once(server, "listening");
      const address = server.address();
      return typeof address === "object" ? address?.port : undefined;
    },
  ),
);
process.stdout.write(`${JSON.stringify(ports)}\n`);
process.stdin.resume().on("end", () => process.exit());
