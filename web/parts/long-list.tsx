// A list of which only the rows on the screen exist: a hundred thousand cost as much as fifty.
//
// Rules
// - It is one stop for the Tab key; ↑ ↓ Page Up, Page Down, Home and End choose a row, Enter opens it. Screen readers are told the chosen
//   row, its place and how many there are.
// - A list whose rows have buttons of their own (`role="list"`) leaves keys to them.
import type { ComponentChildren, HTMLAttributes } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { scrollTo, visibleRows } from "../model/virtual.ts";

interface Props {
  readonly role: "list" | "listbox" | "tree";
  readonly label: string;
  readonly count: number;
  readonly rowHeight: number;
  readonly row: (at: number) => ComponentChildren;
  readonly rowProps?: (at: number) => HTMLAttributes<HTMLDivElement>;
  readonly chosen?: number;
  readonly onChoose?: (at: number) => void;
  readonly onOpen?: (at: number) => void;
  /** True: it was one of its own. */
  readonly onKey?: (key: string) => boolean;
  readonly onVisible?: (first: number, end: number) => void;
  /** Stays at its end while it grows. */
  readonly follow?: boolean;
  readonly class?: string;
  /** A row that is brought to the middle when this changes. */
  readonly reveal?: number;
}

const itemRoles = { list: "listitem", listbox: "option", tree: "treeitem" } as const;
let lists = 0;

export function LongList(props: Props) {
  const {
    role,
    label,
    count,
    rowHeight,
    row,
    rowProps,
    chosen,
    onChoose,
    onOpen,
    onKey,
    onVisible,
    follow = false,
    reveal,
  } = props;
  const box = useRef<HTMLDivElement>(null);
  const [id] = useState(() => `list${lists++}`);
  const [{ top, height }, setView] = useState({ top: 0, height: 600 });
  const seen = visibleRows(count, rowHeight, top, height);

  const look = (): void => {
    const { current } = box;
    if (current === null) return;
    const next = { top: current.scrollTop, height: current.clientHeight };
    setView((old) => (old.top === next.top && old.height === next.height ? old : next));
  };
  useLayoutEffect(() => {
    look();
    const watch = new ResizeObserver(look);
    if (box.current !== null) watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  useLayoutEffect(() => {
    const { current } = box;
    if (current === null || chosen === undefined || chosen < 0) return;
    const to = scrollTo(chosen, count, rowHeight, current.scrollTop, current.clientHeight);
    if (to !== undefined) current.scrollTop = to;
  }, [chosen]);
  useLayoutEffect(() => {
    const { current } = box;
    if (current === null || reveal === undefined) return;
    current.scrollTop = Math.max(0, (reveal + 0.5) * rowHeight - current.clientHeight / 2);
    look();
  }, [reveal, count > 0]);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    if (follow && atEnd.current && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [count]);
  useEffect(() => onVisible?.(seen.first, seen.end), [seen.first, seen.end, count]);

  const keys = (event: KeyboardEvent): void => {
    if (role === "list" || count === 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    if (onKey?.(event.key) === true) return event.preventDefault();
    const page = Math.max(1, Math.floor(height / rowHeight) - 1);
    const from = chosen ?? -1;
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: from + 1,
      ArrowUp: from - 1,
      PageDown: from + page,
      PageUp: from - page,
      Home: 0,
      End: count - 1,
    };
    const to = steps[event.key];
    if (to !== undefined) onChoose?.(Math.min(Math.max(to, 0), count - 1));
    else if ((event.key === "Enter" || event.key === " ") && from >= 0) (onOpen ?? onChoose)?.(from);
    else return;
    event.preventDefault();
  };
  const rows = [];
  for (let at = seen.first; at < seen.end; at++) {
    rows.push(
      <div
        key={at}
        id={`${id}-${at}`}
        role={itemRoles[role]}
        aria-setsize={count}
        aria-posinset={at + 1}
        aria-selected={role === "list" ? undefined : at === chosen}
        class={at === chosen ? "row chosen" : "row"}
        style={{ height: `${rowHeight}px` }}
        onClick={() => onChoose?.(at)}
        onDblClick={() => onOpen?.(at)}
        {...rowProps?.(at)}
      >
        {row(at)}
      </div>,
    );
  }
  return (
    <div
      ref={box}
      class={`long-list ${props.class ?? ""}`}
      role={role}
      aria-label={label}
      aria-activedescendant={
        chosen !== undefined && chosen >= seen.first && chosen < seen.end ? `${id}-${chosen}` : undefined
      }
      tabIndex={0}
      onKeyDown={keys}
      onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
        atEnd.current = scrollTop + clientHeight >= scrollHeight - rowHeight;
        look();
      }}
    >
      <div role="presentation" style={{ height: `${seen.height}px` }}>
        <div role="presentation" class="rows" style={{ transform: `translateY(${seen.offset}px)` }}>
          {rows}
        </div>
      </div>
    </div>
  );
}
