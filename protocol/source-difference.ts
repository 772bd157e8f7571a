// A file whose text here is not the one that runs on the Host: a breakpoint's line there may be another line.

export interface SourceDifference {
  /** sha256, in hex. */
  readonly localHash: string;
  readonly remoteHash: string;
  /** Lines changed, added or removed. */
  readonly changedLines: number;
}

/** One that a breakpoint was set in. */
export interface DifferingSource extends SourceDifference {
  /** As the IDE names it. */
  readonly local: string;
  readonly remote: string;
}

const hashLength = 12;

/** One sentence for a person, on a breakpoint, in a console, in `ps`. */
export function describeDifference({ local, remote, localHash, remoteHash, changedLines }: DifferingSource): string {
  const lines = `${changedLines} line${changedLines === 1 ? "" : "s"}`;
  const [here, there] = [localHash, remoteHash].map((hash) => hash.slice(0, hashLength));
  return `${local} differs in ${lines} from ${remote} on the host (sha256 ${here} here, ${there} there)`;
}
