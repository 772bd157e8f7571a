// A debuggee that has children tells the IDE where to attach to them: its own address on the VM, which the IDE cannot
// reach. The relay puts its own address in.
//
//   event debugpyAttach               body.connect { host, port }                      debugpy, always
//   reverse request startDebugging    arguments.configuration.connect { host, port }   debugpy >= 1.6.7, if the IDE can
//                                     arguments.configuration { host, port }           other adapters
//
// Rules
// - Only the far side's own port is replaced: a child that listens elsewhere is another service, or out of reach.
// - All else stays, in its order: the configuration is the IDE's to understand.
import { decodeDap, encodeDap, isEvent, isRequest } from "./dap.ts";
import type { Frame } from "./frame.ts";
import { isObject, member } from "./json.ts";

/** The messages to look at; every adapter captured has that in the first 80 bytes. */
export const childConnectNames: readonly string[] = ["debugpyAttach", "startDebugging"];

export interface ChildConnect {
  /** The port that the debuggee listens on, as it knows it. */
  readonly from: { readonly port: number };
  /** Where the IDE reaches the relay. */
  readonly to: { readonly host: string; readonly port: number };
}

/** For a Rewriter with {@link childConnectNames}: the frame with the relay's address, undefined to leave it as it is. */
export function childConnectRewrite({ from, to }: ChildConnect): (frame: Frame) => Uint8Array | undefined {
  return (frame) => {
    const message = decodeDap(frame);
    if (message === undefined || from.port === to.port) return undefined;
    const configuration =
      isEvent(message) && message.event === "debugpyAttach"
        ? member(message, "body")
        : isRequest(message) && message.command === "startDebugging"
          ? member(message, "arguments", "configuration")
          : undefined;
    const connect = member(configuration, "connect") ?? configuration;
    if (!isObject(connect) || connect["port"] !== from.port) return undefined;
    connect["host"] = to.host;
    connect["port"] = to.port;
    return encodeDap(message);
  };
}
