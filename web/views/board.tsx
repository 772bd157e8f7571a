// Who runs, who is stopped, where and for how long, who drives; and what can be done about it.
import type { ApiView } from "../../protocol/api.ts";
import type { HostView, SessionView } from "../../protocol/control.ts";
import { describeDifference } from "../../protocol/source-difference.ts";
import { bytes, counted, counting, duration } from "../model/format.ts";
import { problemsOf } from "../model/problems.ts";
import { formatRoute } from "../model/route.ts";
import { plainText } from "../model/visible-text.ts";
import { useNow } from "../now.ts";
import { Copy } from "../parts/copy.tsx";
import { Why } from "../parts/reason.tsx";
import { Shown } from "../parts/shown.tsx";
import { State, Table } from "../parts/table.tsx";
import { doing, events, listTraces, trace, traces, view } from "../state.ts";
import { Breakpoints } from "./breakpoints.tsx";
import { Events } from "./events.tsx";

export function Board() {
  const now = view.value;
  if (now === undefined) return <p class="pad quiet">Waiting for debugtap …</p>;
  return (
    <div class="board">
      <Problems view={now} />
      <Sessions sessions={now.sessions} />
      <Services view={now} />
      <Hosts hosts={now.hosts} />
      <Triggers view={now} />
      <Recording view={now} />
      <Breakpoints />
      <Events />
    </div>
  );
}

function Problems({ view }: { readonly view: ApiView }) {
  const found = problemsOf(view, events.value);
  if (found.length === 0) return null;
  return (
    <section aria-labelledby="head-problems" class="problems">
      <h2 id="head-problems">
        Problems <span class="count">{found.length}</span>
      </h2>
      {found.map(({ of, reason }) => (
        <Why key={`${of} ${reason.what}`} of={of} reason={reason} />
      ))}
    </section>
  );
}

const sessionKinds: Readonly<Record<string, "good" | "busy" | "bad" | "idle">> = {
  open: "good",
  held: "busy",
  attaching: "busy",
  reattaching: "busy",
  waiting: "busy",
};

/** Those that are stopped first, then those that wait, then the rest, closed ones last. */
export function inOrder(sessions: readonly SessionView[]): SessionView[] {
  const rank = ({ stopped, state }: SessionView): number =>
    stopped !== undefined ? 0 : state === "held" ? 1 : state === "closed" ? 3 : 2;
  return [...sessions].sort(
    (a, b) => rank(a) - rank(b) || (a.stopped?.since ?? 0) - (b.stopped?.since ?? 0) || a.id - b.id,
  );
}

function Sessions({ sessions }: { readonly sessions: readonly SessionView[] }) {
  useNow(sessions.some(({ stopped, state }) => stopped !== undefined || state === "held"));
  return (
    <Table
      name="Sessions"
      heads={["Session", "State", "Stopped for", "At", "Process", "IDE", "Bytes", "Actions"]}
      none="No debuggee is connected. Start a service with its debugger, or attach your IDE."
    >
      {inOrder(sessions).map((session) => (
        <SessionRow key={session.name} session={session} />
      ))}
    </Table>
  );
}

function SessionRow({ session }: { readonly session: SessionView }) {
  const { name, state, stopped, process, clients = [], bytes: count, reason, differs = [], since } = session;
  const at = useNow(false);
  const path = `sessions/${encodeURIComponent(name)}`;
  const others = clients.filter((client) => !client.drives);
  return (
    <tr class={stopped === undefined ? "" : "stands"}>
      <th scope="row">
        <Shown text={name} />
      </th>
      <td>
        {stopped === undefined ? (
          <State state={state === "open" ? "running" : state} kind={sessionKinds[state] ?? "idle"} />
        ) : (
          <State state={counting(stopped.threads, "thread stopped", "threads stopped")} kind="stopped" />
        )}
        {reason !== undefined && (
          <div class="quiet small-text">
            <Shown text={reason} />
          </div>
        )}
        {differs.map((source) => (
          <div key={source.local} class="warning small-text">
            <Shown text={describeDifference(source)} limit={400} />
          </div>
        ))}
      </td>
      <td class="number" data-testid="stopped-for">
        {stopped !== undefined ? (
          <b>{counted(at - stopped.since)}</b>
        ) : state === "held" ? (
          <span class="quiet">held {counted(at - since)}</span>
        ) : (
          ""
        )}
      </td>
      <td>{stopped !== undefined && <LastHit session={name} />}</td>
      <td>{process !== undefined && <Shown text={process} limit={120} />}</td>
      <td>
        {clients.map((client) => (
          <div key={client.id} class="driver">
            <Shown text={client.name} limit={60} />{" "}
            {client.drives ? <b>drives</b> : <span class="quiet">looks on</span>}
          </div>
        ))}
      </td>
      <td class="number quiet" title={`${count.debuggee} bytes of the debuggee, ${count.client} of its clients`}>
        {bytes(count.debuggee + count.client)}
      </td>
      <td class="actions">
        {stopped !== undefined && (
          <button
            type="button"
            class="main"
            aria-label={`Resume ${plainText(name)}`}
            onClick={() => void doing(`${name} runs on`, "POST", `${path}/resume`)}
          >
            Resume
          </button>
        )}
        {state === "held" && (
          <button
            type="button"
            aria-label={`Release ${plainText(name)}`}
            onClick={() => void doing(`${name} runs on without an IDE`, "POST", `${path}/release`)}
          >
            Release
          </button>
        )}
        {others.map(({ id, name: client }) => (
          <button
            key={id}
            type="button"
            aria-label={`Let ${plainText(client)} drive ${plainText(name)}`}
            onClick={() => void doing(`${client} drives ${name}`, "POST", `${path}/drive`, { client: String(id) })}
          >
            Let <Shown text={client} limit={20} brief /> drive
          </button>
        ))}
      </td>
    </tr>
  );
}

