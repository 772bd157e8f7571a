// An IDE that begins sessions when it is asked to, as VS Code does: each on a connection of its own to the same port, with the
// configuration that it is given.
import { once } from "node:events";
import type net from "node:net";
import type { DebugProtocol } from "@vscode/debugprotocol";
import { decodeDap, encodeDap, isEvent, isResponse } from "../../protocol/dap.ts";
import { FrameReader } from "../../protocol/frame-reader.ts";
import { connect } from "./sockets.ts";

type Configuration = Readonly<Record<string, unknown>>;

export interface IdeOptions {
  /** Whether it says that it can. */
  readonly starts: boolean;
  /** Sessions that it does not start, by their names. */
  readonly refuses?: readonly string[];
}

export class IdeSession {
  readonly configuration: Configuration;
  /** Begun at the adapter's request, in that order; those that were refused are not among them. */
  readonly children: IdeSession[] = [];
  readonly #socket: net.Socket;
  readonly #port: number;
  readonly #options: IdeOptions;
  readonly #events: DebugProtocol.Event[] = [];
  readonly #answers = new Map<number, (response: DebugProtocol.Response) => void>();
  #starting: Promise<void> = Promise.resolve();
  #wake = (): void => undefined;
  #seq = 1;

  /** Resolves when configurationDone is answered. */
  static async open(port: number, options: IdeOptions, configuration: Configuration): Promise<IdeSession> {
    const session = new IdeSession(await connect(port), port, options, configuration);
    await session.ask("initialize", { adapterID: "debugpy", supportsStartDebuggingRequest: options.starts });
    // Some adapters answer it at once, debugpy behind configurationDone.
    const attached = session.ask("attach", configuration);
    const failed = new Promise<never>((_, reject) => void attached.catch(reject));
    await Promise.race([session.event("initialized"), failed]);
    await Promise.all([attached, session.ask("configurationDone", {})]);
    return session;
  }

  private constructor(socket: net.Socket, port: number, options: IdeOptions, configuration: Configuration) {
    [this.#socket, this.#port, this.#options, this.configuration] = [socket, port, options, configuration];
    const reader = new FrameReader("dap");
    socket.on("data", (chunk: Buffer) => {
      for (const frame of reader.push(chunk)) this.#see(decodeDap(frame));
    });
  }

  /** Rejects when the request fails, with its message. */
  async ask<Body>(command: string, args: object): Promise<Body> {
    const seq = this.#seq++;
    const answered = new Promise<DebugProtocol.Response>((resolve) => this.#answers.set(seq, resolve));
    this.#socket.write(encodeDap({ seq, type: "request", command, arguments: args }));
    const { success, message, body } = await answered;
    if (!success) throw new Error(message);
    return body as Body;
  }

  /** The next one that has come or will; what it says. */
  async event<Body = Record<string, unknown>>(name: string): Promise<Body> {
    for (;;) {
      const at = this.#events.findIndex(({ event }) => event === name);
      if (at >= 0) return this.#events.splice(at, 1)[0]?.body as Body;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** How many of them have come that nobody took. */
  waiting(name: string): number {
    return this.#events.filter(({ event }) => event === name).length;
  }

  /** Resolves when so many were begun. */
  async untilChildren(count: number): Promise<readonly IdeSession[]> {
    while (this.children.length < count) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.children;
  }

  async close(): Promise<void> {
    const closed = once(this.#socket, "close");
    await this.ask("disconnect", {});
    this.#socket.end();
    await closed;
  }

  #see(message: ReturnType<typeof decodeDap>): void {
    if (message === undefined) return;
    if (isEvent(message)) this.#events.push(message);
    else if (isResponse(message)) this.#answers.get(message.request_seq)?.(message);
    else void this.#startNext(message as DebugProtocol.StartDebuggingRequest);
    this.#wake();
  }

  /** One after the other, as they were asked for. */
  async #startNext(request: DebugProtocol.StartDebuggingRequest): Promise<void> {
    const before = this.#starting;
    this.#starting = (async () => {
      await before;
      await this.#start(request);
    })();
    await this.#starting;
  }

  async #start({ seq, command, arguments: { configuration } }: DebugProtocol.StartDebuggingRequest): Promise<void> {
    const success = !this.#options.refuses?.includes(String(configuration["name"]));
    if (success) this.children.push(await IdeSession.open(this.#port, this.#options, configuration));
    const answer = { type: "response", request_seq: seq, command, success } as const;
    const message = success ? {} : { message: "the user said no" };
    this.#socket.write(encodeDap({ seq: this.#seq++, ...answer, ...message }));
    this.#wake();
  }
}
