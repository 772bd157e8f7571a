// What happened, the newest last.
import type { RelayEvent } from "../../protocol/control.ts";
import { clock } from "../model/format.ts";
import { LongList } from "../parts/long-list.tsx";
import { Shown } from "../parts/shown.tsx";
import { events } from "../state.ts";

export function Events() {
  const list = events.value;
  if (list.length === 0) return null;
  return (
    <section aria-labelledby="head-events" class="events">
      <h2 id="head-events">Events</h2>
      <LongList
        role="list"
        label="Events"
        class="framed"
        count={list.length}
        rowHeight={22}
        follow
        row={(at) => {
          const event = list[at];
          if (event === undefined) return null;
          const { who, what } = wordsOf(event);
          return (
            <>
              <span class="quiet mono">{clock(event.at, "s")}</span>
              <span class="who">
                <Shown text={who} limit={60} />
              </span>
              <Shown text={what} limit={400} />
            </>
          );
        }}
      />
    </section>
  );
}

function wordsOf(event: RelayEvent): { readonly who: string; readonly what: string } {
  switch (event.type) {
    case "host":
      return { who: event.host.name, what: event.host.state };
    case "service":
      return { who: event.service.name, what: event.service.state };
    case "session": {
      const { name, state, stopped, reason } = event.session;
      return {
        who: name,
        what: [stopped === undefined ? state : "stopped", reason].filter((word) => word !== undefined).join(": "),
      };
    }
    case "note":
      return { who: event.session, what: `${event.kind}: ${event.detail}` };
    case "hit":
      return { who: event.session, what: `${event.hit.reason} in ${event.hit.where ?? event.hit.thread}` };
    case "trace":
      return { who: "trace", what: event.reason === undefined ? event.state : `${event.state}: ${event.reason.what}` };
    case "error":
      return { who: event.error.code, what: event.error.what };
    default:
      return unknownEvent(event);
  }
}

/** A newer debugtap may tell what is not known here. */
function unknownEvent(event: { readonly type?: string }): { readonly who: string; readonly what: string } {
  return { who: "debugtap", what: event.type ?? "" };
}
