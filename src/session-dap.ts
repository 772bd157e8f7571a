// A DAP session: an IDE comes, and the service is dialled at its first byte; never as a probe.
//
// Rules
// - The connection to the adapter is the relay's, and kept until the adapter ends it: an adapter serves one client, once. IDEs come
//   and go and may be several.
// - A client that came while the service is dialled waits with it; when the dial fails the first is told why in its own words.
// - A further client is answered `initialize` here, and when its `attach` names another child (dap-child.ts) it is taken off and gets a session
//   with a connection of its own. One that has not attached when the session ends is handed on likewise: it may have come for another child.
// - What is no DAP is passed between the service and one client; nobody can share it.
// - With `reattach` a connection that is lost, or whose program has ended, is made again and the clients stay (reattach.ts); not that of a
//   child, whose number the next process does not have.
import type { Duplex } from "node:stream";
import type { ClientView } from "../protocol/control.ts";
import { asDebugtapError } from "../protocol/errors.ts";
import { DapExchange } from "../protocol/dap-exchange.ts";
import type { ClientId, OwnState } from "../protocol/exchange.ts";
import type { Frame } from "../protocol/frame.ts";
import type { Placed } from "../protocol/placed.ts";
import { DapChild, hasAttached, type Undecided } from "./dap-child.ts";
import { endWithin, reset, type Gone } from "./duplex.ts";
import type { Hub } from "./hub.ts";
import type { HubClient } from "./hub-client.ts";
import { Reattachment } from "./reattach.ts";
import { stopWithin } from "./session.ts";
import { HubSession } from "./session-hub.ts";

export class DapSession extends HubSession<DapExchange> {
  readonly #inbox = this.inbox(() => this.#onBytes());
  protected hub: Hub<DapExchange> | undefined;
  readonly #child = new DapChild();
  /** Undefined: the configuration is against it. */
  #again: Reattachment | undefined;
  #adapterEnded = false;
  /** Breakpoints of debugtap's own. */
  #own: readonly Placed[] = [];
  #onBytes: () => void = () => undefined;

