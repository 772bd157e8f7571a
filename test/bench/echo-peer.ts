// What stands behind every path: one process, so that all paths lead to the same end. Prints its ports as a JSON array.
//   'S' u32be n   takes n bytes more, then answers one byte
//   'G' u32be n   sends n bytes
//   else          echoes
import { once } from "node:events";
import net from "node:net";
import { send } from "./client.ts";

const headLength = 5;

function serve(socket: net.Socket): void {
  socket.on("error", () => socket.destroy());
  socket.on("end", () => socket.end());
  socket.once("data", (first: Buffer) => {
    const mode = String.fromCharCode(first[0] ?? 0);
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

function take(socket: net.Socket, count: number): void {
  let left = count;
  socket.on("data", (chunk: Buffer) => {
    left -= chunk.length;
    if (left === 0) socket.write("k");
  });
}

const ports = await Promise.all(
  Array.from({ length: Number(process.argv[2]) }, async () => {
    const server = net.createServer({ noDelay: true, allowHalfOpen: true }, serve);
    server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 });
    await once(server, "listening");
    const address = server.address();
    return typeof address === "object" ? address?.port : undefined;
  }),
);
process.stdout.write(`${JSON.stringify(ports)}\n`);
process.stdin.resume().on("end", () => process.exit());
