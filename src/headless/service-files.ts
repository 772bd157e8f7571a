// The files of a service, on its machine and here, as far as a running relay reaches them.
import { localFiles, type RemoteFiles } from "../transport/remote-files.ts";
import type { WalkedSources } from "../transport/source-walk.ts";
import type { ServiceFiles } from "./places.ts";

const longestFile = 4 * 1024 * 1024;

/** What a relay knows of its services, by name; undefined where it has none of that name. */
export interface ServiceMachines {
  readonly machine: (service: string) => { readonly files: RemoteFiles } | undefined;
  readonly sources: (service: string) => Promise<WalkedSources | undefined>;
}

export function serviceFiles(relay: ServiceMachines, service: string): ServiceFiles {
  const text = async (from: typeof localFiles | undefined, path: string): Promise<string | undefined> => {
    const found = await from?.stat(path);
    const content = found?.isFile === true ? await from?.read(path, longestFile) : undefined;
    return content === undefined ? undefined : new TextDecoder().decode(content.bytes);
  };
  return {
    read: async (path) => await text(relay.machine(service)?.files, path),
    readHere: async (path) => await text(localFiles, path).catch(() => undefined),
    list: async () => {
      const { files = [], roots = [] } = (await relay.sources(service)) ?? {};
      return { files: files.map(({ path }) => path), roots };
    },
  };
}
