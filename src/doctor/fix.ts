// Lines that mend something, to be pasted into a shell on this machine.
//
// Rules
// - What is to be done on the host goes through the same ssh as debugtap; on this machine it is the command itself.
// - sudo only where the file or the process is not the user's.
import { shellQuote } from "../../protocol/shell.ts";
import type { ServiceConfig } from "../config.ts";
import { lineOn } from "../reach.ts";
import type { SettingsFile } from "./facts.ts";

/** A command on the host that restarts the service, where the configuration says how. */
function restartCommand({ run }: ServiceConfig): string | undefined {
  if (run?.kind === "command") return run.restart;
  if (run?.kind === "unit")
    return run.user
      ? `systemctl --user restart ${shellQuote(run.unit)}`
      : `sudo systemctl restart ${shellQuote(run.unit)}`;
  return undefined;
}

/** `before` is a command on the host that goes first. */
export function restartLine(ssh: string, service: ServiceConfig, before?: string): string {
  const restart = restartCommand(service);
  if (restart !== undefined) return lineOn(ssh, before === undefined ? restart : `${before} && ${restart}`);
  const own = `debugtap restart ${shellQuote(service.name)}`;
  if (service.run !== undefined) return before === undefined ? own : `${lineOn(ssh, before)} && ${own}`;
  const byHand = `start ${service.name} anew on ${service.host}`;
  return before === undefined
    ? `${byHand}; debugtap does it once debugtap.yml has its \`run:\``
    : `${lineOn(ssh, before)}   # then ${byHand}`;
}

/** Puts the debugger into the service. */
export function injectLine({ name, run }: ServiceConfig): string {
  const line = `debugtap inject ${shellQuote(name)} && debugtap restart ${shellQuote(name)}`;
  return run === undefined ? `give ${name} its \`run:\` in debugtap.yml, then: ${line}` : line;
}

/** Puts a variable into the environment that the service is started with. */
export function environmentLine(ssh: string, service: ServiceConfig, name: string, value: string): string {
  const { run } = service;
  const pair = shellQuote(`${name}=${value}`);
  if (run?.kind === "command" && run.envFile !== undefined) {
    const file = shellQuote(run.envFile);
    return restartLine(ssh, service, `grep -qxF ${pair} ${file} || echo ${pair} >>${file}`);
  }
  if (run?.kind === "unit") {
    return restartLine(
      ssh,
      service,
      dropIn(
        run,
        name.toLowerCase().replaceAll("_", "-"),
        `Environment=${/\s/.test(value) ? `"${name}=${value}"` : `${name}=${value}`}`,
      ),
    );
  }
  // inject carries these two, and no others.
  return run === undefined || !["GEVENT_SUPPORT", "UWSGI_ENABLE_THREADS"].includes(name)
    ? `give ${service.name} ${pair} in its environment, and start it anew on ${service.host}`
    : injectLine(service);
}

/** Adds `setting` to [Service] of a unit. */
export function dropIn(
  { unit, user }: { readonly unit: string; readonly user: boolean },
  name: string,
  setting: string,
): string {
  const dir = user ? `~/.config/systemd/user/${shellQuote(unit)}.d` : `/etc/systemd/system/${shellQuote(unit)}.d`;
  const [sudo, systemctl] = user ? ["", "systemctl --user"] : ["sudo ", "sudo systemctl"];
  const file = `${dir}/${name}.conf`;
  return `${sudo}mkdir -p ${dir} && printf '[Service]\\n%s\\n' ${shellQuote(setting)} | ${sudo}tee ${file} >/dev/null && ${systemctl} daemon-reload`;
}

/** For a file of `key = value` lines with sections: changes the lines that set it (`isSet`), or adds one. */
export function settingCommand(
  { path, writable, settings }: SettingsFile,
  {
    section,
    key,
    value,
    isSet,
  }: { readonly section: string; readonly key: string; readonly value: string; readonly isSet: boolean },
): string {
  const [sudo, file] = [writable ? "" : "sudo ", shellQuote(path)];
  const head = `/^\\[ *${section} *\\]/`;
  // By name and not by line: what was pasted before has moved the lines.
  if (isSet) {
    const form = formOf(path);
    if (form !== undefined) return `${sudo}sed -i -E ${shellQuote(form(key, value))} ${file}`;
    const within = section === "" ? "" : `${head},/^\\[/`;
    return `${sudo}sed -i -E ${shellQuote(`${within}s/^[[:space:]]*${key}[[:space:]]*[=:].*/${key} = ${value}/`)} ${file}`;
  }
  const hasSection = settings.some((each) => each.key === "[" && each.section === section);
  if (hasSection) return `${sudo}sed -i ${shellQuote(`${head}a ${key} = ${value}`)} ${file}`;
  const text = shellQuote(`[${section}]\\n${key} = ${value}\\n`);
  return `printf ${text} | ${sudo}tee -a ${file} >/dev/null`;
}

/** How a line of a file is changed that is not of `key = value`. */
function formOf(path: string): ((key: string, value: string) => string) | undefined {
  if (/\.ya?ml$/.test(path)) return (key, value) => `s/^([[:space:]]*${key}:).*/\\1 ${value}/`;
  if (path.endsWith(".json")) return (key, value) => `s/("${key}"[[:space:]]*:[[:space:]]*)[^,}]*/\\1${value}/`;
  return path.endsWith(".xml") ? (key, value) => `s|<${key}>[^<]*<|<${key}>${value}<|` : undefined;
}

/** Whether a line can be added to it. */
export function canAdd(path: string): boolean {
  return formOf(path) === undefined;
}

/** Ends a process on the host. */
export function killLine(ssh: string, pid: number, own: boolean): string {
  return lineOn(ssh, `${own ? "" : "sudo "}kill ${pid}`);
}
