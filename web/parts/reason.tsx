// What is wrong, why, and what to do about it.
import type { Refusal } from "../ask.ts";
import { Copy } from "./copy.tsx";
import { Shown } from "./shown.tsx";

export function Why({
  reason: { code, what, why, fix },
  of,
}: {
  readonly reason: Refusal["reason"];
  readonly of?: string;
}) {
  return (
    <div class="problem">
      <p>
        {of !== undefined && (
          <b>
            <Shown text={of} />:{" "}
          </b>
        )}
        <Shown text={what} limit={2000} /> {code !== undefined && <span class="quiet">{code}</span>}
      </p>
      {why !== undefined && (
        <p class="quiet">
          <Shown text={why} limit={2000} />
        </p>
      )}
      {fix !== undefined && (
        <p class="fix">
          <code>
            <Shown text={fix} limit={2000} />
          </code>
          <Copy text={fix} of="the fix" />
        </p>
      )}
    </div>
  );
}
