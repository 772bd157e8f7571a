// What the figures were taken on.
import { spawnSync } from "node:child_process";
import { cpus, loadavg, release } from "node:os";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  readonly node: string;
  readonly openssh: string;
  /** Of the last minute before the bench; more than a few tenths is others' work. */
  readonly load: number;
}

export function machine(): Machine {
  const openssh = spawnSync("ssh", ["-V"], { encoding: "utf8" }).stderr;
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    kernel: `Linux ${release().split("-")[0]}`,
    node: process.version,
    openssh: openssh.split(/[\s,]/)[0] ?? "unknown",
    load: Number(loadavg()[0]?.toFixed(1)),
  };
}
