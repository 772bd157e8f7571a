// How the peer of a socket went, as the kernel knows it.
//
// Node tells a reset as a clean 'end' when it comes together with bytes that were not read yet (libuv answers POLLHUP after a
// short read with EOF). A socket that was reset takes no write any more, not even an empty one; after a clean end it does.
import type net from "node:net";

/** Resolves when the peer has gone; reads, and with no other listener drops, what it still says. */
export function peerEnd(socket: net.Socket): Promise<"end" | "reset"> {
  return new Promise((resolve) => {
    const ended = (): void => {
      if (socket.writableEnded) resolve("end");
      else socket.write("", (error) => resolve(error ? "reset" : "end"));
    };
    socket.once("error", () => resolve("reset"));
    if (socket.readableEnded) ended();
    else socket.once("end", ended).resume();
  });
}
