// Traces that are open, one more by its path, and what differs between two.
import { useState } from "preact/hooks";
import { ask, sending } from "../ask.ts";
import { isDiffView, isTraceInfo } from "../../protocol/api-check.ts";
import { amount, bytes, counting, dateTime } from "../model/format.ts";
import { formatRoute } from "../model/route.ts";
import { useLoaded } from "../parts/loaded.ts";
import { LongList } from "../parts/long-list.tsx";
import { Why } from "../parts/reason.tsx";
import { plainText } from "../model/visible-text.ts";
import { Shown } from "../parts/shown.tsx";
import { State, Table } from "../parts/table.tsx";
import { complain, go, listTraces, say, traces } from "../state.ts";

export function Traces({ a, b }: { readonly a?: string; readonly b?: string }) {
  const list = traces.value;
  const [dir, setDir] = useState("");
  const open = async (): Promise<void> => {
    try {
      const opened = await ask("traces", isTraceInfo, sending("POST", { dir: dir.trim() }));
      await listTraces();
      setDir("");
      say(`Opened ${opened.id}`);
    } catch (error) {
      complain(error);
    }
  };
  const choose = (side: "a" | "b", id: string): void => {
    const next = { ...(a === undefined ? {} : { a }), ...(b === undefined ? {} : { b }), [side]: id };
    go({ view: "traces", ...next }, { instead: true });
  };
  return (
    <div class={a !== undefined && b !== undefined ? "traces both" : "traces"}>
      <div class="board">
        <Table
          name="Traces"
          heads={["Trace", "Begun", "Hits", "Sessions", "Size", "Directory", "Compare"]}
          none="No trace is open."
        >
          {list.map(({ id, started, hits, sessions, bytes: size, dir, live }) => (
            <tr key={id}>
              <th scope="row">
                <a href={formatRoute({ view: "timeline", trace: id })}>
                  <Shown text={id} limit={80} />
                </a>
              </th>
              <td>{live ? <State state="being recorded" kind="good" /> : dateTime(started)}</td>
              <td class="number">{amount(hits)}</td>
              <td class="number">{amount(sessions)}</td>
              <td class="number">{bytes(size)}</td>
              <td class="mono">
                <Shown text={dir} limit={160} />
              </td>
              <td class="actions">
                {(["a", "b"] as const).map((side) => (
                  <button
                    key={side}
                    type="button"
                    class="small"
                    aria-pressed={(side === "a" ? a : b) === id}
                    aria-label={`${side.toUpperCase()}: ${plainText(id)} as the ${side === "a" ? "first" : "second"} of the comparison`}
                    onClick={() => choose(side, id)}
                  >
                    {side.toUpperCase()}
                  </button>
                ))}
              </td>
            </tr>
          ))}
        </Table>
        <form
          class="line"
          onSubmit={(event) => {
            event.preventDefault();
            if (dir.trim() !== "") void open();
          }}
        >
          <input
            type="text"
            class="mono wide"
            aria-label="Directory of a trace"
            placeholder="~/.local/state/debugtap/traces/…"
            value={dir}
            onInput={({ currentTarget: { value } }) => setDir(value)}
          />
          <button type="submit">Open</button>
        </form>
      </div>
      {a !== undefined && b !== undefined && <Difference key={`${a} ${b}`} a={a} b={b} />}
    </div>
  );
}

const signs = {
  head: { sign: "", said: "" },
  same: { sign: " ", said: "" },
  removed: { sign: "−", said: "removed: " },
  added: { sign: "+", said: "added: " },
  note: { sign: "·", said: "note: " },
} as const;

function Difference({ a, b }: { readonly a: string; readonly b: string }) {
  const loaded = useLoaded(`${a} ${b}`, () =>
    ask(`diff?a=${encodeURIComponent(a)}&b=${encodeURIComponent(b)}`, isDiffView),
  );
  if (loaded.state === "failed") return <Why reason={loaded.reason} />;
  if (loaded.value === undefined) return <p class="pad quiet">Comparing …</p>;
  const { equal, lines } = loaded.value;
  const of = (kind: string): number => lines.filter((line) => line.kind === kind).length;
  return (
    <section class="diff" aria-labelledby="head-diff">
      <h2 id="head-diff">
        <Shown text={a} limit={80} /> → <Shown text={b} limit={80} />{" "}
        <span class="count">
          {equal ? "no difference" : `${counting(of("removed"), "line")} removed, ${amount(of("added"))} added`}
        </span>
      </h2>
      <LongList
        role="list"
        label="Difference"
        class="code"
        count={lines.length}
        rowHeight={19}
        rowProps={(at) => ({ class: `row ${lines[at]?.kind ?? ""}` })}
        row={(at) => {
          const line = lines[at];
          if (line === undefined) return null;
          const { sign, said } = signs[line.kind] ?? signs.note;
          return (
            <>
              <span class="sign-column" aria-hidden="true">
                {sign}
              </span>
              {said !== "" && <span class="unseen">{said}</span>}
              <code>
                <Shown text={line.text} limit={2000} />
              </code>
            </>
          );
        }}
      />
    </section>
  );
}
