// What surrounds the views: where to go, which trace is shown, whether debugtap is there, what was said.
import { useEffect, useErrorBoundary, useRef, useState } from "preact/hooks";
import { link } from "./live.ts";
import { dateTime, duration } from "./model/format.ts";
import { formatRoute, type Route } from "./model/route.ts";
import { useNow } from "./now.ts";
import { Why } from "./parts/reason.tsx";
import { go, route, said, spoken, traceId, traces } from "./state.ts";
import { nextTheme, theme } from "./theme.ts";
import { Board } from "./views/board.tsx";
import { HitView } from "./views/hit.tsx";
import { Timeline } from "./views/timeline.tsx";
import { Traces } from "./views/traces.tsx";
import { Wire } from "./views/wire.tsx";

const views = [
  { view: "board", name: "Board" },
  { view: "timeline", name: "Timeline" },
  { view: "wire", name: "Wire" },
  { view: "traces", name: "Traces" },
] as const;

export function App() {
  const [help, setHelp] = useState(false);
  const here = route.value;
  const to = (view: (typeof views)[number]["view"]): Route => {
    const id = traceId.value;
    return view === "board" || view === "traces" || id === undefined ? { view } : { view, trace: id };
  };
  useEffect(() => {
    const key = (event: KeyboardEvent): void => {
      const { target } = event;
      const typing = target instanceof HTMLInputElement || target instanceof HTMLSelectElement;
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (typing) {
        if (event.key === "Escape") target.blur();
        return;
      }
      const nth = views[Number(event.key) - 1];
      if (nth !== undefined) go(to(nth.view));
      else if (event.key === "?") setHelp((shown) => !shown);
      else if (event.key === "t") nextTheme();
      else if (event.key === "/") document.querySelector<HTMLInputElement>("input[type=search]")?.focus();
      else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", key);
    return () => window.removeEventListener("keydown", key);
  }, []);
  const main = useRef<HTMLElement>(null);
  const lit = here.view === "hit" ? "timeline" : here.view;
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        To the content
      </a>
      <header>
        <strong>debugtap</strong>
        <nav aria-label="Views">
          {views.map(({ view, name }) => (
            <a key={view} href={formatRoute(to(view))} aria-current={lit === view ? "page" : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <TraceChoice />
        <Link />
        <button type="button" class="small" onClick={nextTheme} title="Colours (t)">
          {themeName()} colours
        </button>
        <button type="button" class="small" onClick={() => setHelp(true)} aria-label="Keys" title="Keys (?)">
          ?
        </button>
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        <View key={here.view} />
      </main>
      <Said />
      <p class="unseen" role="status" aria-live="polite" aria-label="New stops">
        {spoken.value}
      </p>
      {help && <Help onClose={() => setHelp(false)} />}
    </>
  );
}

function themeName(): string {
  return { system: "Auto", light: "Light", dark: "Dark" }[theme.value];
}

/** A view that fails is one view's failure. */
function View() {
  const [error, again] = useErrorBoundary();
  if (error !== undefined && error !== null) {
    return (
      <section class="pad">
        <Why reason={{ what: "This view could not be drawn", why: String(error), fix: "reload the page" }} />
        <button type="button" onClick={again}>
          Try again
        </button>
      </section>
    );
  }
  const here = route.value;
  switch (here.view) {
    case "board":
      return <Board />;
    case "timeline":
      return <Timeline {...(here.hit === undefined ? {} : { hit: here.hit })} />;
    case "hit":
      return <HitView {...here} />;
    case "wire":
      return <Wire {...(here.session === undefined ? {} : { session: here.session })} />;
    case "traces":
      return <Traces {...here} />;
  }
}

function TraceChoice() {
  const all = traces.value;
  const id = traceId.value;
  if (id === undefined) return <span class="grow" />;
  const choose = (trace: string): void => {
    const { view } = route.value;
    go(view === "wire" ? { view, trace } : { view: "timeline", trace });
  };
  const known = all.some((trace) => trace.id === id);
  return (
    <label class="grow">
      <span class="quiet">Trace </span>
      <select value={id} onChange={({ currentTarget: { value } }) => choose(value)}>
        {!known && <option value={id}>{id}</option>}
        {all.map((trace) => (
          <option key={trace.id} value={trace.id}>
            {trace.live ? `${trace.id} · being recorded` : `${trace.id} · ${dateTime(trace.started)}`}
          </option>
        ))}
      </select>
    </label>
  );
}

function Link() {
  const now = link.value;
  const at = useNow(now.state === "offline");
  if (now.state !== "offline")
    return <span class="quiet link">{now.state === "online" ? "connected" : "connecting …"}</span>;
  return (
    <span class="link offline" role="alert" aria-atomic="true">
      {now.stranger ? (
        "offline: open the address that debugtap printed"
      ) : (
        <>
          offline
          <span aria-hidden="true">
            {at < now.retryAt ? `, again in ${duration(Math.ceil((now.retryAt - at) / 1000) * 1000)}` : ", trying …"}
          </span>
        </>
      )}
    </span>
  );
}

function Said() {
  const now = said.value;
  useEffect(() => {
    if (now === undefined || now.bad) return undefined;
    const timer = setTimeout(() => (said.value = undefined), 4000);
    return () => clearTimeout(timer);
  }, [now]);
  return (
    <div class={now === undefined ? "said" : now.bad ? "said shown bad" : "said shown"}>
      <div role="status" aria-live="polite">
        {now !== undefined &&
          (now.bad ? (
            <Why reason={{ what: now.text, ...(now.fix === undefined ? {} : { fix: now.fix }) }} />
          ) : (
            now.text
          ))}
      </div>
      {now?.bad === true && (
        <button type="button" class="small" onClick={() => (said.value = undefined)}>
          Close
        </button>
      )}
    </div>
  );
}

const keys: readonly (readonly [string, string])[] = [
  ["1 2 3 4", "Board, timeline, wire, traces"],
  ["/", "To the search of this view; Esc leaves it"],
  ["t", "Colours: as the system, light, dark"],
  ["?", "This list"],
  ["Timeline", ""],
  ["+ −", "More and less detail (wheel, pinch)"],
  ["← →", "Move in time (drag, Shift and wheel)"],
  ["Home End", "All of it; the newest"],
  ["↑ ↓ Enter", "Previous and next hit; open it"],
  ["Hit", ""],
  ["[ ]", "Previous and next hit of this line"],
  ["↑ ↓", "In stack and values"],
  ["→ ←", "Open and close a value, go to what it is in"],
  ["Enter", "Show a value whole, and its history"],
];

function Help({ onClose }: { readonly onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} aria-label="Keys" onClose={onClose}>
      <h2>Keys</h2>
      <dl>
        {keys.map(([key, what]) =>
          what === "" ? (
            <h3 key={key}>{key}</h3>
          ) : (
            <div key={key}>
              <dt>
                {key.split(" ").map((part) => (
                  <kbd>{part}</kbd>
                ))}
              </dt>
              <dd>{what}</dd>
            </div>
          ),
        )}
      </dl>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}
