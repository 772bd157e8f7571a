// What the API answers, as text that is ready to be sent, and which status an error has.
import type { Reason } from "../../protocol/control.ts";
import type { DebugtapError, ErrorCode } from "../../protocol/errors.ts";

export interface ApiAnswer {
  readonly status: number;
  readonly type: "application/json" | "text/plain; charset=utf-8";
  readonly body: string;
}

export function answered(value: unknown, status = 200): ApiAnswer {
  return { status, type: "application/json", body: JSON.stringify(value) };
}

/** An error as it is answered: a defect of ours says no more of itself than that. */
export function refused(error: DebugtapError, status = statusOf(error.code)): ApiAnswer {
  const defect = { code: error.code, what: "a defect in debugtap", fix: "please report it" } as const;
  const reason: Reason = error.code === "DT_INTERNAL" ? defect : error.toJSON();
  return answered({ error: reason }, status);
}

function statusOf(code: ErrorCode): number {
  switch (code) {
    case "DT_USAGE":
    case "DT_SPEC":
    case "DT_BOARD_REQUEST":
      return 400;
    case "DT_BOARD_DENIED":
      return 403;
    case "DT_BOARD_MISSING":
    case "DT_SERVICE_UNKNOWN":
    case "DT_TRACE_MISSING":
      return 404;
    case "DT_INTERNAL":
      return 500;
    default:
      return 409;
  }
}
