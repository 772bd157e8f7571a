// The answer of a DAP service that cannot be reached: the IDE's first request fails with the reason, so that the user reads
// why in the IDE and not only in the relay's terminal. A client of another wire has no words for it and is reset.
import type { Duplex } from "node:stream";
import type { DebugtapError } from "../protocol/errors.ts";
import { decodeDap, encodeDap, isRequest, type DebugProtocol } from "../protocol/dap.ts";
import type { Wire } from "../protocol/frame.ts";
import { FrameReader } from "../protocol/frame-reader.ts";
import { endWithin, reset } from "./duplex.ts";

/** How long the client may take to read the answer, ms. */
const readWithin = 1000;

/** Ends a client because of `error`; `early` is what it has sent. */
export function refuse(client: Duplex, wire: Wire, early: readonly Uint8Array[], error: DebugtapError): void {
  const answer = wire === "dap" ? refusal(early, error) : undefined;
  client.on("error", () => undefined);
  if (answer === undefined) reset(client);
  else void endWithin(client, readWithin, answer);
}

/** A failing response to the first request in `early`, or undefined when there is none to answer. */
function refusal(early: readonly Uint8Array[], error: DebugtapError): Uint8Array | undefined {
  const reader = new FrameReader("dap");
  for (const chunk of early) {
    for (const frame of reader.push(chunk)) {
      const message = decodeDap(frame);
      if (message === undefined || !isRequest(message)) continue;
      const text = [`${error.code}: ${error.message}`, error.why, error.fix]
        .filter((part) => part !== undefined)
        .join(" — ");
      const response: DebugProtocol.ErrorResponse = {
        seq: 1,
        type: "response",
        request_seq: message.seq,
        success: false,
        command: message.command,
        message: text,
        body: { error: { id: 1, format: text.replaceAll(/[{}]/g, ""), showUser: true } },
      };
      return encodeDap(response);
    }
  }
  return undefined;
}
