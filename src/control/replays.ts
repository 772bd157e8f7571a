// Replays that a board has begun: each at a port of its own, where an IDE attaches as with `debugtap replay`.
//
// Rules
// - A replay has the trace as it was when it began. Eight at a time; the oldest ends for another.
import type { ReplayAsk } from "../../protocol/api.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import type { SourceMapping } from "../../protocol/path-map.ts";
import { endWithin } from "../duplex.ts";
import type { Served } from "../replay/serve.ts";
import { listenTcp } from "../transport/tcp.ts";

const most = 8;
const usualPort = 5790;
/** Milliseconds that an IDE has to end its side. */
const patience = 2000;

export class Replays {
  readonly #sources: readonly SourceMapping[];
  readonly #running: (() => Promise<void>)[] = [];

  constructor(sources: readonly SourceMapping[]) {
    this.#sources = sources;
  }

  /** Where an IDE attaches. Throws DT_BOARD_MISSING for a hit that is not in it. */
  async start(dir: string, { service, request, from }: ReplayAsk): Promise<string> {
    const [{ DapReplay }, { localFiles }, { serveDap }, { openTrace, recordedStops }] = await Promise.all([
      import("../../protocol/replay-dap.ts"),
      import("../replay/local-files.ts"),
      import("../replay/serve.ts"),
      import("../trace/index.ts"),
    ]);
    const trace = await openTrace(dir);
    const closing: (() => unknown)[] = [() => trace.close()];
    try {
      const filter = { ...(service === undefined ? {} : { service }), ...(request === undefined ? {} : { request }) };
      const recording = await recordedStops(trace, filter);
      closing.unshift(() => recording.index.close());
      const place = from === undefined ? undefined : recording.placeOf(from);
      if (from !== undefined && place === undefined)
        throw new DebugtapError("DT_BOARD_MISSING", `there is no hit ${from} in this replay`);
      const files = localFiles(this.#sources);
      const served = new Set<Served>();
      const listener = await listenAt(usualPort, (stream) => {
        const finish = (): void => void endWithin(stream, patience);
        const one = serveDap({ readable: stream, writable: stream, finish }, new DapReplay(recording, files, place));
        served.add(one);
        void one.ended.then(() => served.delete(one));
      });
      closing.unshift(
        () => listener.close(),
        async () => {
          for (const one of served) one.end();
          await Promise.all([...served].map(({ ended }) => ended));
        },
      );
      this.#running.push(() => run(closing));
      if (this.#running.length > most) await this.#running.shift()?.();
      return listener.address;
    } catch (error) {
      await run(closing);
      throw error;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((end) => end()));
  }
}

async function run(actions: readonly (() => unknown)[]): Promise<void> {
  for (const action of actions) await action();
}

/** At the port where a replay usually is, or any. */
async function listenAt(
  port: number,
  onStream: Parameters<ReturnType<typeof listenTcp>>[0],
): ReturnType<ReturnType<typeof listenTcp>> {
  const host = "127.0.0.1";
  return await listenTcp({ host, port })(onStream).catch(() => listenTcp({ host, port: 0 })(onStream));
}
