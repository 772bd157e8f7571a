// Tables of few rows, and states as words with a sign.
import type { ComponentChildren } from "preact";

/** A table with its name; what is in it when it is empty. */
export function Table({
  name,
  heads,
  children,
  none,
}: {
  name: string;
  heads: readonly string[];
  children: readonly ComponentChildren[];
  none: string;
}) {
  const id = `head-${name.toLowerCase().replaceAll(" ", "-")}`;
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>
        {name} <span class="count">{children.length === 0 ? "" : children.length}</span>
      </h2>
      {children.length === 0 ? (
        <p class="quiet">{none}</p>
      ) : (
        <div class="scroll">
          <table aria-labelledby={id}>
            <thead>
              <tr>
                {heads.map((head) => (
                  <th key={head} scope="col">
                    {head}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>{children}</tbody>
          </table>
        </div>
      )}
    </section>
  );
}

/** A state as a word, with a sign whose form says the same. */
export function State({
  state,
  kind,
}: {
  readonly state: string;
  readonly kind: "good" | "busy" | "bad" | "stopped" | "idle";
}) {
  const sign = { good: "●", busy: "◐", bad: "✕", stopped: "■", idle: "○" }[kind];
  return (
    <span class={`state ${kind}`}>
      <span aria-hidden="true">{sign}</span> {state}
    </span>
  );
}
