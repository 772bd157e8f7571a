// A TCP pipe that keeps all bytes of every connection: one on each side of the relay shows what the relay did to them.
import net from "node:net";
import { once } from "node:events";

/** The bytes of one connection, by who sent them: the one who connected, or the one who was connected to. */
export interface Conversation {
  readonly connector: Buffer[];
  readonly acceptor: Buffer[];
}

export interface RecordingPipe {
  readonly port: number;
  /** In the order of the connections. */
  readonly conversations: readonly Conversation[];
  close(): Promise<void>;
}

/** Listens on a free port, or `port`, and connects each that comes to `to`; refused there is reset here. */
export async function recordingPipe(to: number, port = 0): Promise<RecordingPipe> {
  const conversations: Conversation[] = [];
  const sockets = new Set<net.Socket>();
  const options = { allowHalfOpen: true, noDelay: true };
  const server = net.createServer(options, (near) => {
    const conversation: Conversation = { connector: [], acceptor: [] };
    conversations.push(conversation);
    const far = net.connect({ host: "127.0.0.1", port: to, ...options });
    for (const [from, into, kept] of [
      [near, far, conversation.connector],
      [far, near, conversation.acceptor],
    ] as const) {
      sockets.add(from);
      from.on("data", (chunk: Buffer) => {
        kept.push(chunk);
        into.write(chunk);
      });
      from.on("end", () => into.end());
      from.on("error", () => into.resetAndDestroy());
    }
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as net.AddressInfo).port,
    conversations,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
