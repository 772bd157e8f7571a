// How the peer of a socket went, as the kernel knows it.
//
// Node tells a reset as a clean 'end' when it comes together with bytes that were not read yet (libuv answers POLLHUP after a
// short read with EOF). A socket that was reset takes no byte any more; one whose peer ended cleanly does.
import type net from "node:net";

/** Resolves when the peer has gone; reads (and with no other listener drops) what it still says. May send a byte after a clean end. */
export function peerEnd(socket: net.Socket): Promise<"end" | "reset"> {
  return new Promise((resolve) => {
    socket.once("error", () => resolve("reset"));
    socket.once("end", () => socket.write("?", (error) => resolve(error ? "reset" : "end")));
    socket.resume();
  });
}
