// A pydevd session: the debuggee dials us and then waits inside settrace until somebody lets it run (101). The IDE is dialled, again and
// again while it does not listen.
//
// Rules
// - The debuggee is the relay's as long as it is connected. IDEs come and go: what one that leaves leaves behind is `onLeave`'s
//   affair, and the next one that listens is handed the live session.
// - While no IDE has come the debuggee is held for `releaseAfter`; then it is owned: the relay itself lets it run (0: as soon as
//   the IDE is found not to listen). It is never dropped before it runs.
// - A clean end of the debuggee is passed on as a half-close; its loss resets the IDE.
import type { Duplex } from "node:stream";
import { PydevdExchange } from "../protocol/pydevd-exchange.ts";
import { endWithin, reset, type Gone } from "./duplex.ts";
import { Hold } from "./hold.ts";
import type { Hub } from "./hub.ts";
import { Inbox } from "./inbox.ts";
import { stopWithin, type SessionOptions } from "./session.ts";
import { HubSession } from "./session-hub.ts";

export class PydevdSession extends HubSession<PydevdExchange> {
  readonly #hold: Hold;
  protected readonly hub: Hub<PydevdExchange>;
  /** The IDE's stream, and what is to happen when it has gone. */
  #ide: { readonly stream: Duplex; readonly gone: () => void } | undefined;
  /** Of an IDE that has accepted and not spoken yet. */
  #inbox: Inbox | undefined;
  #debuggeeEnded = false;

  constructor(options: SessionOptions) {
    super(options);
    this.#hold = new Hold({
      ...options,
      over: this.over.signal,
      onHeld: (reason) => this.#waits(reason),
      onRelease: (why) => this.#own(why),
    });
    this.hub = this.newHub(
      "pydevd",
      (output) => new PydevdExchange(output, { ...options.clients, recorded: options.capture !== undefined }),
      {
        debuggee: options.stream,
        clientGone: (_, gone) => this.#left(gone),
        debuggeeGone: (gone) => this.#lost(gone),
      },
    );
  }

  get #running(): boolean {
    return this.hub.exchange.use(({ running }) => running);
  }

  async run(): Promise<void> {
    this.hub.start();
    this.become("attaching");
    for (let ide = await this.#hold.reach(); ide !== undefined; ide = await this.#hold.reach()) {
      if (this.over.signal.aborted) return reset(ide);
      const words = await this.#firstWords(ide);
      if (this.over.signal.aborted) return reset(ide);
      if (words === undefined) this.#hold.held("the IDE left before it had said anything");
      else await this.#serve(ide, words);
    }
  }

  release(why: string): boolean {
    return !this.#running && this.#hold.release(why);
  }

  protected detach(): readonly Duplex[] {
    const clients = this.hub.clients.map(({ stream }) => stream);
    if (!this.#running) {
      this.hub.partAll();
      this.hub.exchange.use((exchange) => exchange.own());
      this.note({ kind: "released", detail: "the relay stops" });
    }
    this.hub.detach("the relay stops");
    const silent = this.#inbox === undefined ? [] : [this.#inbox.stream];
    return [...clients, ...silent, this.options.stream];
  }

  /** What the IDE says first; undefined when it left before. An IDE in whose backlog we are is not there yet. */
  async #firstWords(ide: Duplex): Promise<readonly Uint8Array[] | undefined> {
    const spoke = await new Promise<boolean>((resolve) => {
      this.#inbox = new Inbox(
        ide,
        () => resolve(true),
        () => resolve(false),
      );
      this.over.signal.addEventListener("abort", () => resolve(false), { once: true });
    });
    const words = this.#inbox?.take();
    this.#inbox = undefined;
    if (spoke) return words;
    ide.on("error", () => undefined);
    ide.destroy();
    this.#hold.left();
    return undefined;
  }

  #serve(stream: Duplex, words: readonly Uint8Array[]): Promise<void> {
    this.#hold.answered();
    this.attached();
    return new Promise((gone) => {
      this.#ide = { stream, gone };
      this.hub.join(stream, words);
      this.hub.begin();
    });
  }

  /** No IDE is there. */
  #waits(reason: string): void {
    this.become(this.#running ? "released" : "held", reason);
    if (!this.#running) this.note({ kind: "held", detail: reason });
  }

  #own(why: string): void {
    // An IDE that has not let it run by now is taken off.
    const ide = this.#ide;
    this.#ide = undefined;
    this.hub.partAll();
    if (ide !== undefined) reset(ide.stream);
    this.hub.exchange.use((exchange) => exchange.own());
    this.hub.begin();
    this.become("released", why);
    this.note({ kind: "released", detail: why });
    ide?.gone();
  }

  #left({ how, detail }: Gone): void {
    const ide = this.#ide;
    this.#ide = undefined;
    this.#hold.left();
    if (ide === undefined) return;
    if (how === "end") void endWithin(ide.stream, stopWithin);
    if (this.#debuggeeEnded) this.#over({ how: "end" });
    else if (this.traffic.opaque || this.hub.exchange.use(({ dispatched }) => dispatched)) this.#passOn(how);
    else if (this.options.clients.onLeave === "end" && this.#running) this.#passOn(how);
    else {
      const why = this.#running ? "the IDE left" : "the IDE left before it let the debuggee run (101)";
      this.#hold.held(detail === undefined ? why : `${why}: ${detail}`);
    }
    ide.gone();
  }

  #lost(gone: Gone): void {
    this.#debuggeeEnded = gone.how === "end";
    const ide = this.#ide;
    if (gone.how === "end" && ide !== undefined) ide.stream.end();
    else {
      if (ide !== undefined) reset(ide.stream);
      this.#over(gone);
    }
  }

  /** A session that cannot be read can be handed to nobody: it ends with its client, as one does by `onLeave: end`. */
  #passOn(how: Gone["how"]): void {
    if (how === "end") {
      this.options.stream.end();
      return;
    }
    this.hub.detach("the IDE is gone");
    reset(this.options.stream);
    this.finish({ by: "client", how });
  }

  #over({ how, detail }: Gone): void {
    const { stream } = this.options;
    this.hub.detach("the debuggee is gone");
    if (how === "end") stream.end();
    this.finish({ by: "debuggee", how, ...(detail === undefined ? {} : { detail }) });
  }
}
