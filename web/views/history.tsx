// One variable over the hits of this line.
import { useState } from "preact/hooks";
import { ask } from "../ask.ts";
import { isHistory } from "../../protocol/api-check.ts";
import { clock, counting } from "../model/format.ts";
import { historyRows, sparkline } from "../model/history.ts";
import { formatRoute } from "../model/route.ts";
import { useLoaded } from "../parts/loaded.ts";
import { LongList } from "../parts/long-list.tsx";
import { plainText } from "../model/visible-text.ts";
import { Shown } from "../parts/shown.tsx";

const width = 180;
const height = 24;

export function History({ trace, hit, path }: { readonly trace: string; readonly hit: number; readonly path: string }) {
  const [wanted, setWanted] = useState(false);
  const loaded = useLoaded(wanted ? `${trace} ${hit} ${path}` : undefined, () =>
    ask(`traces/${encodeURIComponent(trace)}/history?path=${encodeURIComponent(path)}&hit=${hit}`, isHistory),
  );
  if (!wanted) {
    return (
      <button type="button" onClick={() => setWanted(true)}>
        Over all hits of this line
      </button>
    );
  }
  if (loaded.state === "failed") return <p class="warning">{loaded.reason.what}</p>;
  if (loaded.value === undefined) return <p class="quiet">Reading …</p>;
  const rows = historyRows(loaded.value);
  const points = sparkline(rows, width, height);
  const here = rows.findIndex(({ number }) => number === hit);
  return (
    <div class="history">
      <p class="line">
        <span>
          {counting(rows.length, "hit")} of this line,{" "}
          {counting(rows.filter(({ changed }) => changed).length, "change")}
        </span>
        {points !== undefined && (
          <svg
            width={width}
            height={height + 4}
            viewBox={`-2 -2 ${width + 4} ${height + 4}`}
            role="img"
            aria-label={`${plainText(path)} over the hits, as a line`}
          >
            <polyline points={points} />
          </svg>
        )}
      </p>
      <LongList
        role="list"
        label={`${plainText(path)} at the hits of this line`}
        class="framed"
        count={rows.length}
        rowHeight={21}
        {...(here === -1 ? {} : { reveal: here })}
        rowProps={(at) => (at === here ? { class: "row chosen", "aria-current": "true" } : {})}
        row={(at) => {
          const row = rows[at];
          if (row === undefined) return null;
          return (
            <>
              <a href={formatRoute({ view: "hit", trace, hit: row.number, frame: 0 })}>{row.number}</a>
              <span class="quiet mono">{clock(row.at)}</span>
              <span class="changed">{row.changed && <span aria-label="changed">≠</span>}</span>
              {row.value === undefined ? (
                <span class="quiet">not captured</span>
              ) : (
                <Shown class="mono" text={row.value} limit={200} />
              )}
            </>
          );
        }}
      />
    </div>
  );
}
