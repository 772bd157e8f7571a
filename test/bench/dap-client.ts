// A DAP client with nothing around it: asks, waits for the answer, and hears of stops.
import type net from "node:net";
import { decodeDap, encodeDap, isEvent, isResponse } from "../../protocol/dap.ts";
import type { Answer, Stop } from "../../protocol/exchange.ts";
import { FrameReader } from "../../protocol/frame-reader.ts";
import type { Frame } from "../../protocol/frame.ts";
import { member } from "../../protocol/json.ts";
import { connect } from "./client.ts";

export interface Breakpoint {
  readonly path: string;
  readonly line: number;
}

export class DapClient {
  readonly #socket: net.Socket;
  readonly #answers = new Map<number, (answer: Answer) => void>();
  readonly #stopped: Stop[] = [];
  #onStop: () => void = () => undefined;
  #onInitialized: () => void = () => undefined;
  #fail: (error: Error) => void = () => undefined;
  readonly #lost: Promise<never>;
  #seq = 0;
  #stops = 0;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    this.#lost = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.#lost.catch(() => undefined);
    const reader = new FrameReader("dap");
    socket.on("data", (chunk: Buffer) => {
      for (const frame of reader.push(chunk)) this.#see(frame);
    });
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the adapter closed the connection")));
  }

  /** Connects and opens the session. */
  static async open(port: number, breakpoint?: Breakpoint): Promise<DapClient> {
    const client = new DapClient(await connect(port));
    await client.ask("initialize", { adapterID: "bench", linesStartAt1: true, columnsStartAt1: true });
    const initialized = new Promise<void>((resolve) => {
      client.#onInitialized = resolve;
    });
    const attached = client.ask("attach", { justMyCode: false });
    await Promise.race([initialized, client.#lost]);
    if (breakpoint !== undefined) {
      const { path, line } = breakpoint;
      await client.ask("setBreakpoints", { source: { path }, breakpoints: [{ line }] });
    }
    await client.ask("configurationDone", {});
    await attached;
    return client;
  }

  ask(command: string, given: unknown): Promise<Answer> {
    const seq = ++this.#seq;
    const answered = new Promise<Answer>((resolve) => this.#answers.set(seq, resolve));
    this.#socket.write(encodeDap({ seq, type: "request", command, arguments: given }));
    return Promise.race([answered, this.#lost]);
  }

  /** The next stop, that has come or will. */
  async stop(): Promise<Stop> {
    for (;;) {
      const stop = this.#stopped.shift();
      if (stop !== undefined) return stop;
      const come = new Promise<void>((resolve) => {
        this.#onStop = resolve;
      });
      await Promise.race([come, this.#lost]);
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #see(frame: Frame): void {
    const message = decodeDap(frame);
    if (message === undefined) return;
    if (isResponse(message)) {
      const { request_seq, success, body } = message;
      this.#answers.get(request_seq)?.({ wire: "dap", success, body });
      this.#answers.delete(request_seq);
    } else if (isEvent(message) && message.event === "stopped") {
      const thread = Number(member(message.body, "threadId"));
      const reason = String(member(message.body, "reason"));
      this.#stopped.push({ number: ++this.#stops, thread, reason, frame });
      this.#onStop();
    } else if (isEvent(message) && message.event === "initialized") this.#onInitialized();
  }
}
