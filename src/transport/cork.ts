// All SSH packets of one turn of the event loop leave in one system call.
//
// ssh2 writes each packet on its own (three writes for one where its native part is missing), and the write call is half
// of the cost of a small message. setImmediate runs right after the poll phase in which the data came in, so a message
// waits for its neighbours and for nothing else.
import type { Writable } from "node:stream";

export function corkPerTurn(socket: Writable): void {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all three overloads pass through unread
  const write = socket.write.bind(socket) as (...whole: unknown[]) => boolean;
  let corked = false;
  const uncork = (): void => {
    corked = false;
    socket.uncork();
  };
  socket.write = (...whole: unknown[]): boolean => {
    if (!corked) {
      corked = true;
      socket.cork();
      setImmediate(uncork);
    }
    return write(...whole);
  };
}
