// The triggers of a relay as lines of its board.
//
//   TRIGGER  HERE                   ON THE HOST    STATE      REQUESTS
//   cinder   http://127.0.0.1:5780  devstack:8776  listening  1 open
import type { TriggerView } from "../../protocol/control.ts";
import { clean, clip, fit, type Paint } from "./paint.ts";

const gap = "  ";
const stateWidth = "listening".length;
const countWidth = "REQUESTS".length;

/** None where there is no trigger. */
export function triggerLines(triggers: readonly TriggerView[], width: number, paint: Paint): string[] {
  if (triggers.length === 0) return [];
  const rows = triggers.map(
    (trigger) => [clean(trigger.name), `http://${clean(trigger.listen)}`, there(trigger)] as const,
  );
  const head = ["TRIGGER", "HERE", "ON THE HOST"] as const;
  const widest = (column: 0 | 1 | 2): number =>
    rows.reduce((most, row) => Math.max(most, row[column].length), head[column].length);
  const here = widest(1);
  const free = width - (here + stateWidth + countWidth + 4 * gap.length);
  const name = Math.min(widest(0), Math.max(free - widest(2), Math.floor(free / 2)));
  const host = Math.min(widest(2), free - name);
  const line = ([first, second, third]: readonly [string, string, string], state: string, count: string): string =>
    [fit(first, name), fit(second, here), fit(third, host), state, clip(count, countWidth)].join(gap);
  return [
    "",
    paint.dim(line(head, fit("STATE", stateWidth), "REQUESTS")),
    ...triggers.map(({ state, open }, i) => {
      const color = { listening: paint.green, waiting: paint.yellow, failed: paint.red }[state];
      const count = open === 0 ? "-" : `${open} open`;
      return line(rows[i] ?? head, color(fit(state, stateWidth)), count);
    }),
  ];
}

function there({ host, to }: TriggerView): string {
  return `${clean(host)}:${clean(to).replace(/^(?:127\.0\.0\.1|localhost):/, "")}`;
}
