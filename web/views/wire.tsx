// The messages of a session as they crossed the wire, decoded, with a filter.
//
// Rules
// - Messages are asked for in parts, as far as one scrolls, and kept without their details: those come when one is chosen.
// - At most `mostKept` are kept; the list says when there are more, and a filter finds them.
import { useEffect, useRef, useState } from "preact/hooks";
import type { MessageView } from "../../protocol/api.ts";
import { ask, refusalOf, type Refusal } from "../ask.ts";
import { isMessagePage, isSessions } from "../model/check.ts";
import { amount, bytes, clock, counting } from "../model/format.ts";
import { Copy } from "../parts/copy.tsx";
import { useLoaded } from "../parts/loaded.ts";
import { LongList } from "../parts/long-list.tsx";
import { Why } from "../parts/reason.tsx";
import { Shown } from "../parts/shown.tsx";
import { go, trace } from "../state.ts";

const part = 1000;
const mostKept = 200_000;
const mostSummary = 400;
/** Of the text of one message. */
const mostDetail = 200_000;

export function Wire({ session }: { readonly session?: string }) {
  const id = trace.value?.id;
  const hits = trace.value?.total.value ?? 0;
  const loaded = useLoaded(id === undefined ? undefined : `${id} ${hits > 0 ? "some" : "none"} ${session ?? ""}`, () =>
    ask(`traces/${encodeURIComponent(id ?? "")}/sessions`, isSessions),
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

interface Read {
  readonly rows: MessageView[];
  readonly total: number;
  readonly next?: number;
  readonly failed?: Refusal["reason"];
}

const sides = { all: "Both sides", client: "IDE →", debuggee: "← debuggee" } as const;

function Messages({ trace, session }: { readonly trace: string; readonly session: string }) {
  const [typed, setTyped] = useState("");
  const [text, setText] = useState("");
  const [side, setSide] = useState<keyof typeof sides>("all");
  const [read, setRead] = useState<Read>({ rows: [], total: 0 });
  const [chosen, setChosen] = useState<number | undefined>(undefined);
  useEffect(() => {
    const timer = setTimeout(() => setText(typed.trim()), 250);
    return () => clearTimeout(timer);
  }, [typed]);

  const path = `traces/${encodeURIComponent(trace)}/messages?session=${encodeURIComponent(session)}`;
  const filter = text === "" ? "" : `&text=${encodeURIComponent(text)}`;
  /** The filter that is asked for now, and whether an answer is on its way. */
  const asking = useRef({ filter: "", busy: false });
  const more = async (from: number | undefined, before: readonly MessageView[]): Promise<void> => {
    asking.current = { filter, busy: true };
    try {
      const page = await ask(
        `${path}${filter}&count=${part}${from === undefined ? "" : `&from=${from}`}`,
        isMessagePage,
      );
      if (asking.current.filter !== filter) return;
      const rows = before.slice();
      for (const { ordinal, at, side, size, summary } of page.messages)
        rows.push({ ordinal, at, side, size, summary: summary.slice(0, mostSummary) });
      // An answer without progress would be asked for without end.
      const next = page.messages.length === 0 || rows.length >= mostKept ? undefined : page.next;
      setRead({ rows, total: page.total, ...(next === undefined ? {} : { next }) });
    } catch (error) {
      if (asking.current.filter === filter)
        setRead({ rows: [...before], total: before.length, failed: refusalOf(error) });
    } finally {
      if (asking.current.filter === filter) asking.current.busy = false;
    }
  };
  useEffect(() => {
    setChosen(undefined);
    void more(undefined, []);
  }, [filter]);

  const rows = side === "all" ? read.rows : read.rows.filter((row) => row.side === side);
  // What is not read yet has its place, unless nobody knows how many of it are of this side.
  const count = side === "all" && read.next !== undefined ? Math.min(read.total, mostKept) : rows.length;
  const [end, setEnd] = useState(0);
  useEffect(() => {
    if (read.next !== undefined && !asking.current.busy && end + 100 > rows.length) void more(read.next, read.rows);
  }, [end, read, rows.length]);
  const row = chosen === undefined ? undefined : rows[chosen];
  return (
    <section class="messages" aria-label={`Messages of ${session}`}>
      <div class="line tools">
        <input
          type="search"
          aria-label="Messages with this text"
          placeholder="Messages with this text"
          value={typed}
          onInput={({ currentTarget: { value } }) => setTyped(value)}
        />
        <span role="group" aria-label="Side">
          {Object.entries(sides).map(([name, label]) => (
            <button
              key={name}
              type="button"
              class="small"
              aria-pressed={side === name}
              onClick={() => {
                setChosen(undefined);
                // oxlint-disable-next-line no-unsafe-type-assertion -- a key of `sides`
                setSide(name as keyof typeof sides);
              }}
            >
              {label}
            </button>
          ))}
        </span>
        <span class="quiet" role="status">
          {counting(read.total, "message")}
          {read.next !== undefined && `, ${amount(read.rows.length)} read`}
          {read.rows.length >= mostKept && `: the first ${amount(mostKept)} are here; a filter finds the others`}
        </span>
      </div>
      {read.failed !== undefined && <Why reason={read.failed} />}
      <LongList
        role="listbox"
        label={`Messages of ${session}`}
        class="wire-list"
        count={count}
        rowHeight={22}
        {...(chosen === undefined ? {} : { chosen })}
        onChoose={setChosen}
        onVisible={(_, last) => setEnd(last)}
        row={(at) => {
          const one = rows[at];
          if (one === undefined) return <span class="quiet">…</span>;
          const client = one.side === "client";
          return (
            <>
              <span class="quiet ordinal">{one.ordinal}</span>
              <span class="quiet mono">{clock(one.at)}</span>
              <span class={client ? "side client" : "side"} title={client ? "IDE to debuggee" : "debuggee to IDE"}>
                {client ? "IDE →" : "← dbg"}
              </span>
              <span class="quiet size">{bytes(one.size)}</span>
              <Shown class="mono" text={one.summary} limit={mostSummary} />
            </>
          );
        }}
      />
      {row !== undefined && <Detail key={row.ordinal} path={path} ordinal={row.ordinal} summary={row.summary} />}
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
