// README's reader "VS Code, with compose": its commands by a stand-in for docker, and VS Code by a client that attaches as launch.json says.
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import t from "tap";
import { withoutComments } from "../../src/breakpoints/vscode.ts";
import { IdeSession } from "../helpers/dap-ide.ts";
import { breakpointOf } from "../helpers/processes.ts";
import { clone, sectionOf, shell } from "../helpers/readme.ts";
import { freePort } from "../helpers/sockets.ts";

/** The reader's own. */
const compose = (port: number): string => `services:
  api:
    image: api
    command: ["python3", "-Xfrozen_modules=off", "/app/service.py"]
    volumes: ["./app:/app:ro"]
    ports: ["127.0.0.1:${port}:8080"]
`;

interface Launch {
  readonly configurations: readonly { readonly connect: { readonly port: number } }[];
}

t.test(
  "README: VS Code, with compose",
  { skip: process.getuid?.() === 0 ? false : "images are built as root here" },
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), "debugtap-reader-"));
    const [http, ide, board] = [await freePort(), await freePort(), await freePort()];
    const { commands, file } = sectionOf("VS Code, with compose", { "8080": `${http}`, "5711": `${ide}` });
    const shop = join(dir, "shop");
    for (const each of ["bin", "shop"]) mkdirSync(join(dir, each));
    symlinkSync(clone, join(dir, "debugtap"));
    cpSync(join(clone, "test/fixtures/readers"), join(shop, "app"), { recursive: true });
    writeFileSync(join(shop, "compose.yml"), compose(http));
    const docker = fileURLToPath(new URL("../helpers/docker-stand-in.js", import.meta.url));
    writeFileSync(join(dir, "bin/docker"), `#!/bin/sh\nexec ${process.execPath} ${docker} "$@"\n`);
    chmodSync(join(dir, "bin/docker"), 0o755);
    const { type } = shell(t, shop, dir, {
      DOCKER_STAND_IN: join(dir, "docker"),
      DEBUGTAP_IDE_PORT: `${ide}`,
      DEBUGTAP_BOARD_PORT: `${board}`,
    });
    t.teardown(async () => {
      const { code, stderr } = await type("docker compose down");
      if (code !== 0) throw new Error(stderr);
      rmSync(dir, { recursive: true, force: true });
    });
    const [build = "", up = "", curl = "", hits = "", ...more] = commands;
    t.same(more, []);

    for (const command of [build, up]) {
      const { code, stdout, stderr } = await type(command);
      t.equal(code, 0, `${command}\n${stdout}${stderr}`);
    }
    const served = await type(`${curl.split("#")[0]} --retry 30 --retry-all-errors`);
    t.equal(served.stdout, "6\n", "the service is up, as that of a reader is");
    writeFileSync(join(shop, "worker.yml"), "services: { worker: { image: api } }\n");
    const recorder = await type("docker-compose -f worker.yml -f ../debugtap/examples/compose.recorder.yml config");
    t.match(recorder, { code: 0, stdout: /network_mode: service:worker/ }, "the other example, by the real program");
    const launch = file("json").replaceAll("${workspaceFolder}", shop);
    const [entry] = (JSON.parse(withoutComments(launch)) as Launch).configurations;
    if (entry === undefined) throw new Error(launch);
    const code = await IdeSession.open(entry.connect.port, { starts: true }, entry);
    const source = join(shop, "app/app.py");
    const line = Number(breakpointOf(source).split(":").at(-1));
    await code.ask("setBreakpoints", { source: { path: source }, breakpoints: [{ line }] });
    const answer = type(curl);
    const { threadId } = await code.event<{ threadId: number }>("stopped");
    const { stackFrames } = await code.ask<{ stackFrames: readonly unknown[] }>("stackTrace", { threadId });
    t.match(stackFrames[0], { name: "total_of", line, source: { path: source } }, "the file is the one here");
    await code.ask("continue", { threadId });
    t.match(await answer, { code: 0, stdout: "6\n" });
    await code.close();
    const listed = await type(hits);
    t.match(listed.stdout, new RegExp(`total_of \\(app\\.py:${line}\\)`), listed.stderr);
  },
);
