// Images by buildah, where there is no Docker, no registry and no image to begin with.
//
// Rules
// - The stand-in for the base has this machine's node, npm and their libraries; packages come from npm's own cache.
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";

const install = ["ci", "--omit=dev", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund"];

/** What an image says about how it is run. */
export interface ImageConfig {
  readonly Env: readonly string[];
  readonly User: string;
  readonly WorkingDir: string;
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly StopSignal: string;
  readonly Volumes: Readonly<Record<string, unknown>>;
  readonly Healthcheck: { readonly Test: readonly string[] };
}

export interface Image {
  readonly config: ImageConfig;
  /** Where its files are. */
  readonly files: string;
  /** Runs a command in it by buildah, in the network of this machine. */
  run(...command: string[]): { readonly status: number | null; readonly stderr: string };
}

/** Builds the Dockerfile of a clone of this project, as `debugtap`; all that comes of it is in `dir`, which is empty. */
export function buildImage(root: string, dir: string): Image {
  const buildah = (...args: string[]): string => {
    const store = ["--root", join(dir, "store"), "--runroot", join(dir, "run"), "--storage-driver", "vfs"];
    const { status, stdout, stderr } = spawnSync("buildah", [...store, ...args], { cwd: root, encoding: "utf8" });
    if (status !== 0) throw Object.assign(new Error(`buildah ${args[0]}: ${stderr}`), { status, stderr });
    return stdout.trim();
  };
  const base = buildah("from", "scratch");
  buildah("add", "--quiet", base, standInBase(join(dir, "base")), "/");
  const settings = ["PATH=/usr/bin:/bin", "npm_config_cache=/npm-cache", "npm_config_offline=true"];
  buildah("config", ...settings.flatMap((each) => ["--env", each]), base);
  buildah("commit", "--quiet", base, "localhost/stand-in");
  const cache = fillCache(root, join(dir, "packages"));
  const build = ["--isolation", "chroot", "--pull-never", "--format", "docker", "--volume", `${cache}:/npm-cache`];
  buildah("bud", ...build, "--build-arg", "NODE_IMAGE=localhost/stand-in", "--tag", "debugtap", ".");
  const container = buildah("from", "--pull-never", "localhost/debugtap");
  const inspected = JSON.parse(buildah("inspect", "--type", "image", "localhost/debugtap")) as {
    Docker: { config: ImageConfig };
  };
  return {
    config: inspected.Docker.config,
    files: buildah("mount", container),
    run(...command) {
      try {
        buildah("run", "--isolation", "chroot", container, "--", ...command);
        return { status: 0, stderr: "" };
      } catch (thrown) {
        return thrown as { status: number; stderr: string };
      }
    },
  };
}

function standInBase(dir: string): string {
  const node = realpathSync(process.execPath);
  const npm = dirname(dirname(realpathSync(execFileSync("which", ["npm"], { encoding: "utf8" }).trim())));
  for (const each of ["tmp", "proc", "dev", "etc", "usr/bin"]) mkdirSync(join(dir, each), { recursive: true });
  const script = `
    programs="/bin/sh /bin/mkdir /usr/bin/env"
    libraries=$(ldd ${node} $programs | grep -o '/[^ :]*[.]so[^ ]*' | sort -u)
    tar -c -P -h ${npm} $programs $libraries | tar -x -C ${dir} --strip-components=0
    rm -f ${dir}/usr/bin/node
    cp ${node} ${dir}/usr/bin/node
    ln -s ${npm}/bin/npm-cli.js ${dir}/usr/bin/npm
    chmod 1777 ${dir}/tmp`;
  execFileSync("sh", ["-ec", script], { stdio: "pipe" });
  return dir;
}

/** The path of npm's cache, with all that the image needs. */
function fillCache(root: string, dir: string): string {
  mkdirSync(dir);
  for (const name of ["package.json", "package-lock.json"]) copyFileSync(join(root, name), join(dir, name));
  execFileSync("npm", [...install, "--prefer-offline"], { cwd: dir, stdio: "pipe" });
  return execFileSync("npm", ["config", "get", "cache"], { encoding: "utf8" }).trim();
}
