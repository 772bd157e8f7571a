// The shape of debugtap.yml, as people write it: its top level; what it is made of stands in config-services.ts, -inject, -triggers, -record and
// -values. The file debugtap.schema.json is made from it, so that editors know the keys.
//
// Rules, of all of them
// - Only what one value can be stands here; what holds between keys stands in config-checks.ts.
// - Nothing is transformed: the schema says what may be written, config.ts says what it means.
// - Every key has a description, and every value says in one sentence what it must be; that sentence is the error.
import { z } from "zod";
import { recordSchema } from "./config-record.ts";
import { hostSchema, serviceSchema } from "./config-services.ts";
import { triggerSchema } from "./config-triggers.ts";
import { correlate, evaluate, name, onLeave, requestIdHeaders } from "./config-values.ts";

const sentences = {
  drive: "drive is `first`, `any` or `ask`",
  boardPort: "the port of the board is a whole number from 0 to 65535; 0: any",
} as const;

const clientsSchema = z
  .strictObject(
    {
      drive: z
        .enum(["first", "any", "ask"], { error: sentences.drive })
        .exactOptional()
        .describe(
          "Which client of a session may let it run: `first` (default) the one that came first, `any` all of them, `ask` the first, until `debugtap drive` hands it over",
        ),
    },
    { error: "clients is a map such as `{ drive: first }`" },
  )
  .describe("What several clients of one session may do");

const boardSchema = z
  .strictObject(
    {
      port: z
        .int({ error: sentences.boardPort })
        .min(0, { error: sentences.boardPort })
        .max(65535, { error: sentences.boardPort })
        .exactOptional()
        .describe("Port of the page on this machine; default 5700, or the next one up that is free; 0: any"),
    },
    { error: "board is a map such as `{ port: 5700 }`" },
  )
  .describe("The page that shows what runs");

export const configSchema = z
  .strictObject(
    {
      hosts: z
        .record(name, hostSchema, { error: "hosts is a map of names to hosts" })
        .exactOptional()
        .describe("The machines that services run on"),
      services: z
        .record(name, serviceSchema, { error: "services is a map of names to services" })
        .describe("What to debug; sessions get these names"),
      triggers: z
        .record(name, triggerSchema, { error: "triggers is a map of names to triggers" })
        .exactOptional()
        .describe("HTTP ports of hosts at ports here: what sets off the hits"),
      request_id_headers: requestIdHeaders
        .exactOptional()
        .describe(
          "Headers of a trigger's requests and answers that say which request it is; default `[X-OpenStack-Request-Id, X-Request-Id, traceparent]`",
        ),
      record: recordSchema.exactOptional(),
      correlate: correlate
        .exactOptional()
        .describe("What tells hits of one request: names looked up in captured values, such as `context.request_id`"),
      evaluate: evaluate
        .exactOptional()
        .describe("Whether `correlate` may run code in the debuggee where a captured value does not do; default false"),
      clients: clientsSchema.exactOptional(),
      board: boardSchema.exactOptional(),
      on_leave: onLeave
        .exactOptional()
        .describe(
          "What happens to a program when its last IDE leaves: `resume` (default) lets it run, `keep` leaves it as it stands, `end` ends the session",
        ),
    },
    {
      error:
        "the file is a map with the keys hosts, services, triggers, request_id_headers, record, correlate, evaluate, clients, board and on_leave",
    },
  )
  .describe("Configuration of debugtap");

export type ConfigInput = z.infer<typeof configSchema>;

/** The JSON Schema of debugtap.yml, as published in debugtap.schema.json. */
export function configJsonSchema(): Record<string, unknown> {
  return { title: "debugtap.yml", ...z.toJSONSchema(configSchema, { io: "input" }) };
}
