// Who listens where on a machine, by /proc/net/tcp and tcp6: the address counts as well as the port.
//
//   0: 0100007F:1F90 00000000:0000 0A …        127.0.0.1:8080 listens: addresses in hex, each 32 bits in the machine's order
//
// Rules
// - An address of all zeros is every address. `::` is taken for IPv4's too, as Linux has it unless told otherwise.
// - A machine's byte order is taken to be little-endian.
import { isIP } from "node:net";

export interface Listener {
  /** `127.0.0.1`, `::1`; `*` is every address. */
  readonly address: string;
  readonly port: number;
}

/** Of rows of /proc/net/tcp and tcp6, those that listen. */
export function listenersIn(rows: string): Listener[] {
  return Array.from(rows.matchAll(/^\s*\d+: ([0-9A-F]+:[0-9A-F]{4}) [0-9A-F:]+ 0A /gm), ([, socket = ""]) =>
    addressOf(socket),
  );
}

/** Of `0100007F:1F90`. */
export function addressOf(socket: string): Listener {
  const at = socket.lastIndexOf(":");
  const bytes = (socket.slice(0, at).match(/.{8}/g) ?? []).flatMap((word) =>
    (word.match(/../g) ?? []).reverse().map((byte) => Number.parseInt(byte, 16)),
  );
  const isMapped = bytes.length === 16 && bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255;
  const four = isMapped ? bytes.slice(12) : bytes.length === 16 ? undefined : bytes;
  const address = bytes.every((byte) => byte === 0) ? "*" : four === undefined ? six(bytes) : four.join(".");
  return { address, port: Number.parseInt(socket.slice(at + 1), 16) };
}

/** Whether who dials `wanted` reaches what listens on `address`; also whether the two cannot both be listened on. */
export function meets(address: string, wanted: string): boolean {
  if (address === "*" || wanted === "0.0.0.0" || wanted === "::" || wanted === "*") return true;
  // A name may be any address; `localhost` is these two.
  if (isIP(wanted) === 0) return wanted !== "localhost" || address.startsWith("127.") || address === "::1";
  return address === (isIP(wanted) === 6 ? plain(wanted.replace(/%.*/, "")) : wanted);
}

function six(bytes: readonly number[]): string {
  const words = bytes.flatMap((byte, index) => (index % 2 === 0 ? [byte * 256 + (bytes[index + 1] ?? 0)] : []));
  return plain(words.map((word) => word.toString(16)).join(":"));
}

/** The shortest way to write an IPv6 address. */
function plain(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}
