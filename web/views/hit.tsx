// One hit: where it stood, by which way it came there, with which values; and the same line at other hits.
import { useEffect, useState } from "preact/hooks";
import type { HitDetail } from "../../protocol/api.ts";
import { ask, sending } from "../ask.ts";
import { isReplayAnswer, isHitDetail } from "../../protocol/api-check.ts";
import { clock, dateTime, duration, fileName } from "../model/format.ts";
import { hitText } from "../model/hit-text.ts";
import { formatRoute } from "../model/route.ts";
import { cutWords } from "../model/value-tree.ts";
import { Copy } from "../parts/copy.tsx";
import { useLoaded } from "../parts/loaded.ts";
import { LongList } from "../parts/long-list.tsx";
import { Why } from "../parts/reason.tsx";
import { plainText } from "../model/visible-text.ts";
import { Shown } from "../parts/shown.tsx";
import { complain, doing, go, stands, stoppedSessions } from "../state.ts";
import { Source } from "./source.tsx";
import { Values } from "./values.tsx";

interface Props {
  readonly trace: string;
  readonly hit: number;
  readonly frame: number;
}

export function HitView({ trace, hit, frame }: Props) {
  const loaded = useLoaded(`${trace} ${hit}`, () =>
    ask(`traces/${encodeURIComponent(trace)}/hits/${hit}`, isHitDetail),
  );
  const detail = loaded.value;
  const to = (number: number | undefined): void => {
    if (number !== undefined) go({ view: "hit", trace, hit: number, frame: 0 });
  };
  useEffect(() => {
    const key = (event: KeyboardEvent): void => {
      if (event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "[") to(detail?.previous);
      if (event.key === "]") to(detail?.next);
    };
    window.addEventListener("keydown", key);
    return () => window.removeEventListener("keydown", key);
  }, [detail]);
  if (loaded.state === "failed") {
    return (
      <section class="pad">
        <Why reason={loaded.reason} />
        <a href={formatRoute({ view: "timeline", trace })}>To the timeline</a>
      </section>
    );
  }
  if (detail === undefined) return <p class="pad quiet">Reading hit {hit} …</p>;
  return <Loaded trace={trace} detail={detail} frame={frame} busy={loaded.state === "loading"} to={to} />;
}

interface LoadedProps {
  readonly trace: string;
  readonly detail: HitDetail;
  readonly frame: number;
  readonly busy: boolean;
  readonly to: (number: number | undefined) => void;
}

function Loaded({ trace, detail, frame: at, busy, to }: LoadedProps) {
  const { row, hit, previous, next } = detail;
  const { frames, cut } = hit.snapshot;
  const frame = frames[at] ?? frames[0];
  const choose = (frame: number): void => go({ view: "hit", trace, hit: row.number, frame }, { instead: true });
  return (
    <div class="hit" aria-busy={busy}>
      <div class="hit-head">
        <h1>
          <Shown text={row.function ?? frame?.name ?? row.reason} limit={80} />{" "}
          <span class="quiet">
            <Shown text={row.service} limit={60} />
          </span>
        </h1>
        <span class="facts">
          <Shown text={row.reason} limit={60} /> · <Shown text={row.name} limit={60} /> ·{" "}
          <Shown text={row.thread} limit={60} /> · <span title={dateTime(row.at)}>{clock(row.at)}</span>
          {row.end !== undefined && <> · stood {duration(row.end - row.at)}</>}
          {row.request !== undefined && (
            <span class="of-request">
              request{" "}
              <a href={formatRoute({ view: "timeline", trace, hit: row.number })}>
                <Shown text={row.request} limit={60} />
              </a>
            </span>
          )}
        </span>
        <span class="actions">
          {row.end === undefined && stands(row) && stoppedSessions.value.has(row.session) && (
            <button
              type="button"
              class="main"
              aria-label={`Resume ${plainText(row.session)}`}
              onClick={() =>
                void doing(`${row.session} runs on`, "POST", `sessions/${encodeURIComponent(row.session)}/resume`)
              }
            >
              Resume
            </button>
          )}
          <a class="button" href={formatRoute({ view: "timeline", trace, hit: row.number })}>
            In the timeline
          </a>
          <button
            type="button"
            disabled={previous === undefined}
            onClick={() => to(previous)}
            aria-label="‹ Previous hit of this line"
            title="The previous hit of this line ([)"
          >
            ‹ Previous
          </button>
          <button
            type="button"
            disabled={next === undefined}
            onClick={() => to(next)}
            aria-label="Next › hit of this line"
            title="The next hit of this line (])"
          >
            Next ›
          </button>
          <Copy text={() => hitText(detail)} label="Copy as text" of="the hit as text" large />
          <Replay trace={trace} from={row.number} />
        </span>
      </div>
      {hit.text !== undefined && (
        <p class="hit-text">
          <Shown text={hit.text} limit={2000} lines />
        </p>
      )}
      <section aria-label="Stack" class="stack">
        <h2>Stack</h2>
        <LongList
          role="listbox"
          label="Frames, the innermost first"
          count={frames.length}
          rowHeight={38}
          chosen={frame === undefined ? 0 : frames.indexOf(frame)}
          onChoose={choose}
          row={(place) => {
            const one = frames[place];
            if (one === undefined) return null;
            return (
              <div class="two-lines">
                <div class="mono">
                  <Shown text={one.name} limit={80} />
                </div>
                <div class="quiet small-text" title={plainText(one.path ?? "", 500)}>
                  {one.path === undefined ? (
                    "no file"
                  ) : (
                    <Shown text={`${fileName(one.path)}:${one.line ?? "?"}`} limit={100} />
                  )}
                  {one.scopes === undefined && " · values were not asked for"}
                </div>
              </div>
            );
          }}
        />
        {cut !== undefined && <p class="note pad">{cutWords(cut, frames.length)}</p>}
      </section>
      {frame === undefined ? (
        <p class="pad quiet">The debuggee gave no frame at this stop.</p>
      ) : (
        <>
          <Source trace={trace} frame={frame} />
          <Values key={at} trace={trace} hit={row.number} frame={frame} inner={at === 0} />
        </>
      )}
    </div>
  );
}

/** An address that an IDE attaches to; it walks the trace from here. */
function Replay({ trace, from }: { readonly trace: string; readonly from: number }) {
  const [address, setAddress] = useState<string | undefined>(undefined);
  useEffect(() => setAddress(undefined), [trace, from]);
  const replay = async (): Promise<void> => {
    try {
      setAddress(
        (await ask(`traces/${encodeURIComponent(trace)}/replay`, isReplayAnswer, sending("POST", { from }))).address,
      );
    } catch (error) {
      complain(error);
    }
  };
  if (address === undefined) {
    return (
      <button type="button" onClick={() => void replay()}>
        Replay in the IDE
      </button>
    );
  }
  return (
    <span role="status" class="replay">
      Attach your IDE (DAP) to{" "}
      <code>
        <Shown text={address} />
      </code>{" "}
      <Copy text={address} of="the address" />
    </span>
  );
}
