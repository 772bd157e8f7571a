// The breakpoints that debugtap holds itself: one a line, as `debugtap record --at` takes them.
import { useEffect, useState } from "preact/hooks";
import { ask } from "../ask.ts";
import { isBreakpointViews } from "../../protocol/api-check.ts";
import { useNow } from "../now.ts";
import { useLoaded } from "../parts/loaded.ts";
import { plainText } from "../model/visible-text.ts";
import { Shown } from "../parts/shown.tsx";
import { State, Table } from "../parts/table.tsx";
import { doing, view } from "../state.ts";

/** Their hits are asked for so often while there are any, ms. */
const askEvery = 2000;

export function Breakpoints() {
  const [asked, setAsked] = useState(0);
  const [spec, setSpec] = useState("");
  const sessions = view.value?.sessions.length ?? 0;
  const [holds, setHolds] = useState(false);
  const turn = Math.floor(useNow(holds) / askEvery);
  const loaded = useLoaded(`${asked} ${sessions} ${turn}`, () => ask("breakpoints", isBreakpointViews));
  const list = loaded.value;
  const count = list?.length ?? 0;
  useEffect(() => setHolds(count > 0), [count]);
  // An older debugtap, or one that only shows a file, has none.
  if (list === undefined) return null;
  const set = async (specs: readonly string[], done: string): Promise<boolean> => {
    const was = await doing(done, "PUT", "breakpoints", { specs });
    setAsked((count) => count + 1);
    return was;
  };
  const specs = list.map((breakpoint) => breakpoint.spec);
  return (
    <div>
      <Table
        name="Breakpoints"
        heads={["Breakpoint", "State", "Hits", "Actions"]}
        none="debugtap holds none of its own; those of IDEs are theirs."
      >
        {list.map(({ spec, state, why, hits }) => (
          <tr key={spec}>
            <th scope="row" class="mono">
              <Shown text={spec} />
            </th>
            <td>
              <State state={state} kind={state === "bound" ? "good" : state === "failed" ? "bad" : "busy"} />
              {why !== undefined && (
                <div class="quiet small-text">
                  <Shown text={why} />
                </div>
              )}
            </td>
            <td class="number">{hits}</td>
            <td class="actions">
              <button
                type="button"
                aria-label={`Clear ${plainText(spec)}`}
                onClick={() =>
                  void set(
                    specs.filter((other) => other !== spec),
                    `Cleared ${spec}`,
                  )
                }
              >
                Clear
              </button>
            </td>
          </tr>
        ))}
      </Table>
      <form
        class="line"
        onSubmit={(event) => {
          event.preventDefault();
          const wanted = spec.trim();
          if (wanted !== "") void set([...specs, wanted], `Set ${wanted}`).then((was) => was && setSpec(""));
        }}
      >
        <input
          type="text"
          class="mono"
          aria-label="A new breakpoint"
          placeholder="cinder/volume/manager.py:42"
          value={spec}
          onInput={({ currentTarget: { value } }) => setSpec(value)}
        />
        <button type="submit">Set</button>
      </form>
    </div>
  );
}