  async run(): Promise<void> {
    const { signal } = this.over;
    if (!hasAttached(this.options.said ?? [])) {
      await new Promise<void>((resolve) => {
        this.#onBytes = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    if (signal.aborted) return;
    this.become("attaching");
    try {
      const adapter = await this.options.dial(signal);
      if (signal.aborted) reset(adapter);
      else this.#attach(adapter);
    } catch (thrown) {
      // Of what was said elsewhere the first message, `initialize`, has been answered.
      this.refuse(this.#inbox, asDebugtapError(thrown), this.options.said?.slice(1));
    }
  }

  /** A DAP debuggee never waits for an IDE here. */
  release(): boolean {
    return false;
  }

  /** Takes a further client; false when this session is not one to join. `said`: of one that is after this very child. */
  join(stream: Duplex, said?: readonly Uint8Array[]): boolean {
    if (this.hub === undefined || this.#adapterEnded || this.traffic.opaque || this.over.signal.aborted) return false;
    if (said !== undefined && !this.#child.isMeantBy(said)) return false;
    this.hub.join(stream, said ?? [], said && this.#child.answered);
    if (!this.#isReturning) this.attached();
    return true;
  }

  override drive(client: ClientId): boolean {
    return this.hub?.exchange.use((exchange) => exchange.drive(client)) ?? false;
  }

  protected override get clients(): readonly ClientView[] {
    return this.hub?.exchange.use(({ views }) => views) ?? [];
  }

  override setOwn(placed: readonly Placed[]): void {
    this.#own = placed;
    super.setOwn(placed);
  }

  override get ownSettled(): boolean {
    return this.hub?.exchange.use((exchange) => exchange.ownSettled) ?? true;
  }

  override stateOf(placed: Placed): OwnState | undefined {
    if (this.traffic.opaque) return { state: "failed", why: "what the service says is no DAP" };
    if (this.hub === undefined) return { state: "pending", why: "the service is being dialled" };
    return super.stateOf(placed);
  }

  protected detach(): readonly Duplex[] {
    if (this.hub === undefined) return [this.options.stream];
    const { debuggee } = this.hub;
    const clients = this.#here.map(({ stream }) => stream);
    this.hub.detach("the relay stops");
    return debuggee === undefined ? clients : [...clients, debuggee];
  }

  get #here(): readonly HubClient[] {
    return this.hub?.clients ?? [];
  }

  get #isReturning(): boolean {
    return this.#again?.underWay === true;
  }

  #attach(adapter: Duplex): void {
    const { stream, said, clients } = this.options;
    const { reattach: again, ...policy } = clients;
    const onEnded = (why: string): void => queueMicrotask(() => this.#lost({ how: "reset", detail: why }));
    const hub = this.newHub(
      "dap",
      (output) =>
        new DapExchange(this.#child.withoutAnswered(output), {
          ...policy,
          recorded: this.options.capture !== undefined,
          session: this.facts.name,
          driven: (client) => this.#driven(client),
          ...(again ? { onEnded } : {}),
        }),
      {
        debuggee: adapter,
        whole: again,
        diverts: (client, frame) => this.#child.isForAnother(client, frame),
        diverted: (other, words) => {
          this.options.diverted(other, words);
          if (this.#here.length === 0) this.become("released", "no IDE is here");
        },
        clientGone: (left, gone) => this.#left(left, gone),
        debuggeeGone: (gone) => this.#lost(gone),
      },
    );
    this.hub = hub;
    if (again) this.#again = this.#newReattachment(hub);
    hub.exchange.use((exchange) => exchange.setOwn(this.#own));
    this.attached();
    hub.join(stream, [...(said ?? []), ...this.#inbox.take()], said && this.#child.answered);
    hub.begin();
    hub.start();
  }

  #newReattachment(hub: Hub<DapExchange>): Reattachment {
    return new Reattachment({
      hub,
      dial: this.options.dial,
      over: this.over.signal,
      framer: () => this.traffic.relend("debuggee", "dap"),
      lost: (why) => {
        this.forget();
        for (const side of ["client", "debuggee"] as const) this.note({ kind: "gap", side, detail: why });
      },
      trying: (reason) => this.become("reattaching", reason),
      done: (attached, why) => this.#returned(hub, attached, why),
      attachedTo: (detail) => this.note({ kind: "attached", detail }),
    });
  }

  #left(stream: Duplex, { how, detail }: Gone): void {
    if (how === "end") void endWithin(stream, stopWithin);
    if (this.#here.length > 0) return this.options.changed(this);
    if (this.#isReturning) {
      if (!this.#mayReturn()) this.#again?.giveUp();
    } else if (this.#adapterEnded) this.#over({ how: "end" });
    else if (this.traffic.opaque || this.hub?.exchange.use(({ terminated }) => terminated) === true) this.#passOn(how);
    else this.become("released", detail === undefined ? "the IDE left" : `the IDE left: ${detail}`);
  }

  #driven({ id, name }: ClientView): void {
    this.note({ kind: "drive", detail: `${name} (client ${id}) drives now` });
    this.options.changed(this);
  }

  /** Nobody can be handed a session that cannot be read, or whose debuggee has ended: it ends with its client. */
  #passOn(how: Gone["how"]): void {
    const debuggee = this.hub?.debuggee;
    if (how === "end") debuggee?.end();
    else if (debuggee !== undefined) {
      this.hub?.detach("the client is gone");
      reset(debuggee);
      this.finish({ by: "client", how });
    }
  }

  protected override watch(frame: Frame): void {
    this.#again?.watch(frame);
    super.watch(frame);
  }

  #lost(gone: Gone): void {
    if (this.over.signal.aborted) return;
    if (this.#isReturning) {
      this.#again?.lost(gone.detail ?? "the connection was ended");
      return;
    }
    if (this.#mayReturn()) {
      void this.#again?.begin(gone.detail ?? "the service has ended the connection");
      return;
    }
    const others = this.#takeUndecided();
    this.#adapterEnded = gone.how === "end";
    const clients = this.#here;
    if (gone.how === "reset") for (const { stream } of clients) reset(stream);
    else for (const { stream } of clients) stream.end();
    if (gone.how === "reset" || clients.length === 0) this.#over(gone);
    for (const { stream, said } of others) this.options.diverted(stream, said);
  }

  /** Clients that may have come for another child, but for the one that began the session. */
  #takeUndecided(): readonly Undecided[] {
    return this.hub === undefined ? [] : this.#child.takeUndecided(this.hub, this.options.stream);
  }

  protected override unreadable(): void {
    for (const { stream, said } of this.#takeUndecided()) this.options.diverted(stream, said);
    for (const { id, stream } of this.#here.slice(1)) {
      this.hub?.part(id);
      reset(stream);
    }
  }

  #mayReturn(): boolean {
    const hub = this.hub;
    if (hub === undefined || hub.inside || this.traffic.opaque || this.#child.isKnown) return false;
    return hub.exchange.use(({ returnable }) => returnable);
  }

  #returned(hub: Hub<DapExchange>, attached: boolean, why: string): void {
    if (this.over.signal.aborted) return;
    if (attached) {
      if (this.#here.length > 0) this.attached();
      else this.become("released", "no IDE is here");
      return;
    }
    hub.exchange.use((exchange) => exchange.giveUp());
    for (const { stream } of this.#here) stream.end();
    if (hub.debuggee !== undefined) reset(hub.debuggee);
    this.#over({ how: "reset", detail: why });
  }

  #over({ how, detail }: Gone): void {
    this.hub?.detach("the adapter is gone");
    if (how === "end") this.hub?.debuggee?.end();
    this.finish({ by: "debuggee", how, ...(detail === undefined ? {} : { detail }) });
  }
}
