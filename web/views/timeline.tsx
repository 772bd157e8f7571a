// The story of a trace: what stopped when, in which service, by which request.
import { useComputed } from "@preact/signals";
import { useState } from "preact/hooks";
import type { HitRowView } from "../../protocol/api.ts";
import { amount, clock, counting, duration, fileName } from "../model/format.ts";
import type { RequestRow } from "../model/requests.ts";
import { formatRoute } from "../model/route.ts";
import { layOut, type Bar } from "../model/timeline-layout.ts";
import { plainText } from "../model/visible-text.ts";
import { LongList } from "../parts/long-list.tsx";
import { Why } from "../parts/reason.tsx";
import { Shown } from "../parts/shown.tsx";
import { doing, go, stands, trace } from "../state.ts";
import type { TraceData } from "../trace-data.ts";
import { TimelineCanvas } from "./timeline-canvas.tsx";

export function Timeline({ hit }: { readonly hit?: number }) {
  const data = trace.value;
  if (data === undefined)
    return (
      <p class="pad quiet">No trace is open. The newest recording is shown here; others are opened under Traces.</p>
    );
  const state = data.state.value;
  if (state === "loading") return <p class="pad quiet">Reading hits …</p>;
  if (state !== "there") {
    return (
      <section class="pad">
        <Why reason={state} />
      </section>
    );
  }
  return <Loaded key={data.serial} data={data} {...(hit === undefined ? {} : { chosen: hit })} />;
}

function Loaded({ data, chosen }: { readonly data: TraceData; readonly chosen?: number }) {
  const layout = useComputed(() => layOut(data.hits.value, data.https.value, stands)).value;
  const [tab, setTab] = useState<"requests" | "hits">("requests");
  const [http, setHttp] = useState<number | undefined>(undefined);
  const hits = data.hits.value;
  const places = useComputed(() => new Map(data.hits.value.map(({ number }, at) => [number, at]))).value;
  const https = useComputed(() => new Map(data.https.value.map((one) => [one.id, one]))).value;
  const at = chosen === undefined ? undefined : places.get(chosen);
  const request =
    (at === undefined ? undefined : hits[at]?.request) ?? (http === undefined ? undefined : https.get(http)?.request);
  const open = (number: number): void => go({ view: "hit", trace: data.id, hit: number, frame: 0 });
  const choose = (number: number): void => go({ view: "timeline", trace: data.id, hit: number }, { instead: true });
  const onBar = (bar: Bar): void => {
    if (bar.kind === "hit") return bar.number === chosen ? open(bar.number) : choose(bar.number);
    setHttp(bar.number);
    const [first] = https.get(bar.number)?.hits ?? [];
    if (first !== undefined) choose(first);
  };
  const step = (by: 1 | -1): void => {
    const next = hits[at === undefined ? (by === 1 ? 0 : hits.length - 1) : at + by];
    if (next !== undefined) choose(next.number);
  };
  const dropped = data.dropped.value;
  return (
    <div class="timeline">
      <div class="timeline-main">
        {hits.length + https.size === 0 ? (
          <p class="pad quiet">No hit yet: set a breakpoint, and send a request.</p>
        ) : (
          <TimelineCanvas
            layout={layout}
            {...(chosen === undefined ? {} : { chosen })}
            {...(request === undefined ? {} : { request })}
            hitOf={(number) => hits[places.get(number) ?? -1]}
            httpOf={(id) => https.get(id)}
            onChoose={onBar}
            onOpen={(bar) => (bar.kind === "hit" ? open(bar.number) : onBar(bar))}
            onStep={step}
          />
        )}
        {dropped > 0 && (
          <p class="note pad">
            {counting(dropped, "older hit is", "older hits are")} not shown: this page keeps the newest{" "}
            {amount(hits.length)}. `debugtap hits` has all.
          </p>
        )}
        {at !== undefined && <Chosen data={data} hit={hits[at]} />}
      </div>
      <aside aria-label="Requests and hits">
        <div
          role="tablist"
          aria-label="What is listed"
          class="tabs"
          onKeyDown={(event) => {
            if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
              setTab(tab === "hits" ? "requests" : "hits");
              event.currentTarget.querySelector<HTMLElement>("[aria-selected=false]")?.focus();
            }
          }}
        >
          {(["requests", "hits"] as const).map((name) => (
            <button
              key={name}
              type="button"
              role="tab"
              aria-selected={tab === name}
              tabIndex={tab === name ? 0 : -1}
              onClick={() => setTab(name)}
            >
              {name === "requests" ? "Requests" : "Hits"}{" "}
              <span class="count">{amount(name === "requests" ? data.requests.value.length : hits.length)}</span>
            </button>
          ))}
        </div>
        {tab === "requests" ? (
          <Requests data={data} {...(chosen === undefined ? {} : { chosen })} />
        ) : (
          <LongList
            role="listbox"
            label="Hits"
            count={hits.length}
            rowHeight={38}
            {...(at === undefined ? {} : { chosen: at })}
            onChoose={(place) => choose(hits[place]?.number ?? 0)}
            onOpen={(place) => open(hits[place]?.number ?? 0)}
            row={(place) => <HitLine hit={hits[place]} />}
          />
        )}
      </aside>
    </div>
  );
}

