// What the relay of a demo has told about itself so far: the events of `debugtap up --json`, one a line.
import type { RelayEvent, ServiceView, SessionView } from "../../protocol/control.ts";

export class RelayState {
  /** By name. */
  readonly services = new Map<string, ServiceView>();
  /** By id. */
  readonly sessions = new Map<number, SessionView>();
  /** The directory of the trace, once it is open. */
  trace: string | undefined;
  /** Problems that it reported, as lines. */
  readonly problems: string[] = [];

  read(line: string): void {
    const event: RelayEvent = JSON.parse(line);
    if (event.type === "service") {
      this.services.set(event.service.name, event.service);
      const { state, reason } = event.service;
      if (state === "failed") this.problems.push(`${event.service.name}: ${reason?.what ?? "failed"}`);
    } else if (event.type === "session") {
      this.sessions.set(event.session.id, event.session);
    } else if (event.type === "trace") {
      this.trace = event.dir;
      if (event.state === "failed") this.problems.push(`trace: ${event.reason?.what ?? "failed"}`);
    } else if (event.type === "error") {
      this.problems.push(`${event.error.code}: ${event.error.what}`);
    }
  }

  /** Sessions of a service whose two sides are joined, in the order of their ordinals. */
  open(service: string): SessionView[] {
    return [...this.sessions.values()]
      .filter((session) => session.service === service && session.state === "open")
      .sort((a, b) => a.ordinal - b.ordinal);
  }

  /** One line on the sessions of a service, whatever their state. */
  describe(service: string): string {
    const sessions = [...this.sessions.values()].filter((session) => session.service === service);
    if (sessions.length === 0) return "no session has come";
    return sessions.map(({ name, state, reason }) => `${name} ${state}${reason ? ` (${reason})` : ""}`).join(", ");
  }
}
