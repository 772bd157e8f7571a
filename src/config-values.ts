// Values that stand in more than one place of debugtap.yml.
import { z } from "zod";

/** Sessions are called `cinder-api#1`: a name has no space, no `#` and does not look like an option. */
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

const sentences = {
  name: "a name is letters, digits, `.`, `_` and `-`, and begins with a letter or digit",
  port: "a port is a whole number from 1 to 65535",
  correlate: "correlate is a list of names such as `[context.request_id]`",
  evaluate: "evaluate is true or false",
  onLeave: "on_leave is `keep`, `resume` or `end`",
  requestIds: "request_id_headers is a list of headers such as `[X-Request-Id]`",
} as const;

export const name = z.string().regex(namePattern, { error: sentences.name });
export const port = z
  .int({ error: sentences.port })
  .min(1, { error: sentences.port })
  .max(65535, { error: sentences.port });
export const text = (what: string, max = 1024) =>
  z
    .string({ error: `${what} is text` })
    .min(1, { error: `${what} is empty` })
    .max(max, { error: `${what} is too long` });

export const correlate = z
  .array(text("an entry of correlate", 200), { error: sentences.correlate })
  .max(20, { error: "correlate is a list of at most 20 names" });
export const evaluate = z.boolean({ error: sentences.evaluate });
export const onLeave = z.enum(["keep", "resume", "end"], { error: sentences.onLeave });

export const requestIdHeaders = z
  .array(
    z
      .string({ error: "an entry of request_id_headers is text" })
      .regex(/^[\w!#$%&'*+.^`|~-]{1,100}$/, { error: "an entry of request_id_headers is the name of a header" }),
    { error: sentences.requestIds },
  )
  .max(20, { error: "request_id_headers is a list of at most 20 headers" });
