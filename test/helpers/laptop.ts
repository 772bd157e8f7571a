// Somebody's machine with a debugtap.yml for a throwaway VM, and a state directory of its own; and the VM's files before and after.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";
import type { ThrowawaySshd } from "../../src/demo/throwaway-sshd.ts";
import { debugtapId } from "../../src/inject/folder.ts";
import { program } from "./relay-process.ts";

export interface Laptop {
  readonly dir: string;
  /** Of its folder on the VM. */
  readonly id: string;
  readonly debugtap: (...words: string[]) => Promise<{ code: number | null; stdout: string; stderr: string }>;
  readonly start: (...words: string[]) => ChildProcess;
}

/** `services`: what stands in `{ … }` of each. */
export function laptop(t: Test, sshd: ThrowawaySshd, services: Readonly<Record<string, string>>): Laptop {
  const dir = mkdtempSync(join(tmpdir(), "dtl-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, "debugtap.yml");
  const lines = Object.entries(services).map(
    ([name, rest], index) =>
      `  ${name}: { host: vm, listens: ${15678 + index}, ide: ${15711 + index}, ${rest.includes("wire:") ? "" : "wire: dap, "}${rest} }`,
  );
  const host = `vm: { ssh: ${sshd.alias}, ssh_config: ${sshd.sshConfig} }`;
  writeFileSync(file, `hosts:\n  ${host}\nservices:\n${lines.join("\n")}\n`);
  const start = (...words: string[]): ChildProcess =>
    spawn(process.execPath, [program, ...words], {
      cwd: dir,
      env: { ...process.env, NO_COLOR: "1", XDG_STATE_HOME: join(dir, "state") },
      stdio: ["ignore", "pipe", "pipe"],
    });
  const id = debugtapId(file);
  // A VM of namespaces has this machine's /var/lib.
  t.teardown(() => {
    rmSync(`/var/lib/debugtap/${id}`, { recursive: true, force: true });
    spawnSync("rmdir", ["/var/lib/debugtap"]);
  });
  return {
    dir,
    id,
    start,
    debugtap: async (...words) => {
      const child = start(...words);
      const closed = once(child, "close");
      let [stdout, stderr] = ["", ""];
      child.stdout?.on("data", (text: Buffer) => (stdout += text.toString()));
      child.stderr?.on("data", (text: Buffer) => (stderr += text.toString()));
      const [code] = await closed;
      return { code: code as number | null, stdout, stderr };
    },
  };
}

/** A shell script that prints kinds, modes, owners, names and hashes of all below these. */
export function treeScript(...tops: string[]): string {
  return `for top in ${tops.join(" ")}; do
    [ -e "$top" ] || continue
    find "$top" -printf '%y %m %u:%g %p %l\\n' | sort; find "$top" -type f -exec sha256sum {} + | sort -k 2
  done; :`;
}
