// `debugtap inject` and `eject` by the real program over a real sshd: a file of variables, a screen tab, compose; changed meanwhile, two
// debugtaps, a VM that was set up anew. Units of systemd are in inject-unit.test.ts, what is cut off is in inject-cut.test.ts.
import { spawnSync } from "node:child_process";
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t from "tap";
import { laptop } from "../helpers/laptop.ts";
import { put, startInjectVm } from "../helpers/inject-vm.ts";

const command = (file: string) => `run: { restart: "true", env_file: ${file} }`;

t.test("variables, a tab and compose: in, again, and all as it was", async (t) => {
  const vm = await startInjectVm(t);
  const variables = join(vm.app, "env");
  put(variables, "# mine\nPYTHONPATH=/opt/mine\nSECRET='a b'", 0o640);
  symlinkSync("env", join(vm.app, "link"));
  put(join(vm.app, "named"), "N=1\n");
  linkSync(join(vm.app, "named"), join(vm.app, "named-too"));
  const repo = join(vm.dir, "repo");
  mkdirSync(repo);
  const told = "import json, os, sys; print(json.dumps([os.environ['DEBUGTAP_HOOK'], sys.path]))\n";
  writeFileSync(join(repo, "app.py"), told);
  const git = (...words: string[]) =>
    spawnSync("git", ["-C", repo, "-c", "user.name=t", "-c", "user.email=t@t", ...words], { encoding: "utf8" }).stdout;
  git("init", "-q");
  git("add", ".");
  git("commit", "-qm", "t");
  put(
    join(vm.app, "compose.yml"),
    "services:\n  web:\n    image: python\n    ports: ['80:80']\n    environment: [A=1]\n  jobs: { image: python }\n",
  );
  const { id, debugtap, dir } = laptop(t, vm.sshd, {
    api: command(`${vm.app}/link`),
    new: command(`${vm.app}/sub/new.env`),
    tab: "run: { screen: stack, tab: api }",
    web: `run: { compose: web, dir: ${vm.app} }`,
    jobs: `run: { compose: jobs, dir: ${vm.app} }`,
    named: command(`${vm.app}/named`),
  });
  const before = vm.tree();

  const dry = await debugtap("inject", "--dry-run");
  t.equal(dry.code, 0, dry.stderr);
  t.match(dry.stdout, "+DEBUGTAP_HOOK=");
  const asked = await debugtap("inject", "--json");
  t.match(JSON.parse(asked.stdout), { written: false, hosts: [{ changed: true, written: false }] });
  t.equal(vm.tree(), before, "nothing is written unasked");

  const { code, stdout, stderr } = await debugtap("inject", "--yes", "--json");
  t.equal(code, 0, stderr);
  const folder = join(vm.home, ".cache/debugtap", id);
  t.match(JSON.parse(stdout), {
    written: true,
    hosts: [
      {
        host: { name: "vm", ssh: "vm" },
        folder,
        services: [
          { name: "api", kind: "command", file: variables, lent: false },
          { name: "new" },
          { name: "tab", kind: "screen", file: null },
          { name: "web", kind: "compose" },
          { name: "jobs", kind: "compose" },
          { name: "named" },
        ],
        eject: `sh ${folder}/eject.sh`,
      },
    ],
  });
  t.equal(statSync(folder).mode & 0o777, 0o700);
  for (const file of ["manifest.json", "eject.sh"]) t.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file);
  t.equal(statSync(variables).mode & 0o777, 0o640, "its mode stays");
  t.equal(statSync(join(vm.app, "sub/new.env")).mode & 0o777, 0o600);

  const service = vm.sh(`set -a; . ${variables}; set +a; exec /usr/bin/python3 ${join(repo, "app.py")}`);
  const [hook, path] = JSON.parse(service.stdout) as [string, string[]];
  t.equal(hook, `${folder}/services/api.json`);
  t.same(path.slice(1, 3), [`${folder}/hook`, "/opt/mine"], "PYTHONPATH that it had stays");
  t.equal(git("status", "--porcelain"), "", "its sources are as they were");
  const tab = vm.sh(
    `PYTHONPATH=/a; . ${folder}/env/tab.sh; echo $DEBUGTAP_HOOK; . ${folder}/env/tab.unset.sh; echo "[$DEBUGTAP_HOOK]"`,
  );
  t.same(tab.stdout.split("\n"), [`${folder}/services/tab.json`, "[]", ""]);

  const composed = spawnSync(
    "docker-compose",
    ["-f", join(vm.app, "compose.yml"), "-f", join(vm.app, "compose.debugtap.yml"), "config"],
    { encoding: "utf8" },
  );
  t.equal(composed.status, 0, `apt-get install docker-compose\n${composed.stderr}`);
  for (const text of [
    "A: '1'",
    `DEBUGTAP_HOOK: ${folder}/services/web.json`,
    `source: ${folder}/hook`,
    "read_only: true",
    "127.0.0.1:15681:15681",
  ])
    t.match(composed.stdout, text);

  const injected = vm.tree();
  const again = await debugtap("inject", "--yes");
  t.match(again.stdout, "nothing is to be changed there");
  t.equal(vm.tree(), injected, "a second time changes nothing");
  t.equal(statSync(join(dir, "state/debugtap/injected.json")).mode & 0o777, 0o600);

  t.equal(statSync(join(vm.app, "named")).nlink, 2, "a file of two names keeps both");
  await debugtap("eject", "web");
  const override = readFileSync(join(vm.app, "compose.debugtap.yml"), "utf8");
  t.match(
    [override.includes('"jobs":'), override.includes('"web":')],
    [true, false],
    "what several need has the others' lines",
  );
  const one = await debugtap("eject", "api", "--json");
  t.match(JSON.parse(one.stdout), { hosts: [{ files: [{ path: variables, state: "restored" }] }] });
  t.equal(readFileSync(variables, "utf8"), "# mine\nPYTHONPATH=/opt/mine\nSECRET='a b'");
  t.ok(existsSync(join(folder, "services/new.json")), "the others stay");
  t.notOk(existsSync(join(folder, "services/api.json")));
  // Run in another way now: the file that it needed before is as it was.
  const config = readFileSync(join(dir, "debugtap.yml"), "utf8");
  writeFileSync(join(dir, "debugtap.yml"), config.replace(`${vm.app}/named`, `${vm.app}/other`));
  t.match((await debugtap("inject", "named", "--yes")).stdout, `${vm.app}/named: as it was before`);
  t.equal(readFileSync(join(vm.app, "named-too"), "utf8"), "N=1\n");
  const all = await debugtap("eject", "--all");
  t.equal(all.code, 0, all.stderr);
  t.equal(vm.tree(), before, "all is as it was");
  const nothing = await debugtap("eject");
  t.match([nothing.code, nothing.stdout], [0, "vm: nothing to eject"]);
});

