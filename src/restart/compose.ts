// A service of docker compose: its files, with inject's override where that is, and how it is made anew.
import { DebugtapError } from "../../protocol/errors.ts";
import { shellQuote } from "../../protocol/shell.ts";
import type { RunConfig } from "../config-inject.ts";
import type { Run } from "../transport/process-lookup.ts";

export type ComposeRun = Extract<RunConfig, { kind: "compose" }>;

/**
 * Words of a POSIX shell: `docker compose` in the service's directory with these words; `$service` is its name. With inject's override all
 * files must be named, which compose finds by itself otherwise.
 */
export function composeScript({ service, dir }: ComposeRun, words: string): string {
  return `service=${shellQuote(service)}; dir=${shellQuote(dir)}; cd -- "$dir" && {
set --
if [ -f compose.debugtap.yml ]; then
  for name in compose.yaml compose.yml docker-compose.yml docker-compose.yaml; do [ -f $name ] && { set -- -f $name; break; }; done
  for name in compose.override.yaml compose.override.yml docker-compose.override.yml docker-compose.override.yaml; do [ -f $name ] && { set -- "$@" -f $name; break; }; done
  set -- "$@" -f compose.debugtap.yml
fi
docker compose "$@" ${words}; }`;
}

/** Rejects with DT_RESTART_FAILED. */
export async function restartCompose(run: Run, compose: ComposeRun, timeoutMs: number): Promise<void> {
  const script = composeScript(compose, 'up -d --force-recreate "$service"');
  const { code, stderr, stdout } = await run("exec sh -s", { input: Buffer.from(script, "utf8"), timeoutMs });
  if (code === 0) return;
  throw new DebugtapError("DT_RESTART_FAILED", `docker compose did not make ${compose.service} anew`, {
    why: [stderr, stdout].join("\n").trim().split("\n").slice(-5).join("; "),
    fix: `cd ${shellQuote(compose.dir)} && docker compose up -d --force-recreate ${shellQuote(compose.service)}`,
  });
}