/** Where it stands, as far as it was captured. */
function LastHit({ session }: { readonly session: string }) {
  const data = trace.value;
  const hit = data?.hits.value.findLast((row) => row.session === session);
  if (data === undefined || hit === undefined) return null;
  const { number, function: name, file, line, reason } = hit;
  return (
    <a href={formatRoute({ view: "hit", trace: data.id, hit: number, frame: 0 })}>
      <Shown text={name ?? reason} limit={60} />{" "}
      <span class="quiet">
        {file !== undefined && <Shown text={file.slice(file.lastIndexOf("/") + 1)} limit={60} />}
        {line !== undefined && `:${line}`}
      </span>
    </a>
  );
}

function Services({ view }: { readonly view: ApiView }) {
  return (
    <Table
      name="Services"
      heads={["Service", "State", "Wire", "IDE", "On its host", "Host", "Sessions"]}
      none="No service is configured here."
    >
      {view.services.map(({ name, state, wire, ide, vm, host, sessions }) => (
        <tr key={name}>
          <th scope="row">
            <Shown text={name} />
          </th>
          <td>
            <State state={state} kind={state === "listening" ? "good" : state === "failed" ? "bad" : "busy"} />
          </td>
          <td>{wire}</td>
          <td class="mono">
            <Shown text={ide} limit={80} />
          </td>
          <td class="mono">
            <Shown text={vm} limit={80} />
          </td>
          <td>
            <Shown text={host} limit={80} />
          </td>
          <td class="number">{sessions}</td>
        </tr>
      ))}
    </Table>
  );
}

function Hosts({ hosts }: { readonly hosts: readonly HostView[] }) {
  const at = useNow(hosts.some(({ retryAt }) => retryAt !== undefined));
  return (
    <Table name="Hosts" heads={["Host", "State", "Target", "Round trip", "Next try"]} none="No host is configured.">
      {hosts.map(({ name, state, target, rtt, retryAt }) => (
        <tr key={name}>
          <th scope="row">
            <Shown text={name} />
          </th>
          <td>
            <State
              state={state}
              kind={state === "down" ? "bad" : state === "up" || state === "local" ? "good" : "busy"}
            />
          </td>
          <td class="mono">
            <Shown text={target} limit={80} />
          </td>
          <td class="number">{rtt === undefined ? "" : `${rtt < 10 ? rtt.toFixed(1) : Math.round(rtt)} ms`}</td>
          <td class="number">
            {retryAt === undefined
              ? ""
              : retryAt > at
                ? `in ${duration(Math.ceil((retryAt - at) / 1000) * 1000)}`
                : "now"}
          </td>
        </tr>
      ))}
    </Table>
  );
}

function Triggers({ view }: { readonly view: ApiView }) {
  if (view.triggers.length === 0) return null;
  return (
    <Table name="Triggers" heads={["Trigger", "State", "Here", "On its host", "Host", "Open requests"]} none="">
      {view.triggers.map(({ name, state, listen, to, host, open }) => (
        <tr key={name}>
          <th scope="row">
            <Shown text={name} />
          </th>
          <td>
            <State state={state} kind={state === "listening" ? "good" : state === "failed" ? "bad" : "busy"} />
          </td>
          <td class="mono">
            <Shown text={`http://${listen}`} limit={80} />{" "}
            <Copy text={`http://${listen}`} of={`the address of ${plainText(name)}`} />
          </td>
          <td class="mono">
            <Shown text={to} limit={80} />
          </td>
          <td>
            <Shown text={host} limit={80} />
          </td>
          <td class="number">{open === 0 ? <span class="quiet">0</span> : <b>{open}</b>}</td>
        </tr>
      ))}
    </Table>
  );
}

function Recording({ view }: { readonly view: ApiView }) {
  const live = traces.value.find((trace) => trace.live);
  const { recorder, recording } = view;
  const data = trace.value;
  const hits = data !== undefined && data.id === live?.id ? data.total.value : live?.hits;
  const turn = async (): Promise<void> => {
    if (
      await doing(recording ? "Nothing is recorded any more" : "A new trace is recorded", "POST", "recording", {
        on: !recording,
      })
    ) {
      await listTraces().catch(() => undefined);
    }
  };
  return (
    <section aria-labelledby="head-recording">
      <h2 id="head-recording">Recording</h2>
      <p class="line">
        {recorder !== undefined ? (
          <State state={recorder.state} kind="bad" />
        ) : recording ? (
          <State state="recording" kind="good" />
        ) : (
          <State state="off" kind="idle" />
        )}
        {hits !== undefined && <span>{counting(hits, "hit")}</span>}
        {view.trace !== undefined && (
          <span class="mono">
            <Shown text={view.trace} /> <Copy text={view.trace} of="the trace's directory" />
          </span>
        )}
        {recorder !== undefined && (
          <span class="warning">
            not in the trace: {counting(recorder.missed.chunks, "chunk")}, {bytes(recorder.missed.bytes)},{" "}
            {counting(recorder.missed.hits, "hit")}
          </span>
        )}
        <button type="button" onClick={() => void turn()}>
          {recording ? "Stop recording" : "Record a new trace"}
        </button>
      </p>
      <p class="quiet small-text">
        debugtap <Shown text={view.version} limit={40} />, process {view.pid}
        {view.config !== undefined && (
          <>
            , <Shown text={view.config} />
          </>
        )}
      </p>
    </section>
  );
}
