// A throwaway VM whose user has a home, an app directory, and a directory of programs before all others in PATH.
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";
import { ThrowawaySshd } from "../../src/demo/throwaway-sshd.ts";
import { treeScript } from "./laptop.ts";

export interface InjectVm {
  readonly sshd: ThrowawaySshd;
  /** Has home, app, bin. */
  readonly dir: string;
  readonly home: string;
  readonly app: string;
  readonly tree: () => string;
  /** Whoever logs in. */
  readonly sh: (script: string) => { readonly code: number | null; readonly stdout: string };
}

const asRoot = process.getuid?.() === 0;
const become = asRoot ? ["--reuid=debugtap-vm", "--regid=debugtap-vm", "--clear-groups"] : [];

export async function startInjectVm(t: Test): Promise<InjectVm> {
  const dir = mkdtempSync(join(tmpdir(), "dtv-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const [home, app, bin] = ["home", "app", "bin"].map((name) => join(dir, name)) as [string, string, string];
  for (const each of [home, app, bin]) mkdirSync(each);
  const sshd = await ThrowawaySshd.start({ settings: { SetEnv: `HOME=${home} PATH=${bin}:/usr/bin:/bin:/usr/sbin` } });
  t.teardown(() => sshd.stop());
  spawnSync("chown", ["-R", sshd.user, dir]);
  spawnSync("chmod", ["755", dir, home, app, bin]);
  const sh = (script: string) => {
    const { status, stdout } = spawnSync("setpriv", [...become, "sh", "-c", script], {
      encoding: "utf8",
      env: { HOME: home, PATH: "/usr/bin:/bin" },
      cwd: "/",
    });
    return { code: status, stdout };
  };
  return { sshd, dir, home, app, sh, tree: () => sh(treeScript(home, app)).stdout };
}

/** A file of the VM's user. */
export function put(path: string, text: string, mode = 0o644): void {
  writeFileSync(path, text);
  chmodSync(path, mode);
  if (!asRoot) return;
  const [uid, gid] = ["-u", "-g"].map((what) => Number(spawnSync("id", [what, "debugtap-vm"]).stdout.toString()));
  chownSync(path, uid ?? 0, gid ?? 0);
}
