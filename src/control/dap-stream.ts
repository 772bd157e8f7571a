// The debug port of a service as a WebSocket: the bytes of its messages, whichever way they are cut, are those of a TCP connection.
//
// Rules
// - Text and binary messages are taken, binary ones given: a piece may end inside a character.
// - A WebSocket knows no half-close: who ends it has ended both ways. One that is lost is a reset, never a clean end.
import type { Duplex } from "node:stream";
import { createWebSocketStream, type WebSocket } from "ws";

/** RFC 6455: closed without a close frame. */
const lost = 1006;

export function dapStream(socket: WebSocket): Duplex {
  const made: { stream?: Duplex } = {};
  // Before the stream's own listener, which would make an end of it.
  socket.once("close", (code) => {
    if (code === lost) made.stream?.destroy(new Error("the WebSocket was lost"));
  });
  const stream = createWebSocketStream(socket);
  stream.on("error", () => undefined);
  return (made.stream = stream);
}
