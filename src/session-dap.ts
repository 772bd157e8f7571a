// A DAP session: an IDE comes, and the service is dialled at its first byte; never as a probe.
//
// Rules
// - The connection to the adapter is the relay's, and kept until the adapter ends it: an adapter serves one client, once. IDEs come
//   and go and may be several.
// - A client that came while the service is dialled waits with it; when the dial fails the first is told why in its own words.
// - Adapters take the session of a child process on the same port: a further client is answered `initialize` here, and when its `attach`
//   names a child it is taken off and gets a session with a connection of its own, where that answer is not given again. One that has
//   not attached when the session ends is handed on likewise: it may have come for another child.
// - What is no DAP is passed between the service and one client; nobody can share it.
// - With `reattach` a connection that is lost, or whose program has ended, is made again and the clients stay (reattach.ts); not that of a
//   child, whose number the next process does not have.
import type { Duplex } from "node:stream";
import type { ClientView } from "../protocol/control.ts";
import { asDebugtapError, type DebugtapError } from "../protocol/errors.ts";
import { decodeDap, isRequest, isResponse } from "../protocol/dap.ts";
import { dapPathNames, rewriteDapPaths } from "../protocol/dap-paths.ts";
import { DapExchange } from "../protocol/dap-exchange.ts";
import type { ClientId, ExchangeOutput, OwnState } from "../protocol/exchange.ts";
import { frameOf, type Frame } from "../protocol/frame.ts";
import { identityOf } from "../protocol/identity.ts";
import { member } from "../protocol/json.ts";
import type { Placed } from "../protocol/placed.ts";
import { endWithin, reset } from "./duplex.ts";
import { Hub, type Gone } from "./hub.ts";
import { Inbox } from "./inbox.ts";
import { mostTries, reattach } from "./reattach.ts";
import { refuse } from "./refusal.ts";
import { Session, stopWithin, type SessionOptions } from "./session.ts";

/** Of an attach that names no child. */
const anyProcess = "any";

