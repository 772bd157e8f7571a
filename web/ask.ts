// Questions to debugtap, over HTTP. An answer that is not what protocol/api.ts says is an error, as a refusal is.
import type { ErrorCode } from "../protocol/errors.ts";
import type { Reason } from "../protocol/control.ts";
import { isObject } from "../protocol/json.ts";

/** Why something that was asked for did not come. */
export class Refusal extends Error {
  readonly reason: Partial<Reason> & Pick<Reason, "what">;
  /** 0: nobody answered. */
  readonly status: number;

  constructor(status: number, reason: Refusal["reason"]) {
    super(reason.what);
    this.status = status;
    this.reason = reason;
  }
}

/** Rejects with a {@link Refusal}. `path` is behind `/api/`. */
export async function ask<T>(path: string, is: (value: unknown) => value is T, init?: RequestInit): Promise<T> {
  const response = await fetched(path, init);
  const value: unknown = await response.json().catch(() => undefined);
  if (!is(value))
    throw new Refusal(response.status, {
      what: `debugtap's answer to ${path} cannot be read by this page`,
      fix: "reload the page",
    });
  return value;
}

/** For what is only done. */
export async function act(method: "POST" | "PUT", path: string, body: unknown = {}): Promise<void> {
  await fetched(path, sending(method, body));
}

export async function askText(path: string): Promise<string> {
  return await (await fetched(path)).text();
}

export function sending(method: "POST" | "PUT", body: unknown): RequestInit {
  return { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

async function fetched(path: string, init?: RequestInit): Promise<Response> {
  const response = await fetch(`api/${path}`, { credentials: "same-origin", cache: "no-store", ...init }).catch(() => {
    throw new Refusal(0, { what: "debugtap does not answer", fix: "debugtap up" });
  });
  if (response.ok) return response;
  const value: unknown = await response.json().catch(() => undefined);
  throw new Refusal(response.status, reasonOf(value) ?? { what: `debugtap answered ${response.status}` });
}

function reasonOf(value: unknown): Refusal["reason"] | undefined {
  const error: unknown = isObject(value) ? value["error"] : undefined;
  if (!isObject(error) || typeof error["what"] !== "string") return undefined;
  const { what, code, why, fix } = error;
  return {
    what,
    // oxlint-disable-next-line no-unsafe-type-assertion -- it is only shown
    ...(typeof code === "string" ? { code: code as ErrorCode } : {}),
    ...(typeof why === "string" ? { why } : {}),
    ...(typeof fix === "string" ? { fix } : {}),
  };
}

/** As a person reads it. */
export function refusalOf(error: unknown): Refusal["reason"] {
  return error instanceof Refusal ? error.reason : { what: error instanceof Error ? error.message : String(error) };
}
