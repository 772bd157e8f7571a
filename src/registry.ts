// What the relay knows of its hosts, services and live sessions, and who is told when it changes.
//
// Rules
// - The registry is the only source of `up`, `ps` and the page: a view is made on demand, an event on each change.
// - Sessions of one service count up from 1 for the life of the relay: `cinder-api#1`, `#2`… a number is never used again.
// - A closed session leaves the registry; its last event says how it ended.
import type { HostView, RelayEvent, ServiceView, SessionView, TriggerView } from "../protocol/control.ts";
import type { Session } from "./session.ts";

export type ShownTrigger = Pick<TriggerView, "name" | "host" | "to" | "listen">;

// A distributive Omit: RelayEvent is a union.
type Untimed<Event> = Event extends unknown ? Omit<Event, "at"> : never;

export class Registry {
  readonly #hosts = new Map<string, HostView>();
  readonly #services = new Map<string, ServiceView>();
  readonly #sessions = new Map<number, Session>();
  readonly #triggers = new Map<string, Omit<TriggerView, "open">>();
  /** Requests on their way, by trigger. */
  readonly #open = new Map<string, number>();
  readonly #ordinals = new Map<string, number>();
  readonly #onEvent: (event: RelayEvent) => void;
  readonly #onSession: (session: Session) => void;
  #lastId = 0;

  /** `onSession`: one that lives has appeared, or changed. */
  constructor(onEvent: (event: RelayEvent) => void, onSession: (session: Session) => void = () => undefined) {
    this.#onEvent = onEvent;
    this.#onSession = onSession;
  }

  host(view: Omit<HostView, "since">): void {
    const host = { ...view, since: Date.now() };
    this.#hosts.set(host.name, host);
    this.tell({ type: "host", host });
  }

  service(view: Omit<ServiceView, "since" | "sessions">): void {
    const service = { ...view, since: Date.now(), sessions: this.#count(view.name) };
    this.#services.set(service.name, service);
    this.tell({ type: "service", service });
  }

  trigger(view: Omit<TriggerView, "open">): void {
    this.#triggers.set(view.name, view);
    this.tell({ type: "trigger", trigger: this.#counted(view) });
  }

  /** So many requests of a trigger are on their way; that is told with each of them. */
  requests(trigger: string, open: number): void {
    this.#open.set(trigger, open);
  }

  /** The identity of the next session of a service. */
  identify(service: string): { id: number; ordinal: number; name: string } {
    const ordinal = (this.#ordinals.get(service) ?? 0) + 1;
    this.#ordinals.set(service, ordinal);
    this.#lastId += 1;
    return { id: this.#lastId, ordinal, name: `${service}#${ordinal}` };
  }

  /** A session appeared or changed its state. */
  session(session: Session): void {
    if (session.state === "closed") this.#sessions.delete(session.facts.id);
    else {
      this.#sessions.set(session.facts.id, session);
      this.#onSession(session);
    }
    this.tell({ type: "session", session: session.view() });
  }

  tell(event: Untimed<RelayEvent>): void {
    this.#onEvent({ at: Date.now(), ...event });
  }

  sessions(service?: string): Session[] {
    const all = [...this.#sessions.values()];
    return service === undefined ? all : all.filter((session) => session.facts.service === service);
  }

  views(): { hosts: HostView[]; services: ServiceView[]; sessions: SessionView[]; triggers?: TriggerView[] } {
    const counted = (service: ServiceView): ServiceView => ({ ...service, sessions: this.#count(service.name) });
    return {
      hosts: [...this.#hosts.values()],
      services: Array.from(this.#services.values(), counted),
      sessions: this.sessions().map((session) => session.view()),
      ...(this.#triggers.size === 0
        ? {}
        : { triggers: Array.from(this.#triggers.values(), (view) => this.#counted(view)) }),
    };
  }

  #counted(view: Omit<TriggerView, "open">): TriggerView {
    return { ...view, open: this.#open.get(view.name) ?? 0 };
  }

  #count(service: string): number {
    let count = 0;
    for (const session of this.#sessions.values()) if (session.facts.service === service) count += 1;
    return count;
  }
}
