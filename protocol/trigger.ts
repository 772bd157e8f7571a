// A trigger: the command that set off what was recorded, such as a curl. Hits that came while it ran, and after it, name it.
import { isObject } from "./json.ts";

export interface Trigger {
  /** Counts the triggers of a trace, from 1. */
  readonly id: number;
  readonly argv: readonly string[];
  /** Epoch milliseconds of its start and its end; no end: it was still running when this was said. */
  readonly at: number;
  readonly ended?: number;
  readonly exit?: number;
  /** `SIGTERM`: what ended it in place of an exit code. */
  readonly signal?: string;
  readonly stdout?: string;
  readonly stderr?: string;
  /** There was more output than is kept: what is left out is its beginning. */
  readonly cut?: true;
}

/** Of each stream, characters. */
export const mostOutput = 64 * 1024;

export function isTrigger(value: unknown): value is Trigger {
  return (
    isObject(value) &&
    ["id", "at"].every((key) => typeof value[key] === "number") &&
    ["ended", "exit"].every((key) => value[key] === undefined || typeof value[key] === "number") &&
    ["signal", "stdout", "stderr"].every((key) => value[key] === undefined || typeof value[key] === "string") &&
    Array.isArray(value["argv"]) &&
    value["argv"].every((word) => typeof word === "string")
  );
}
