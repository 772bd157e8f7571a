// A debugger lent to a Python that has none: from the system's packages, a directory, a wheel; over a real sshd, started by the real hook.
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import { ThrowawaySshd } from "../../src/demo/throwaway-sshd.ts";
import { laptop } from "../helpers/laptop.ts";

const become = process.getuid?.() === 0 ? ["--reuid=debugtap-vm", "--regid=debugtap-vm", "--clear-groups"] : [];
const packages = "/usr/lib/python3/dist-packages";

/** A VM whose `python3` is one of a virtual environment without packages. */
async function startVm(t: Test): Promise<{ sshd: ThrowawaySshd; home: string; python: string; dir: string }> {
  const dir = mkdtempSync(join(tmpdir(), "dtv-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const [home, bin] = [join(dir, "home"), join(dir, "bin")];
  for (const each of [home, bin]) mkdirSync(each);
  const made = spawnSync("/usr/bin/python3", ["-m", "venv", "--without-pip", join(dir, "venv")], { encoding: "utf8" });
  t.equal(made.status, 0, `venv\n${made.stderr}`);
  const python = join(dir, "venv/bin/python3");
  writeFileSync(join(bin, "python3"), `#!/bin/sh\nexec ${python} "$@"\n`, { mode: 0o755 });
  const sshd = await ThrowawaySshd.start({ settings: { SetEnv: `HOME=${home} PATH=${bin}:/usr/bin:/bin` } });
  t.teardown(() => sshd.stop());
  spawnSync("chown", ["-R", sshd.user, dir]);
  spawnSync("chmod", ["755", dir, home, bin]);
  return { sshd, home, python, dir };
}

t.test("from the system, a directory and a wheel", async (t) => {
  const { sshd, home, python, dir } = await startVm(t);
  const { debugtap, id } = laptop(t, sshd, { api: `run: { restart: "true", env_file: ${home}/env }` });
  const copies = mkdtempSync(join(tmpdir(), "dtw-"));
  t.teardown(() => rmSync(copies, { recursive: true, force: true }));
  const wheel = join(copies, "debugpy-1.6.3-py3-none-any.whl");
  const names = readdirSync(packages).filter((name) => /^(?:debugpy$|bytecode$|_?pydev)/.test(name));
  // What a wheel has that must not be taken along: for another Python, on another machine.
  writeFileSync(join(copies, "other.so"), "\x7fELF");
  const zip = spawnSync(
    "/usr/bin/python3",
    [
      "-c",
      "import sys, zipfile, os\nz = zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED)\nfor n in sys.argv[3:]:\n  p = os.path.join(sys.argv[2], n)\n  for f in ([p] if os.path.isfile(p) else [os.path.join(d, x) for d, _, xs in os.walk(p, followlinks=True) for x in xs]):\n    z.write(f, os.path.relpath(f, sys.argv[2]))\nz.write(sys.argv[1][:-len(os.path.basename(sys.argv[1]))] + 'other.so', '_pydevd_bundle/cython.cpython-37m-aarch64-linux-gnu.so')",
      wheel,
      packages,
      ...names,
    ],
    { encoding: "utf8" },
  );
  t.equal(zip.status, 0, `apt-get install python3-debugpy python3-pydevd\n${zip.stderr}`);
  const folder = join(home, ".cache/debugtap", id);
  const lists: string[][] = [];
  for (const words of [[], ["--lend", packages], ["--lend", wheel]]) {
    const { code, stdout, stderr } = await debugtap("inject", "--yes", ...words);
    t.equal(code, 0, stderr);
    t.match(stdout, "debugpy, lent");
    const lent = readdirSync(join(folder, "lent"), { recursive: true, encoding: "utf8" });
    t.ok(lent.includes("debugpy/__init__.py"));
    t.same(
      lent.filter((name) => /\.(?:so|pyc)$/.test(name)),
      [],
      "nothing that is compiled",
    );
    lists.push(lent.sort());
    const again = await debugtap("inject", "--yes", ...words);
    t.match(again.stdout, "nothing is to be changed there", again.stderr);
    const variables = Object.fromEntries(
      readFileSync(join(home, "env"), "utf8")
        .split("\n")
        .filter((line) => /^\w+=/.test(line))
        .map((line) => [line.split("=", 1)[0], line.slice(line.indexOf("=") + 1)]),
    ) as Record<string, string>;
    const ran = spawnSync("setpriv", [...become, python, "-c", "import debugpy, sys; print(debugpy.__file__)"], {
      encoding: "utf8",
      env: { ...variables, PATH: "/usr/bin:/bin" },
    });
    t.match(ran.stdout + ran.stderr, `${folder}/lent/debugpy/__init__.py`);
    const [state = ""] = readdirSync(join(folder, "state/api"));
    t.match(JSON.parse(readFileSync(join(folder, "state/api", state), "utf8")), {
      state: "started",
      debugger: /\(lent\)/,
    });
    t.equal((await debugtap("eject")).code, 0);
  }
  t.same(lists[0], lists[1]);
  t.same(lists[0], lists[2]);

  // One that has its own is lent nothing.
  rmSync(join(dir, "bin/python3"));
  const own = await debugtap("inject", "--yes");
  t.notMatch(own.stdout, "lent");
  t.same(readdirSync(join(folder, "lent")), []);
  t.equal((await debugtap("eject")).code, 0);
});

t.test("on this machine, without SSH; inject is killed while it sends", async (t) => {
  const { sshd, home } = await startVm(t);
  const { debugtap, start, dir } = laptop(t, sshd, { api: `run: { restart: "true", env_file: ${home}/env }` });
  const child = start("inject", "--yes");
  const closed = once(child, "close");
  await once(child.stderr ?? child, "data");
  child.kill("SIGKILL");
  await closed;
  t.equal((await debugtap("eject")).code, 0);
  t.same(readdirSync(home), []);

  writeFileSync(
    join(dir, "debugtap.yml"),
    `services:\n  here: { wire: pydevd, dials: 15678, ide: 15711, run: { restart: "true", env_file: ${dir}/env } }\n`,
  );
  const { code, stderr, stdout } = await debugtap("inject", "--yes");
  t.equal(code, 0, stderr);
  const folder = /sh (.*)\/eject\.sh/.exec(stdout)?.[1] ?? "";
  t.match(JSON.parse(readFileSync(join(folder, "services/here.json"), "utf8")), { wire: "pydevd", port: 15678 });
  t.equal(spawnSync("sh", [join(folder, "eject.sh")]).status, 0);
  t.same(readdirSync(dir).sort(), ["debugtap.yml", "state"]);
});
