// The ways from the load to the echo peer that are compared, all open at once.
import { ThrowawaySshd } from "../../src/demo/throwaway-sshd.ts";
import { freePorts } from "../../src/demo/ports.ts";
import { closeSession, connect, openSession, untilOpen } from "./client.ts";
import { frames } from "./message.ts";
import { Program } from "./program.ts";
import { startRelay } from "./relay.ts";

export interface Path {
  readonly name: string;
  /** Where the load connects with bytes that nobody reads, and with messages that debugtap follows. */
  readonly raw: number;
  readonly framed: number;
  /** Of `framed`. */
  readonly wire: "dap" | "pydevd";
  /** The process whose main thread forwards; undefined where there is none, or one for each connection. */
  readonly pid: number | undefined;
}

export const pathNames = [
  "direct",
  "socat",
  "ssh -N -L",
  "ssh -L",
  "ssh -R",
  "debugtap",
  "debugtap, recorded",
  "debugtap -L",
  "debugtap -L, recorded",
  "debugtap -R",
  "debugtap -R, recorded",
] as const;
export type PathName = (typeof pathNames)[number];

export interface Paths {
  readonly all: readonly Path[];
  readonly sshd: ThrowawaySshd;
  /** A port of the echo peer that no path uses. */
  readonly sparePorts: readonly number[];
  close(): Promise<void>;
}

/** The kinds of path to open: `direct`, `socat`, `ssh`, `debugtap`. */
export const pathKinds = ["direct", "socat", "ssh", "debugtap"] as const;
export type PathKind = (typeof pathKinds)[number];

export async function openPaths(kinds: readonly PathKind[]): Promise<Paths> {
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(closers.map((closer) => closer()));
  };
  const own = <Thing extends { stop(): Promise<void> }>(thing: Thing): Thing => {
    closers.push(() => thing.stop());
    return thing;
  };
  const peerPath = new URL("./echo-peer.js", import.meta.url).pathname;
  try {
    const peer = own(new Program(process.execPath, [peerPath, `${echoPorts}`, `${idePorts}`]));
    const ports = parsePorts(await peer.firstLine());
    const [peerPorts, peerIdes] = [ports.slice(0, echoPorts), ports.slice(echoPorts)];
    const sshd = own(await ThrowawaySshd.start());
    const open = (kind: PathKind): Promise<Path[]> => openers[kind]({ peerPorts, peerIdes, sshd, own });
    const all = (await Promise.all(kinds.map(open))).flat();
    return { all, sshd, sparePorts: peerPorts.slice(2 * echoesOfRelay), close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Place {
  readonly peerPorts: readonly number[];
  /** Where it is pydevd's IDE. */
  readonly peerIdes: readonly number[];
  readonly sshd: ThrowawaySshd;
  readonly own: <Thing extends { stop(): Promise<void> }>(thing: Thing) => Thing;
}

/** A port may stand behind one service of a configuration only. */
const echoesOfRelay = 5;
const echoPorts = 2 * echoesOfRelay + 4;
const idePorts = 2;

const openers: Readonly<Record<PathKind, (place: Place) => Promise<Path[]>>> = {
  direct: async ({ peerPorts: [port = 0] }) => [plain("direct", port, undefined)],

  socat: async ({ peerPorts: [to], own }) => {
    const [port = 0] = await freePorts(1);
    const listen = `TCP-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr,nodelay,backlog=256`;
    const socat = own(new Program("socat", [listen, `TCP:127.0.0.1:${to},nodelay`]));
    return [await opened(plain("socat", port, undefined), socat)];
  },

  ssh: async ({ peerPorts: [to], sshd, own }) => {
    const [plainPort = 0, localPort = 0, remotePort = 0] = await freePorts(3);
    const fast = ["-c", "aes128-gcm@openssh.com"];
    const start = (args: readonly string[]): Program =>
      own(new Program("ssh", ["-F", sshd.sshConfig, "-o", "ExitOnForwardFailure=yes", ...args]));
    const without = start(["-N", "-L", `${plainPort}:127.0.0.1:${to}`, sshd.alias]);
    // A session makes sshd turn Nagle's algorithm off; `cat` is one that waits.
    const local = start([...fast, "-L", `${localPort}:127.0.0.1:${to}`, sshd.alias, "cat"]);
    const remote = start([...fast, "-R", `${remotePort}:127.0.0.1:${to}`, sshd.alias, "cat"]);
    return await Promise.all([
      opened(plain("ssh -N -L", plainPort, without.pid), without),
      opened(plain("ssh -L", localPort, local.pid), local),
      opened(plain("ssh -R", remotePort, remote.pid), remote),
    ]);
  },

  debugtap: async (place) => {
    const [peerPorts, peerIdes] = [place.peerPorts.slice(echoesOfRelay), place.peerIdes.slice(1)];
    const both = await Promise.all([debugtap(place, false), debugtap({ ...place, peerPorts, peerIdes }, true)]);
    return both.flat();
  },
};

async function debugtap({ peerPorts, peerIdes, sshd, own }: Place, recorded: boolean): Promise<Path[]> {
  const [a = 0, b = 0, c = 0, d = 0, e = 0] = peerPorts;
  const [f = 0] = peerIdes;
  const [here, hereFramed, local, localFramed, remote, remoteFramed] = await freePorts(6);
  const relay = own(
    await startRelay({
      sshd,
      record: recorded,
      services: {
        "here-raw": { wire: "raw", listens: a, ide: here },
        "here-dap": { wire: "dap", listens: b, ide: hereFramed },
        "local-raw": { host: "vm", wire: "raw", listens: c, ide: local },
        "local-dap": { host: "vm", wire: "dap", listens: d, ide: localFramed },
        "remote-raw": { host: "vm", wire: "raw", dials: remote, ide: e },
        "remote-pydevd": { host: "vm", wire: "pydevd", dials: remoteFramed, ide: f, hold: "forever" },
      },
    }),
  );
  const path = (name: string, raw = 0, framed = 0, wire: Path["wire"] = "dap"): Promise<Path> =>
    opened({ name: recorded ? `${name}, recorded` : name, raw, framed, wire, pid: relay.pid }, relay);
  return await Promise.all([
    path("debugtap", here, hereFramed),
    path("debugtap -L", local, localFramed),
    path("debugtap -R", remote, remoteFramed, "pydevd"),
  ]);
}

function plain(name: PathName, port: number, pid: number | undefined): Path {
  return { name, raw: port, framed: port, wire: "dap", pid };
}

async function opened(path: Path, program: { check(): void }): Promise<Path> {
  const check = (): void => program.check();
  await untilOpen(() => connect(path.raw), frames.raw(200), check);
  const { framed, wire } = path;
  await untilOpen(
    () => openSession(framed, wire),
    frames[wire](200),
    check,
    (socket) => closeSession(socket, wire),
  );
  return path;
}

function parsePorts(line: string): number[] {
  const ports: unknown = JSON.parse(line);
  if (!Array.isArray(ports)) throw new Error(`the echo peer said ${line}`);
  return ports.map(Number);
}