t.test("files that somebody changed meanwhile", async (t) => {
  const vm = await startInjectVm(t);
  const [one, two, three] = ["one", "two", "three"].map((name) => join(vm.app, name)) as [string, string, string];
  for (const file of [one, two, three]) put(file, "A=1\n");
  const { id, debugtap } = laptop(t, vm.sshd, { one: command(one), two: command(two), three: command(three) });
  t.equal((await debugtap("inject", "--yes")).code, 0);
  const folder = join(vm.home, ".cache/debugtap", id);
  put(one, `${readFileSync(one, "utf8")}B=2\n`);
  put(three, "C=3\n");
  const { code, stdout } = await debugtap("eject", "one", "three", "--json");
  t.equal(code, 0);
  t.match(JSON.parse(stdout), {
    hosts: [
      {
        files: [
          { path: one, state: "stripped" },
          { path: three, state: "foreign" },
        ],
      },
    ],
  });
  t.same([readFileSync(one, "utf8"), readFileSync(three, "utf8")], ["A=1\nB=2\n", "C=3\n"]);

  const broken = readFileSync(two, "utf8").replace(/^# debugtap .* end\n/m, "Z=26\n");
  put(two, broken);
  const kept = await debugtap("eject");
  t.match([kept.code, kept.stderr], [4, /DT_EJECT_CHANGED: .*two cannot be put back/]);
  t.equal(readFileSync(two, "utf8"), broken, "it is left");
  const [saved = ""] = readdirSync(join(folder, "kept"));
  t.equal(readFileSync(join(folder, "kept", saved), "utf8"), "A=1\n", "and what it was is there");
  put(two, "A=1\nZ=26\n");
  const done = await debugtap("eject");
  t.match([done.code, done.stdout], [0, "nothing of ours any more"]);
  t.equal(readFileSync(two, "utf8"), "A=1\nZ=26\n");
  t.notOk(existsSync(join(vm.home, ".cache")));
});

t.test("two debugtaps on one VM; the manifest is lost; the VM was set up anew; the lock of a dead one", async (t) => {
  const vm = await startInjectVm(t);
  const shared = join(vm.app, "env");
  const made = join(vm.app, "made");
  put(shared, "A=1");
  const services = { api: command(shared), new: command(made) };
  const [a, b] = [laptop(t, vm.sshd, services), laptop(t, vm.sshd, services)];
  const before = vm.tree();
  for (const [first, last] of [
    [a, b],
    [b, a],
  ] as const) {
    t.equal((await a.debugtap("inject", "--yes")).code, 0);
    const second = await b.debugtap("inject", "--yes");
    t.match([second.code, second.stdout], [0, `another debugtap (${a.id}) has something injected here too`]);
    const together = vm.tree();
    t.match((await a.debugtap("inject", "--yes")).stdout, "nothing is to be changed there");
    t.equal(vm.tree(), together);
    t.equal((await first.debugtap("eject")).code, 0);
    t.match(readFileSync(shared, "utf8"), `# debugtap ${last.id} begin`);
    t.equal((await last.debugtap("eject")).code, 0);
    t.equal(vm.tree(), before, "in any order");
  }

  const { debugtap, id } = a;
  await Promise.all([a.debugtap("inject", "--yes", "api"), a.debugtap("inject", "--yes", "new")]);
  const manifest = join(vm.home, ".cache/debugtap", id, "manifest.json");
  t.same(
    Object.keys((JSON.parse(readFileSync(manifest, "utf8")) as { services: object }).services).sort(),
    ["api", "new"],
    "two at once",
  );
  rmSync(join(vm.home, ".cache"), { recursive: true });
  t.match(
    (await debugtap("eject")).stdout,
    "our lines were taken out",
    "without the manifest the local record knows where",
  );
  t.equal(vm.tree(), before);

  t.equal((await debugtap("inject", "--yes")).code, 0);
  rmSync(join(vm.home, ".cache"), { recursive: true });
  rmSync(made);
  put(shared, "A=1");
  rmSync(shared);
  const anew = await debugtap("eject");
  t.match([anew.code, anew.stdout], [0, "nothing to eject"]);
  t.match(JSON.parse(readFileSync(join(a.dir, "state/debugtap/injected.json"), "utf8")), []);

  put(shared, "A=1");
  vm.sh(`mkdir -p ${vm.home}/.cache/debugtap`);
  symlinkSync("999999-1", join(vm.home, ".cache/debugtap/lock"));
  t.equal((await debugtap("inject", "--yes")).code, 0, "the lock of a process that is no more");
  t.equal((await debugtap("eject")).code, 0);
});

t.test("what cannot be: too old, no debugger, no run, no such service", async (t) => {
  const vm = await startInjectVm(t);
  put(join(vm.app, "env"), "");
  put(join(vm.app, "compose.debugtap.yml"), "services: {}\n");
  // The one that is found there answers as an old one does.
  put(join(vm.dir, "bin/python3"), `#!/bin/sh\necho '{"version": "3.5.3", "roots": [], "has": []}'\n`, 0o755);
  const before = vm.tree();
  const { debugtap, dir } = laptop(t, vm.sshd, {
    old: command(`${vm.app}/env`),
    bare: "run: { restart: make restart }",
    twin: command(`${vm.app}/twins`),
    other: command(`${vm.app}/twins`),
    web: `run: { compose: web, dir: ${vm.app} }`,
    none: "attach: {}",
  });
  const tooOld = await debugtap("inject", "old", "--yes");
  t.match([tooOld.code, tooOld.stderr], [4, /DT_INJECT_PYTHON: old runs with Python 3\.5\.3/]);
  const bare = await debugtap("inject", "bare", "--yes");
  t.match([bare.code, bare.stderr], [2, /DT_INJECT_RUN: .*\n.*\n  fix: env_file: /]);
  const none = await debugtap("inject", "none", "--json");
  t.match(
    [none.code, JSON.parse(none.stdout)],
    [2, { error: { code: "DT_INJECT_RUN", fix: /^run: \{ unit: none \}/ } }],
  );
  rmSync(join(vm.dir, "bin/python3"));
  const twins = await debugtap("inject", "twin", "other", "--yes");
  t.match([twins.code, twins.stderr], [4, /DT_INJECT_FILE: other and twin have their variables from one file/]);
  const foreign = await debugtap("inject", "web", "--yes");
  t.match(
    [foreign.code, foreign.stderr],
    [4, /DT_INJECT_FILE: .*compose\.debugtap\.yml is there, and not of this debugtap/],
  );
  const unknown = await debugtap("inject", "nobody");
  t.match([unknown.code, unknown.stderr], [2, /DT_SERVICE_UNKNOWN/]);
  for (const [words, code] of [
    [["--all", "old"], "DT_USAGE"],
    [["--host", "nowhere"], "DT_USAGE"],
    [["nobody"], "DT_SERVICE_UNKNOWN"],
  ] as const) {
    const refused = await debugtap("eject", ...words);
    t.match([refused.code, refused.stderr], [2, `${code}: `]);
  }
  const notLent = await debugtap("inject", "old", "--lend", dir);
  t.match([notLent.code, notLent.stderr], [4, /DT_FILE_UNREADABLE: .* has no debugpy/]);
  t.equal(vm.tree(), before);
});
