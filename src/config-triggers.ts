// HTTP ports of hosts at ports here (`triggers:`), as debugtap.yml says them.
import { z } from "zod";
import { bodyPattern } from "./config-amounts.ts";
import { port, requestIdHeaders } from "./config-values.ts";

const sentences = {
  to: "to is the service's port on the host: `127.0.0.1:8776`, or `8776` alone",
  timeout: "timeout is `none` or a time with its unit: `30s`, `5m`",
  body: "body is `none` or a size in KB, at most 999KB: `64KB`",
} as const;

export const triggerSchema = z
  .strictObject(
    {
      host: z
        .string({ error: "host is the name of an entry under `hosts`" })
        .exactOptional()
        .describe("Host that the HTTP service runs on; absent = this machine"),
      to: z
        .union(
          [
            port,
            z
              .string()
              .regex(/^(?:(?:\[[0-9A-Fa-f:.]+\]|[^\s:/?#@[\]-][^\s:/?#@[\]]*):)?\d{1,5}$/, { error: sentences.to }),
          ],
          { error: sentences.to },
        )
        .describe("Where it listens on its host, in plain HTTP: `127.0.0.1:8776`; a port alone is one of 127.0.0.1"),
      listen: port.describe("Port on this machine, of 127.0.0.1: your client, or your browser, goes there"),
      request_id_headers: requestIdHeaders.exactOptional().describe("As at the top level, for this trigger alone"),
      timeout: z
        .string({ error: sentences.timeout })
        .regex(/^(?:none|[1-9]\d{0,5}(?:ms|s|m|h))$/, { error: sentences.timeout })
        .exactOptional()
        .describe(
          "How long an answer may take to begin, before the client gets 504; it counts only while nothing is stopped at a breakpoint; default `none`",
        ),
      body: z
        .string({ error: sentences.body })
        .regex(bodyPattern, { error: sentences.body })
        .exactOptional()
        .describe("How much of each body is recorded; default `64KB`; `none`: nothing of it"),
    },
    { error: "a trigger is a map such as `{ host: devstack, to: 127.0.0.1:8776, listen: 5780 }`" },
  )
  .describe(
    "An HTTP port of a host (a REST API, Horizon; websockets and server-sent events too) at a port here, through SSH; each request is recorded, with the hits that it caused",
  );
