// The text of a frame's file as it was when the hit was taken, with the line where it stood.
import { useMemo } from "preact/hooks";
import type { SnapshotFrame } from "../../protocol/hit.ts";
import { askText } from "../ask.ts";
import { sourceLines } from "../model/source-lines.ts";
import { useLoaded } from "../parts/loaded.ts";
import { LongList } from "../parts/long-list.tsx";
import { Shown } from "../parts/shown.tsx";

/** The texts that were looked at last: hits of one file follow each other. */
const texts = new Map<string, Promise<string>>();
const mostTexts = 12;
/** Characters of one text that are shown. */
const mostShown = 4_000_000;

function textOf(trace: string, hash: string): Promise<string> {
  const path = `traces/${encodeURIComponent(trace)}/sources/${encodeURIComponent(hash)}`;
  let text = texts.get(path);
  if (text === undefined) {
    text = askText(path).then((whole) => whole.slice(0, mostShown));
    text.catch(() => texts.delete(path));
    texts.set(path, text);
    const [oldest] = texts.keys();
    if (texts.size > mostTexts && oldest !== undefined) texts.delete(oldest);
  }
  return text;
}

export function Source({ trace, frame }: { readonly trace: string; readonly frame: SnapshotFrame }) {
  const { source, path = "", line } = frame;
  const loaded = useLoaded(source === undefined ? undefined : `${trace} ${source}`, () => textOf(trace, source ?? ""));
  const text = source === undefined ? undefined : loaded.value;
  const lines = useMemo(() => (text === undefined ? [] : sourceLines(text, path.endsWith(".py"))), [text, path]);
  return (
    <section aria-label="Source" class="source">
      <h2>
        <span class="mono path">
          <Shown text={path === "" ? "no file" : path} limit={400} />
          {line !== undefined && `:${line}`}
        </span>
      </h2>
      {source === undefined ? (
        <p class="quiet pad">
          The text is not in the trace{frame.noSource === undefined ? "" : ": "}
          {frame.noSource !== undefined && <Shown text={frame.noSource} />}
        </p>
      ) : loaded.state === "failed" ? (
        <p class="quiet pad">
          <Shown text={loaded.reason.what} />
        </p>
      ) : (
        <LongList
          role="list"
          label={`Source, ${lines.length} lines${line === undefined ? "" : `, stopped in line ${line}`}`}
          class="code"
          count={lines.length}
          rowHeight={19}
          {...(line === undefined ? {} : { reveal: line - 1 })}
          rowProps={(at) => (at + 1 === line ? { class: "row marked", "aria-current": "true" } : {})}
          row={(at) => (
            <>
              <span class="line-number">
                {at + 1 === line && <span class="unseen">stopped here, </span>}
                {at + 1}
              </span>
              <code>
                {lines[at]?.map(({ text, kind }) => (
                  <Shown text={text} limit={1200} {...(kind === undefined ? {} : { class: kind })} />
                ))}
              </code>
            </>
          )}
        />
      )}
    </section>
  );
}
