// What the client of a trigger is told when the service, or the way to it, failed, or it may not ask: 502, 504 or 403, and a body that says why and what to do.
import { DebugtapError } from "../../protocol/errors.ts";

export interface Failure {
  readonly status: 403 | 502 | 504;
  readonly reason: string;
  readonly body: string;
  readonly error: DebugtapError;
}

/** `thrown`: by the dial, or by Node's HTTP client. `to`: the service, for people. */
export function failureOf(thrown: unknown, to: string): Failure {
  const error = thrown instanceof DebugtapError ? thrown : answerError(thrown, to);
  const { code, what, why, fix = "debugtap ps" } = error.toJSON();
  const [status, reason] =
    code === "DT_HTTP_HOST"
      ? ([403, "Forbidden"] as const)
      : code.includes("TIMEOUT")
        ? ([504, "Gateway Timeout"] as const)
        : ([502, "Bad Gateway"] as const);
  return {
    status,
    reason,
    body: `${JSON.stringify({ error: { code, what, ...(why === undefined ? {} : { why }), fix } }, undefined, 2)}\n`,
    error,
  };
}

/** The service did not answer for so many milliseconds in which nothing was stopped. */
export function noAnswer(to: string, ms: number): DebugtapError {
  return new DebugtapError("DT_HTTP_TIMEOUT", `${to} did not begin to answer`, {
    why: `for ${ms / 1000} s in which nothing was stopped at a breakpoint`,
    fix: "raise `timeout` of the trigger in debugtap.yml, or remove it: there is none by default",
  });
}

function answerError(thrown: unknown, to: string): DebugtapError {
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
  const isHttp = code.startsWith("HPE_");
  return new DebugtapError("DT_HTTP_ANSWER", `${to} gave no answer in HTTP/1`, {
    why: isHttp
      ? `it sent something else (${code}): TLS, or another protocol`
      : `it closed the connection before it answered${code === "" ? "" : ` (${code})`}`,
    fix: isHttp ? "set `to` of the trigger to the service's plain HTTP port" : "look into the service's log",
    cause: thrown,
  });
}
