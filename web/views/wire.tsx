// The messages of a session as they crossed the wire, decoded, with a filter.
import { useEffect, useMemo, useState } from "preact/hooks";
import { ask } from "../ask.ts";
import { MessageList } from "../message-list.ts";
import { isMessagePage, isTraceSessions } from "../../protocol/api-check.ts";
import { amount, bytes, clock, counting } from "../model/format.ts";
import { Copy } from "../parts/copy.tsx";
import { useLoaded } from "../parts/loaded.ts";
import { LongList } from "../parts/long-list.tsx";
import { Why } from "../parts/reason.tsx";
import { plainText } from "../model/visible-text.ts";
import { Shown } from "../parts/shown.tsx";
import { go, trace } from "../state.ts";

/** Of the text of one message. */
const mostDetail = 200_000;

export function Wire({ session }: { readonly session?: string }) {
  const id = trace.value?.id;
  const hits = trace.value?.total.value ?? 0;
  const loaded = useLoaded(id === undefined ? undefined : `${id} ${hits > 0 ? "some" : "none"} ${session ?? ""}`, () =>
    ask(`traces/${encodeURIComponent(id ?? "")}/sessions`, isTraceSessions),
  );
  if (id === undefined)
    return <p class="pad quiet">No trace is open: what crosses the wire is read from its recording.</p>;
  if (loaded.state === "failed") {
    return (
      <section class="pad">
        <Why reason={loaded.reason} />
      </section>
    );
  }
  const sessions = loaded.value ?? [];
  const shown = session ?? sessions[0]?.name;
  return (
    <div class="wire">
      <aside aria-label="Sessions">
        <LongList
          role="listbox"
          label="Sessions of the trace"
          count={sessions.length}
          rowHeight={38}
          chosen={sessions.findIndex(({ name }) => name === shown)}
          onChoose={(at) => {
            const one = sessions[at];
            if (one !== undefined)
              go({ view: "wire", trace: id, session: one.name }, { instead: session !== undefined });
          }}
          row={(at) => {
            const one = sessions[at];
            if (one === undefined) return null;
            return (
              <div class="two-lines">
                <div>
                  <Shown text={one.name} limit={80} />
                </div>
                <div class="quiet small-text">
                  {one.wire} · {clock(one.first, "s")} · {counting(one.messages, "message")} ·{" "}
                  {counting(one.hits, "hit")}
                </div>
              </div>
            );
          }}
        />
      </aside>
      {shown === undefined ? (
        <p class="pad quiet">
          {loaded.state === "loading" ? "Reading sessions …" : "There is no session in this trace."}
        </p>
      ) : (
        <Messages key={`${id} ${shown}`} trace={id} session={shown} />
      )}
    </div>
  );
}

const sides = { all: "Both sides", client: "IDE →", debuggee: "← debuggee" } as const;
type SideChoice = keyof typeof sides;

function Messages({ trace, session }: { readonly trace: string; readonly session: string }) {
  const [typed, setTyped] = useState("");
  const [text, setText] = useState("");
  const [side, setSide] = useState<SideChoice>("all");
  const [chosen, setChosen] = useState<number | undefined>(undefined);
  useEffect(() => {
    const timer = setTimeout(() => setText(typed.trim()), 250);
    return () => clearTimeout(timer);
  }, [typed]);
  useEffect(() => setChosen(undefined), [text, side]);
  const path = `traces/${encodeURIComponent(trace)}/messages?session=${encodeURIComponent(session)}`;
  const [readings, setReadings] = useState(0);
  const list = useMemo(() => new MessageList(path, { text, side }), [path, text, side, readings]);
  // Drawn again by its changes.
  void list.version.value;
  const total = list.total.value;
  const row = chosen === undefined ? undefined : list.row(chosen);
  return (
    <section class="messages" aria-label={`Messages of ${plainText(session)}`}>
      <div class="line tools">
        <input
          type="search"
          aria-label="Messages with this text"
          placeholder="Messages with this text"
          value={typed}
          onInput={({ currentTarget: { value } }) => setTyped(value)}
        />
        <span role="group" aria-label="Side">
          {(["all", "client", "debuggee"] as const).map((name) => (
            <button key={name} type="button" class="small" aria-pressed={side === name} onClick={() => setSide(name)}>
              {sides[name]}
            </button>
          ))}
        </span>
        <button type="button" class="small" onClick={() => setReadings((count) => count + 1)}>
          Read anew
        </button>
        <span class="quiet" role="status">
          {text === "" && side === "all" ? "" : `${amount(list.count)} found in `}
          {total === undefined ? "reading …" : counting(total, "message")}
          {list.searching && ", more when you scroll"}
          {list.full && ": no more are listed, say more of what you look for"}
        </span>
      </div>
      {list.failed.value !== undefined && <Why reason={list.failed.value} />}
      <LongList
        key={`${text} ${side} ${readings}`}
        role="listbox"
        label={`Messages of ${plainText(session)}`}
        class="wire-list"
        count={list.count}
        rowHeight={22}
        {...(chosen === undefined ? {} : { chosen })}
        onChoose={setChosen}
        onVisible={(first, end) => list.look(first, end)}
        row={(at) => {
          const one = list.row(at);
          if (one === undefined) return <span class="quiet">…</span>;
          if (one === "gone") return <span class="quiet">{at + 1} is not in the trace any more</span>;
          const client = one.side === "client";
          return (
            <>
              <span class="quiet ordinal">{one.ordinal}</span>
              <span class="quiet mono">{clock(one.at)}</span>
              <span class={client ? "side client" : "side"} title={client ? "IDE to debuggee" : "debuggee to IDE"}>
                {client ? "IDE →" : "← dbg"}
              </span>
              <span class="quiet size">{bytes(one.size)}</span>
              <Shown class="mono" text={one.summary} limit={400} />
            </>
          );
        }}
      />
      {row !== undefined && row !== "gone" && (
        <Detail key={row.ordinal} path={path} ordinal={row.ordinal} summary={row.summary} />
      )}
    </section>
  );
}

function Detail({
  path,
  ordinal,
  summary,
}: {
  readonly path: string;
  readonly ordinal: number;
  readonly summary: string;
}) {
  const loaded = useLoaded(`${path} ${ordinal}`, () => ask(`${path}&from=${ordinal}&count=1`, isMessagePage));
  const message = loaded.value?.messages.find((one) => one.ordinal === ordinal);
  const detail = message?.detail;
  const text =
    detail === undefined
      ? (message?.summary ?? summary)
      : typeof detail === "string"
        ? detail
        : JSON.stringify(detail, null, 2);
  return (
    <div class="value" role="region" aria-label={`Message ${ordinal}`}>
      <div class="line">
        <b>Message {ordinal}</b>
        {loaded.state === "failed" && <span class="warning">{loaded.reason.what}</span>}
        <Copy text={text} of="the message" />
      </div>
      <pre>
        <Shown text={text} limit={mostDetail} lines />
      </pre>
    </div>
  );
}
