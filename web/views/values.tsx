// The values of a frame as a tree that is searched, one of them whole, and what it was at the other hits of the line.
import { useMemo, useState } from "preact/hooks";
import type { SnapshotFrame } from "../../protocol/hit.ts";
import { amount, counting } from "../model/format.ts";
import { cutWords, treeRows, type TreeRow } from "../model/value-tree.ts";
import { Copy } from "../parts/copy.tsx";
import { LongList } from "../parts/long-list.tsx";
import { Shown } from "../parts/shown.tsx";
import { History } from "./history.tsx";

interface Props {
  readonly trace: string;
  readonly hit: number;
  readonly frame: SnapshotFrame;
  /** The innermost frame, whose variables have a history. */
  readonly inner: boolean;
}

/** Of one value, in its row and whole. */
const inRow = 200;
const whole = 100_000;

export function Values({ trace, hit, frame, inner }: Props) {
  const [search, setSearch] = useState("");
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const [chosen, setChosen] = useState<string | undefined>(undefined);
  const rows = useMemo(() => treeRows(frame, opened, search), [frame, opened, search]);
  const at = chosen === undefined ? -1 : rows.findIndex(({ id }) => id === chosen);
  const row = rows[at];
  const toggle = ({ id, open }: TreeRow): void => {
    if (open === undefined) return;
    const next = new Set(opened);
    if (!next.delete(id)) next.add(id);
    setOpened(next);
  };
  const key = (name: string): boolean => {
    if (row === undefined) return false;
    if (name === "ArrowRight") {
      if (row.open === false) toggle(row);
      else if (row.open === true) setChosen(rows[at + 1]?.id);
      return true;
    }
    if (name === "ArrowLeft") {
      if (row.open === true) toggle(row);
      else setChosen(rows.findLast((other, place) => place < at && other.level < row.level)?.id ?? row.id);
      return true;
    }
    return false;
  };
  const found = search.trim() === "" ? undefined : rows.filter(({ kind }) => kind === "value").length;
  return (
    <section aria-label="Values" class="values">
      <h2>
        Values
        <input
          type="search"
          aria-label="Search names and values"
          placeholder="Search names and values"
          value={search}
          onInput={({ currentTarget: { value } }) => {
            setSearch(value);
            // What was opened by hand was opened in another tree.
            setOpened(new Set());
          }}
        />
        <span class="count" role="status">
          {found === undefined ? "" : counting(found, "row")}
        </span>
      </h2>
      {frame.scopes === undefined ? (
        <p class="quiet pad">
          The values of this frame were not asked for: the capture takes those of the innermost frames.
        </p>
      ) : rows.length === 0 ? (
        <p class="quiet pad">
          {found === undefined ? "This frame has no values." : "Nothing here has this in its name or value."}
        </p>
      ) : (
        <LongList
          role="tree"
          label="Values"
          class="tree"
          count={rows.length}
          rowHeight={21}
          {...(at === -1 ? {} : { chosen: at })}
          onChoose={(place) => setChosen(rows[place]?.id)}
          onOpen={(place) => {
            const one = rows[place];
            if (one !== undefined) toggle(one);
          }}
          onKey={key}
          rowProps={(place) => {
            const one = rows[place];
            return one === undefined
              ? {}
              : { "aria-level": one.level, ...(one.open === undefined ? {} : { "aria-expanded": one.open }) };
          }}
          row={(place) => {
            const one = rows[place];
            return one === undefined ? null : <Row row={one} onToggle={() => toggle(one)} />;
          }}
        />
      )}
      {row?.kind === "value" && (
        <div class="value" role="region" aria-label="The chosen value">
          <div class="line">
            <b class="mono">
              <Shown text={row.path ?? row.name} limit={200} />
            </b>
            {row.type !== undefined && (
              <span class="quiet">
                <Shown text={row.type} limit={120} />
              </span>
            )}
            <span class="quiet">{row.value.length > inRow && counting(row.value.length, "character")}</span>
            <Copy text={row.value} of="the value" />
          </div>
          <pre>
            <Shown text={row.value} limit={whole} lines />
          </pre>
          {row.value.length > whole && (
            <p class="note">Shown are the first {amount(whole)} characters; Copy takes all that was captured.</p>
          )}
          {row.cut !== undefined && <p class="note">{cutWords(row.cut, row.value.length)}</p>}
          {inner && row.path !== undefined && <History key={row.path} trace={trace} hit={hit} path={row.path} />}
        </div>
      )}
    </section>
  );
}

function Row({ row, onToggle }: { readonly row: TreeRow; readonly onToggle: () => void }) {
  const indent = { paddingLeft: `${(Math.min(row.level, 24) - 1) * 16 + 4}px` };
  if (row.kind === "note") {
    return (
      <span class="note" style={indent}>
        {row.name}
      </span>
    );
  }
  return (
    <span class="leaf" style={indent}>
      <span
        class="twist"
        aria-hidden="true"
        onClick={(event) => {
          event.stopPropagation();
          onToggle();
        }}
      >
        {row.open === undefined ? "" : row.open ? "▾" : "▸"}
      </span>
      {row.kind === "scope" ? (
        <b>
          <Shown text={row.name} limit={80} />
        </b>
      ) : (
        <>
          <Shown class="name" text={row.name} limit={80} />
          <span class="quiet"> = </span>
          <Shown {...(row.failed ? { class: "warning" } : {})} text={row.value} limit={inRow} />
          {row.failed && <span class="note"> its repr failed</span>}
          {row.cut?.by === "string" && <span class="note"> … cut</span>}
          {row.type !== undefined && (
            <span class="type">
              <Shown text={row.type} limit={40} />
            </span>
          )}
        </>
      )}
    </span>
  );
}