export class DapSession extends Session {
  readonly #inbox: Inbox;
  #hub: Hub<DapExchange> | undefined;
  #adapter: Duplex | undefined;
  readonly #clients = new Map<ClientId, Duplex>();
  /** Those whose `initialize` was answered by another session. */
  readonly #answered = new Set<ClientId>();
  /** Those who have said which child they are after. */
  readonly #decided = new Set<ClientId>();
  /** Which child the session is of. */
  #target: string | undefined;
  #adapterEnded = false;
  /** Breakpoints of debugtap's own. */
  #own: readonly Placed[] = [];
  /** While the connection is lost and made again: aborted when nobody wants it any more. */
  #returning: AbortController | undefined;
  /** Ends the attempt under way. */
  #endAttempt: (why: string) => void = () => undefined;
  /** The process that was attached, until the next one has said which it is. */
  #pid: { readonly now: number | undefined; readonly before: number | undefined } = {
    now: undefined,
    before: undefined,
  };
  #onBytes: () => void = () => undefined;

  constructor(options: SessionOptions) {
    super(options);
    const { stream } = options;
    this.#inbox = new Inbox(
      stream,
      () => this.#onBytes(),
      (how, detail) => {
        if (how === "end") stream.end();
        this.finish({ by: "client", how, detail });
      },
    );
  }

  async run(): Promise<void> {
    const { signal } = this.over;
    if (this.options.said?.some((bytes) => childOf(frameOf("header", bytes)) !== undefined) !== true) {
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
      this.#giveUp(asDebugtapError(thrown));
    }
  }

  /** A DAP debuggee never waits for an IDE here. */
  release(): boolean {
    return false;
  }

  /** Takes a further client; false when this session is not one to join. `said`: of one that is after this very child. */
  join(stream: Duplex, said?: readonly Uint8Array[]): boolean {
    if (this.#hub === undefined || this.#adapterEnded || this.traffic.opaque || this.over.signal.aborted) return false;
    if (said !== undefined && said.every((bytes) => childOf(frameOf("header", bytes)) !== this.#target)) return false;
    this.#enter(this.#hub, stream, said ?? [], said !== undefined);
    if (this.#returning === undefined) this.attached();
    return true;
  }

  override drive(client: ClientId): boolean {
    return this.#hub?.act((exchange) => exchange.drive(client)) ?? false;
  }

  protected override get clients(): readonly ClientView[] {
    return this.#hub?.act(({ views }) => views) ?? [];
  }

  override resume(thread?: string): readonly string[] {
    return this.#hub?.act((exchange) => exchange.resume(thread)) ?? [];
  }

  override setOwn(placed: readonly Placed[]): void {
    this.#own = placed;
    this.#hub?.act((exchange) => exchange.setOwn(placed));
  }

  override get ownSettled(): boolean {
    return this.#hub?.act((exchange) => exchange.ownSettled) ?? true;
  }

  override stateOf(placed: Placed): OwnState | undefined {
    if (this.traffic.opaque) return { state: "failed", why: "what the service says is no DAP" };
    if (this.#hub === undefined) return { state: "pending", why: "the service is being dialled" };
    return this.#hub.act((exchange) => exchange.stateOf(placed));
  }

  protected detach(): readonly Duplex[] {
    this.#hub?.detach("the relay stops");
    const clients = this.#hub === undefined ? [this.options.stream] : [...this.#clients.values()];
    return this.#adapter === undefined ? clients : [...clients, this.#adapter];
  }

  #attach(adapter: Duplex): void {
    const { stream, said, clients } = this.options;
    const { reattach: again, ...policy } = clients;
    const onEnded = (why: string): void => queueMicrotask(() => this.#lost({ how: "reset", detail: why }));
    this.#adapter = adapter;
    const hub = new Hub({
      wire: "dap",
      debuggee: adapter,
      framer: this.traffic.lend("debuggee"),
      exchange: (output) =>
        new DapExchange(this.#withoutAnswered(output), {
          ...policy,
          recorded: this.options.capture !== undefined,
          session: this.facts.name,
          driven: (client) => this.#driven(client),
          ...(again ? { onEnded } : {}),
        }),
      whole: again,
      ...this.paths(dapPathNames, rewriteDapPaths),
      names: this.names,
      see: (frame) => this.see(frame),
      stopped: (stop) => this.stopped(stop),
      breakpoints: (path) => this.breakpoints(path),
      offer: (side, bytes) => this.chunk(side, bytes),
      diverts: (client, frame) => this.#isForAnother(client, frame),
      diverted: (client, words) => this.#divert(client, words),
      clientGone: (client, gone) => this.#left(client, gone),
      debuggeeGone: (gone) => this.#lost(gone),
    });
    this.#hub = hub;
    hub.act((exchange) => exchange.setOwn(this.#own));
    this.captureThrough(hub);
    this.checkThrough(hub);
    this.attached();
    this.#enter(hub, stream, [...(said ?? []), ...this.#inbox.take()], said !== undefined);
    hub.begin();
    hub.start();
  }

  #enter(hub: Hub<DapExchange>, stream: Duplex, words: readonly Uint8Array[], answered: boolean): void {
    hub.join(stream, words, (id) => {
      this.#clients.set(id, stream);
      if (answered) this.#answered.add(id);
    });
  }

  /** The first to attach says what this session is about. */
  #isForAnother(client: ClientId, frame: Frame): boolean {
    const target = childOf(frame);
    if (target === undefined) return false;
    this.#decided.add(client);
    this.#target ??= target;
    return target !== this.#target && target !== anyProcess;
  }

  /** Without the answer to `initialize` for those who have had it. */
  #withoutAnswered(output: ExchangeOutput): ExchangeOutput {
    return {
      ...output,
      toClient: (client, bytes) => {
        if (this.#answered.has(client)) {
          const message = decodeDap(frameOf("header", bytes));
          if (message !== undefined && isResponse(message) && message.command === "initialize") {
            this.#answered.delete(client);
            return;
          }
        }
        output.toClient(client, bytes);
      },
    };
  }

  #divert(id: ClientId, said: readonly Uint8Array[]): void {
    const stream = this.#clients.get(id);
    this.#clients.delete(id);
    if (stream !== undefined) this.options.diverted(stream, said);
    if (this.#clients.size === 0) this.become("released", "no IDE is here");
  }

  #left(id: ClientId, { how, detail }: Gone): void {
    const stream = this.#clients.get(id);
    this.#clients.delete(id);
    if (stream !== undefined && how === "end") void endWithin(stream, stopWithin);
    if (this.#clients.size > 0) return this.options.changed(this);
    if (this.#returning !== undefined) {
      // Nothing is left to attach for.
      if (!this.#mayReturn()) this.#returning.abort();
    } else if (this.#adapterEnded) this.#over({ how: "end" });
    else if (this.traffic.opaque || this.#hub?.act(({ terminated }) => terminated) === true) this.#passOn(how);
    else this.become("released", detail === undefined ? "the IDE left" : `the IDE left: ${detail}`);
  }

  #driven({ id, name }: ClientView): void {
    this.note({ kind: "drive", detail: `${name} (client ${id}) drives now` });
    this.options.changed(this);
  }

  /** Nobody can be handed a session that cannot be read, or whose debuggee has ended: it ends with its client. */
  #passOn(how: Gone["how"]): void {
    if (how === "end") this.#adapter?.end();
    else if (this.#adapter !== undefined) {
      this.#hub?.detach("the client is gone");
      reset(this.#adapter);
      this.finish({ by: "client", how });
    }
  }

  protected override see(frame: Frame): Uint8Array | undefined {
    const pid = identityOf(frame, "dap")?.pid;
    const { before } = this.#pid;
    if (pid !== undefined) this.#pid = { now: pid, before: undefined };
    if (pid !== undefined && before !== undefined) {
      const which =
        pid === before ? `the same process, pid ${pid}` : `another process: pid ${pid}, before it pid ${before}`;
      this.note({ kind: "attached", detail: `the service is attached again: ${which}` });
    }
    return super.see(frame);
  }

  #lost(gone: Gone): void {
    if (this.over.signal.aborted) return;
    if (this.#returning !== undefined) {
      this.#endAttempt(gone.detail ?? "the connection was ended");
      return;
    }
    if (this.#mayReturn()) {
      void this.#return(gone.detail ?? "the service has ended the connection");
      return;
    }
    const others = this.#takeUndecided();
    this.#adapterEnded = gone.how === "end";
    const clients = [...this.#clients.values()];
    if (gone.how === "reset") for (const stream of clients) reset(stream);
    else for (const stream of clients) stream.end();
    if (gone.how === "reset" || clients.length === 0) this.#over(gone);
    for (const { stream, said } of others) this.options.diverted(stream, said);
  }

  /** Not the one that began the session: a service that ends every connection at once would be dialled without end. */
  #takeUndecided(): { readonly stream: Duplex; readonly said?: readonly Uint8Array[] }[] {
    const hub = this.#hub;
    return [...this.#clients].flatMap(([id, stream]) => {
      if (stream === this.options.stream || this.#decided.has(id) || hub?.isUndecided(id) !== true) return [];
      const answered = hub.act((exchange) => exchange.hasAnswered(id));
      this.#clients.delete(id);
      const said = hub.part(id);
      if (answered) return [{ stream, said }];
      stream.pause();
      for (const bytes of said.toReversed()) stream.unshift(bytes);
      return [{ stream }];
    });
  }

  protected override unreadable(): void {
    for (const { stream, said } of this.#takeUndecided()) this.options.diverted(stream, said);
    for (const [id, stream] of [...this.#clients].slice(1)) {
      this.#clients.delete(id);
      this.#hub?.part(id);
      reset(stream);
    }
  }

  #mayReturn(): boolean {
    const hub = this.#hub;
    if (hub === undefined || hub.inside || this.traffic.opaque) return false;
    if (this.#target !== undefined && this.#target !== anyProcess) return false;
    return hub.act(({ returnable }) => returnable);
  }

  async #return(why: string): Promise<void> {
    const hub = this.#hub;
    if (hub === undefined) return;
    const returning = new AbortController();
    this.#returning = returning;
    this.over.signal.addEventListener("abort", () => returning.abort(), { once: true });
    this.#pid = { now: undefined, before: this.#pid.now ?? this.#pid.before };
    this.#leave(hub, why);
    this.become("reattaching", `${why}; it is attached again as soon as it listens`);
    const attached = await reattach({
      dial: this.options.dial,
      over: returning.signal,
      attach: (adapter, done) => this.#attachAgain(hub, adapter, done),
      failed: (tries, reason) => this.become("reattaching", `${why}; try ${tries} of ${mostTries}: ${reason}`),
    });
    this.#returning = undefined;
    if (this.over.signal.aborted) return;
    if (attached) {
      if (this.#clients.size > 0) this.attached();
      else this.become("released", "no IDE is here");
      return;
    }
    hub.act((exchange) => exchange.giveUp());
    for (const stream of this.#clients.values()) stream.end();
    if (this.#adapter !== undefined) reset(this.#adapter);
    this.#over({ how: "reset", detail: why });
  }

  /** What came of a message of the old connection is no beginning of one of the next. */
  #leave(hub: Hub<DapExchange>, why: string): void {
    const adapter = this.#adapter;
    hub.lose();
    this.#adapter = undefined;
    if (adapter !== undefined) reset(adapter);
    this.forget();
    for (const side of ["client", "debuggee"] as const) this.note({ kind: "gap", side, detail: why });
    hub.act((exchange) => exchange.lost(why));
  }

  #attachAgain(
    hub: Hub<DapExchange>,
    adapter: Duplex,
    done: (failed: string | undefined) => void,
  ): (why: string) => void {
    let open = true;
    const end = (failed: string | undefined): void => {
      if (!open) return;
      open = false;
      this.#endAttempt = () => undefined;
      if (failed !== undefined) this.#leave(hub, failed);
      done(failed);
    };
    this.#adapter = adapter;
    this.#endAttempt = end;
    hub.replace(adapter, this.traffic.relend("debuggee", "dap"));
    hub.act((exchange) => exchange.reattach(end));
    return end;
  }

  #over({ how, detail }: Gone): void {
    this.#hub?.detach("the adapter is gone");
    if (how === "end") this.#adapter?.end();
    this.finish({ by: "debuggee", how, ...(detail === undefined ? {} : { detail }) });
  }

  /** The service cannot be reached: its IDE is told why, in its own words. */
  #giveUp(error: DebugtapError): void {
    if (this.over.signal.aborted) return;
    const early = this.#inbox.take();
    for (const bytes of early) this.chunk("client", bytes);
    // Of what was said elsewhere the first message, `initialize`, has been answered.
    refuse(this.options.stream, "dap", [...(this.options.said?.slice(1) ?? []), ...early], error);
    this.finish({ by: "relay", how: "failed", detail: error.format() });
  }
}

/** Which child an `attach` or `launch` is for, in debugpy's and js-debug's words; undefined for any other message. */
function childOf(frame: Frame): string | undefined {
  const message = decodeDap(frame);
  if (message === undefined || !isRequest(message)) return undefined;
  const { command, arguments: args } = message as { command: string; arguments?: unknown };
  if (command !== "attach" && command !== "launch") return undefined;
  const child = member(args, "subProcessId") ?? member(args, "__pendingTargetId");
  return child === undefined ? anyProcess : JSON.stringify(child);
}
