// Makes a fresh clone ready: npm packages, the build, the system packages that tests and demo drive for real.
// Plain JavaScript without dependencies: it runs before anything is installed. Does nothing where nothing is missing.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const isRoot = process.getuid?.() === 0;
/** The user that the throwaway "VM" runs as when this runs as root: an sshd without privileges logs in its own user only. */
const vmUser = "debugtap-vm";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  fail(
    `debugtap needs Node 20.19 or newer; this is ${process.version}`,
    "apt-get install nodejs   (Debian 13 ships 20.19)",
  );
}

packages();
build();
page();
system();

function packages() {
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const stamp = join(root, "node_modules", ".debugtap-lock");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  say("npm ci (once; about a minute)");
  run("npm", ["ci", "--no-audit", "--no-fund"], "npm ci");
  // Else the first run of tap loads its compiler for TypeScript into each test file, and builds itself without it for the next.
  run(process.execPath, [join(root, "node_modules/tap/dist/esm/run.mjs"), "build"], "npx tap build");
  writeFileSync(stamp, lock);
}

function build() {
  run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-b"], "npx tsc -b");
}

/** The page, when it is older than what it is made of. */
function page() {
  const built = join(root, "dist/web/index.html");
  const sources = ["web", "protocol", "package-lock.json"].flatMap((name) => filesIn(join(root, name)));
  const newest = sources.reduce((newest, path) => Math.max(newest, statSync(path).mtimeMs), 0);
  if (existsSync(built) && statSync(built).mtimeMs > newest) return;
  run(
    process.execPath,
    [join(root, "node_modules/vite/bin/vite.js"), "build", "web", "--logLevel", "warn"],
    "npm run build",
  );
}

function filesIn(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).flatMap((name) => filesIn(join(path, name)));
}

/** An IDE that the tests of `replay` drive. */
function hasDapMode() {
  return readdirSync("/usr/share/emacs/site-lisp/elpa-src").some((name) => name.startsWith("dap-mode-"));
}

function system() {
  const wanted = [
    ["openssh-server", () => existsSync("/usr/sbin/sshd")],
    ["openssh-client", () => onPath("ssh") && onPath("ssh-keygen")],
    ["python3-debugpy", () => imports("debugpy")],
    ["python3-pydevd", () => imports("pydevd")],
    ["python3-eventlet", () => imports("eventlet")],
    ["uwsgi-core", () => onPath("uwsgi")],
    ["uwsgi-plugin-python3", () => existsSync("/usr/bin/uwsgi_python3")],
    ["gunicorn", () => existsSync("/usr/bin/gunicorn")],
    ["curl", () => onPath("curl")],
    ["git", () => onPath("git")],
    ["tshark", () => onPath("tshark")],
    ["delve", () => onPath("dlv")],
    ["golang-go", () => onPath("go")],
    ["iproute2", () => onPath("ss")],
    ["socat", () => onPath("socat")],
    ["autossh", () => onPath("autossh")],
    ["emacs-nox", () => onPath("emacs")],
    ["elpa-dap-mode", () => existsSync("/usr/share/emacs/site-lisp/elpa-src") && hasDapMode()],
    ["buildah", () => onPath("buildah")],
    ["crun", () => onPath("crun")],
    ["screen", () => onPath("screen")],
    ["systemd", () => existsSync("/lib/systemd/systemd")],
    ["dbus", () => onPath("dbus-daemon")],
    ["sudo", () => onPath("sudo")],
    ["docker-compose", () => onPath("docker-compose")],
    ["sqlite3", () => onPath("sqlite3")],
    ["chromium", () => existsSync("/usr/bin/chromium")],
    ["fonts-dejavu-core", () => existsSync("/usr/share/fonts/truetype/dejavu")],
  ];
  const missing = wanted.filter(([, present]) => !present()).map(([name]) => name);
  if (missing.length > 0) {
    const line = `apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${missing.join(" ")}`;
    if (!isRoot) fail(`these system packages are missing: ${missing.join(" ")}`, `sudo sh -c '${line}'`);
    say(line);
    run("sh", ["-c", line], line, { DEBIAN_FRONTEND: "noninteractive" });
  }
  if (isRoot && spawnSync("id", [vmUser]).status !== 0) {
    const line = `useradd --system --shell /bin/sh --no-create-home ${vmUser}`;
    say(line);
    run("sh", ["-c", line], line);
  }
}

function onPath(program) {
  return spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
}

function imports(module) {
  const code = `import importlib.util, sys; sys.exit(importlib.util.find_spec("${module}") is None)`;
  return spawnSync("/usr/bin/python3", ["-c", code]).status === 0;
}

function run(program, args, line, env = {}) {
  const { status } = spawnSync(program, args, {
    cwd: root,
    stdio: ["ignore", process.stderr, process.stderr],
    env: { ...process.env, ...env },
  });
  if (status !== 0) fail(`this failed: ${line}`, line);
}

function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

function fail(what, fix) {
  process.stderr.write(`setup: ${what}\n  fix: ${fix}\n`);
  process.exit(1);
}