function Chosen({ data, hit }: { readonly data: TraceData; readonly hit: HitRowView | undefined }) {
  if (hit === undefined) return null;
  return (
    <p class="chosen-hit" role="status">
      <a class="button main" href={formatRoute({ view: "hit", trace: data.id, hit: hit.number, frame: 0 })}>
        Open hit {hit.number}
      </a>
      <span class="grow">
        <b>
          <Shown text={hit.function ?? hit.reason} limit={80} />
        </b>{" "}
        <Shown text={hit.service} /> <span class="quiet">{clock(hit.at)}</span>{" "}
        {hit.end !== undefined ? (
          <span class="quiet">stood {duration(hit.end - hit.at)}</span>
        ) : stands(hit) ? (
          <b class="accent">stands</b>
        ) : null}
        {hit.text !== undefined && (
          <>
            {" "}
            <Shown text={hit.text} limit={160} />
          </>
        )}
      </span>
    </p>
  );
}

function HitLine({ hit }: { readonly hit: HitRowView | undefined }) {
  if (hit === undefined) return null;
  return (
    <div class="two-lines">
      <div>
        <Shown text={hit.function ?? hit.reason} limit={60} />{" "}
        <span class="quiet">
          {hit.file !== undefined && <Shown text={`${fileName(hit.file)}:${hit.line ?? "?"}`} limit={60} />}
        </span>
      </div>
      <div class="quiet small-text">
        {clock(hit.at)} <Shown text={hit.name} limit={60} />{" "}
        {hit.end === undefined && stands(hit) && <b class="accent">stands</b>}
      </div>
    </div>
  );
}

const requestHeight = 76;

function Requests({ data, chosen }: { readonly data: TraceData; readonly chosen?: number }) {
  const rows = data.requests.value;
  if (rows.length === 0)
    return (
      <p class="pad quiet">
        No hit names a request. `correlate:` in debugtap.yml says how one is known; requests through `triggers:` are
        listed too.
      </p>
    );
  // The newest first: it is what was just sent.
  return (
    <LongList
      role="list"
      label="Requests, the newest first"
      class="requests"
      count={rows.length}
      rowHeight={requestHeight}
      rowProps={(at) => ({ "data-request": rows[rows.length - 1 - at]?.title ?? "" }) as object}
      row={(at) => {
        const row = rows[rows.length - 1 - at];
        return row === undefined ? null : (
          <Request key={row.key} row={row} data={data} {...(chosen === undefined ? {} : { chosen })} />
        );
      }}
    />
  );
}

/** More are one line that says how many. */
const mostChips = 40;

function Request({
  row,
  data,
  chosen,
}: {
  readonly row: RequestRow;
  readonly data: TraceData;
  readonly chosen?: number;
}) {
  const { title, https, hits, again, at } = row;
  const [http] = https;
  return (
    <div class="request">
      <div class="request-head">
        <span class="grow">
          {http !== undefined && (
            <>
              <b>
                <Shown text={http.method} limit={16} />
              </b>{" "}
              <Shown text={http.path} limit={80} />{" "}
              <span class={http.status >= 400 ? "warning" : "quiet"}>
                {http.status === 0 ? "on its way" : http.status}
              </span>
              {https.length > 1 && <span class="quiet"> and {https.length - 1} more</span>}
            </>
          )}
          {http === undefined && <Shown text={title} limit={80} />}
        </span>
        {again !== undefined && (
          <button
            type="button"
            class="small"
            aria-label={plainText(`Again: ${http?.method ?? ""} ${http?.path ?? ""}`)}
            onClick={() => void doing("Sent again", "POST", `triggers/${again}/again`, { yes: true })}
          >
            Again
          </button>
        )}
      </div>
      <div class="quiet small-text request-id">
        {clock(at, "s")} {http !== undefined && <Shown text={title} limit={60} brief />}
      </div>
      <div class="chips">
        {hits.length === 0 && <span class="quiet small-text">no hit</span>}
        {hits.slice(0, mostChips).map((hit) => (
          <a
            key={hit.number}
            class={
              hit.number === chosen ? "chip chosen" : hit.end === undefined && stands(hit) ? "chip stands" : "chip"
            }
            href={formatRoute({ view: "hit", trace: data.id, hit: hit.number, frame: 0 })}
            title={plainText(`${hit.name} ${hit.function ?? hit.reason}`)}
          >
            <Shown text={hit.service} limit={24} brief />{" "}
            <span class="quiet">{hit.line === undefined ? `#${hit.number}` : `:${hit.line}`}</span>
          </a>
        ))}
        {hits.length > mostChips && <span class="quiet">and {counting(hits.length - mostChips, "more hit")}</span>}
      </div>
    </div>
  );
}
