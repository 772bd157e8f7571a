// Real programs that have secrets in all places, recorded by the real program on both wires: none of them is in the trace.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import type { Hit } from "../../protocol/hit.ts";
import { openTrace } from "../../src/trace/index.ts";
import { allText, plain } from "../helpers/all-text.ts";
import { debuggeeFile, python } from "../helpers/processes.ts";
import { program } from "../helpers/relay-process.ts";
import { freePort } from "../helpers/sockets.ts";

const key = "seedKeyLineq7Xk2Vb9Zr4Tn8Wm3Yc6q7Xk2Vb9Zr4Tn8Wm3Yc6";
const seeds = {
  password: "seed-pw-8fK2xQ71",
  token: "seed-token-Zr4Tn8Wm",
  header: "seed-header-c6q7Xk2V",
  cookie: "seed-cookie-b9Zr4Tn8",
  url: "seed-url-m3Yc6q7X",
  child: "seed-child-k2Vb9Zr4",
  pem: `-----BEGIN PRIVATE KEY-----\n${key}\n${key}\n-----END PRIVATE KEY-----`,
};
const looked = [...Object.values(seeds).filter((seed) => !seed.includes("\n")), key];

async function record(t: Test, wire: "dap" | "pydevd", ...more: string[]): Promise<{ dir: string; said: string }> {
  const port = await freePort();
  const dir = join(t.testdir(), "trace");
  const at = `${debuggeeFile("secrets.py")}:/# breakpoint/`;
  const args = ["--attach", `${port}`, "--wire", wire, "--require", at, "--ready", "60s", "-o", dir, ...more];
  const recorder = spawn(process.execPath, [program, "record", ...args], {
    env: { ...process.env, NODE_OPTIONS: "", XDG_STATE_HOME: join(t.testdir(), "state") },
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.teardown(() => recorder.kill("SIGKILL"));
  const ended = once(recorder, "close") as Promise<[number | null]>;
  let said = "";
  for (const stream of [recorder.stdout, recorder.stderr])
    stream.on("data", (text: Buffer) => (said += text.toString()));
  process.env["SEEDS"] = JSON.stringify(seeds);
  const flavour = wire === "dap" ? "debugpy" : "pydevd";
  // A pydevd that finds nobody at its port yet ends at once.
  for (let isDone = false; !isDone;) {
    const service = python("secrets.py", flavour, `${port}`);
    t.teardown(() => service.child.kill("SIGKILL"));
    isDone = await service.prints("secrets are done").then(
      () => true,
      (error: unknown) => {
        if (!service.text().includes("ConnectionRefusedError")) throw error;
        return false;
      },
    );
  }
  recorder.kill("SIGINT");
  const [code] = await ended;
  t.equal(code, 0, said);
  return { dir, said };
}

for (const wire of ["dap", "pydevd"] as const) {
  t.test(`${wire}: a program with secrets in all places`, { buffered: true }, async (t) => {
    const { dir } = await record(t, wire);
    const text = await allText(dir);
    const decoded = plain(text);
    for (const seed of looked) t.notOk(text.includes(seed) || decoded.includes(seed), seed);
    const trace = await openTrace(dir);
    const hits: Hit[] = [];
    for await (const { hit } of trace.hits()) hits.push(hit);
    const variables = hits[0]?.snapshot.frames[0]?.scopes?.[0]?.variables ?? [];
    const value = (name: string) => variables.find((each) => each.name === name)?.value;
    t.match(value("password"), /«redacted:[0-9a-f]{8}»/);
    t.match(value("url"), /mysql\+pymysql:\/\/root:«redacted:[0-9a-f]{8}»@127\.0\.0\.1\/cinder/);
    t.match(value("client"), /Client\(user='me', password='«redacted:[0-9a-f]{8}»'\)/);
    t.match(value("token_count"), /^4$/);
    t.match(value("number_of_tokens"), /^3$/);
    t.equal(
      /«[^»]*»/.exec(value("password") ?? "")?.[0],
      /«[^»]*»/.exec(value("client") ?? "")?.[0],
      "the same secret",
    );
    trace.close();
  });
}

t.test(
  "--keep-secrets is loud: when it records, in the manifest, and when the trace is shown",
  { buffered: true },
  async (t) => {
    const { dir, said } = await record(t, "dap", "--keep-secrets");
    t.match(said, /trace unmasked .*DT_TRACE_SECRETS: passwords, tokens and keys are recorded as they are/);
    t.match(JSON.parse(readFileSync(join(dir, "manifest.json"), "utf8")), { secrets: "kept" });
    const text = await allText(dir);
    t.ok(text.includes(seeds.password) && text.includes(seeds.header));
    const show = spawn(process.execPath, [program, "show", dir], { env: { ...process.env, NODE_OPTIONS: "" } });
    let shown = "";
    show.stderr.on("data", (bytes: Buffer) => (shown += bytes.toString()));
    await once(show, "close");
    t.match(shown, /^DT_TRACE_SECRETS: .* has passwords, tokens and keys as they are/);
  },
);
