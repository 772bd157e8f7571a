// The output of details-script.ts as facts. No output can make it throw.
import { randomBytes } from "node:crypto";
import { DebugtapError } from "../../protocol/errors.ts";
import { elements, isObject, member, parseJson } from "../../protocol/json.ts";
import { addressOf } from "../transport/listeners.ts";
import type { Run } from "../transport/process-lookup.ts";
import { detailsScript, detailsTimeoutMs, type DetailsQuestion } from "./details-script.ts";
import type {
  Details,
  InjectFolder,
  InnerProcess,
  InterpreterDetails,
  Package,
  ProcessDetails,
  SettingsFile,
  Socket,
  UnitDetails,
} from "./facts.ts";

/** The kernel gives this number to the pid namespace that it starts with. */
const outermost = "pid:[4026531836]";

/** Rejects with DT_PROGRAM_MISSING where the host runs no such script, and as `run`. */
export async function lookCloser(run: Run, question: DetailsQuestion): Promise<Details> {
  const sent = Date.now() / 1000;
  const clock = await run("exec date +%s.%N", {});
  const came = Date.now() / 1000;
  // A login shell may print more before it.
  const there = Number(/^(\d{9,}(?:\.\d+)?)\r?$/m.exec(clock.stdout)?.[1]);
  const mark = `dt.${randomBytes(9).toString("hex")}`;
  const input = Buffer.from(detailsScript(question, mark), "utf8");
  const { code, stdout } = await run("exec sh -s", { input, timeoutMs: detailsTimeoutMs });
  if (!stdout.includes(`\n${mark} end=ok`)) {
    throw new DebugtapError("DT_PROGRAM_MISSING", "the host cannot be looked at closer", {
      why: `the script ended with ${code ?? "a signal"} before its end; it needs sh, awk, grep and sed there`,
      fix: "sudo apt-get install coreutils gawk grep sed   # on the host",
    });
  }
  const skew = there - (sent + came) / 2;
  // `date` without %N says whole seconds.
  return parseDetails(stdout, mark, { skew, skewError: (came - sent) / 2 + (/\.\d/.test(clock.stdout) ? 0 : 1) });
}

export function parseDetails(output: string, mark: string, clock: Pick<Details, "skew" | "skewError">): Details {
  const parts = output
    .split(`\n${mark} `)
    .slice(1)
    .map((part) => {
      const at = part.indexOf("=");
      return { key: part.slice(0, at), text: part.slice(at + 1).replace(/\n$/, "") };
    });
  const all = (key: string): string[] => parts.filter((part) => part.key === key).map(({ text }) => text);
  const [uid = "", sees] = (all("me")[0] ?? "").trim().split(" ");
  const processes = new Map<number, ProcessDetails>();
  const folders: { -readonly [K in keyof InjectFolder]: InjectFolder[K] }[] = [];
  const [namespace, boot, link] = /^(\S+) (pid:\[\d+\])$/.exec(all("namespace")[0] ?? "") ?? [];
  let pid = 0;
  for (const { key, text } of parts) {
    if (key === "pid") {
      pid = Number(text);
      processes.set(pid, {});
    } else if (key === "env") {
      processes.set(pid, { env: Object.fromEntries(lines(text).map(pair)) });
    } else if (key === "folder") {
      const [head = "", ...rest] = lines(text);
      folders.push({ path: head.slice(2), hasManifest: head.startsWith("m"), services: servicesIn(rest), ...unused });
    } else if (key === "state") {
      const [head = "", ...rest] = text.split("\n");
      const [service = "", number = "", shows, ...where] = head.split(" ");
      const folder = folders.at(-1);
      const its = where.join(" ");
      if (folder === undefined || service === "") continue;
      if (its === "" || its === namespace) {
        if (shows === "+") folder.states = [...folder.states, { service, pid: Number(number), text: rest.join("\n") }];
        else folder.gone++;
      } else if (boot === undefined || where[0] === boot)
        folder.elsewhere = [...folder.elsewhere, { pid: Number(number), namespace: its }];
    }
  }
  const sshd = /^(\d+) (\d+) (\/.+)$/.exec(all("sshd")[0] ?? "");
  return {
    ...clock,
    uid: Number(uid),
    seesAll: sees !== "hidden",
    processes,
    sockets: socketsOf(all("net")[0] ?? "", all("fds")[0] ?? ""),
    names: new Map(all("name").map((text) => [Number.parseInt(text, 10), text.replace(/^\d+ /, "").trim()])),
    files: all("file").flatMap((text) => fileOf(text)),
    interpreters: new Map(all("ask").map((text) => [text.split("\n", 1)[0] ?? "", interpreterOf(text)])),
    folders,
    isOutermost: link === outermost,
    inner: lines(all("inner")[0] ?? "").map((row) => innerOf(row, boot)),
    units: all("unit").flatMap((text) => unitOf(text)),
    ...(sshd === null ? {} : { sshd: { pid: Number(sshd[1]), own: sshd[2] === uid, file: sshd[3] ?? "" } }),
    leftSshd: all("left").map(Number),
  };
}

const unused = { states: [], elsewhere: [], gone: 0 };

function innerOf(row: string, boot = ""): InnerProcess {
  const [pid, innerPid, namespace = ""] = row.split(" ");
  return {
    pid: Number(pid),
    innerPid: Number(innerPid),
    ...(namespace === "" ? {} : { namespace: `${boot} ${namespace}` }),
  };
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

function pair(line: string): [string, string] {
  const at = line.indexOf("=");
  return [line.slice(0, at), line.slice(at + 1)];
}

/** Of `services NAME` lines. */
function servicesIn(rows: readonly string[]): string[] {
  return rows.flatMap((row) => (row.startsWith("services ") ? row.slice("services ".length) : []));
}

function socketsOf(rows: string, holders: string): Socket[] {
  const pids = new Map<string, number>();
  // The oldest of those that share it: a fork has what its parent had.
  for (const [inode = "", pid = ""] of lines(holders).map((line) => line.split(" ")))
    pids.set(inode, Math.min(Number(pid), pids.get(inode) ?? Infinity));
  return lines(rows).flatMap((row) => {
    const [state = "", local = "", remote = "", uid = "", inode = ""] = row.split(" ");
    const pid = pids.get(inode);
    if (inode === "") return [];
    return [
      {
        state: state === "0A" ? ("listen" as const) : ("established" as const),
        address: addressOf(local).address,
        local: addressOf(local).port,
        remote: addressOf(remote).port,
        uid: Number(uid),
        ...(pid === undefined ? {} : { pid }),
      },
    ];
  });
}

function fileOf(text: string): SettingsFile[] {
  const [head = "", ...rows] = lines(text);
  const settings = rows.flatMap((row) => {
    const [line = "", section = "", key = "", value = ""] = row.split("\t");
    return key === ""
      ? []
      : [{ line: Number(line), section, key, value: value.trim().replace(/^(["'])(.*)\1$/, "$2") }];
  });
  return head.length < 3
    ? []
    : [{ path: head.slice(2), readable: !head.startsWith("-"), writable: head.startsWith("w"), settings }];
}

function interpreterOf(text: string): InterpreterDetails {
  const told = parseJson(Buffer.from(lines(text).at(-1) ?? ""));
  const packages = member(told, "packages");
  const venv = member(told, "venv");
  const entries = isObject(packages) ? Object.entries(packages) : [];
  return {
    packages: Object.fromEntries(entries.map(([name, value]): [string, Package] => [name, packageOf(value)])),
    ...(typeof venv === "string" && venv !== "" ? { venv } : {}),
    lendable: elements(told, "lendable").map(String),
  };
}

function packageOf(value: unknown): Package {
  const [version, origin] = [member(value, "version"), member(value, "origin")];
  return { version: typeof version === "string" ? version : "", origin: typeof origin === "string" ? origin : "" };
}

function unitOf(text: string): UnitDetails[] {
  const of = (key: string): string => new RegExp(`^${key}=(.*)$`, "m").exec(text)?.[1] ?? "";
  const watchdog = microseconds(of("WatchdogUSec"));
  const known = of("Id");
  return known === ""
    ? []
    : [{ id: known, activeState: of("ActiveState"), ...(watchdog === undefined ? {} : { watchdog }) }];
}

/** systemd says `30s`, `1min 30s`, `500ms`, `0`, `infinity`, or plain microseconds. */
export function microseconds(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text);
  const units: Readonly<Record<string, number>> = { us: 1, ms: 1e3, s: 1e6, min: 60e6, h: 3600e6, d: 86_400e6 };
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(us|ms|s|min|h|d)\b/g)];
  if (parts.length === 0) return undefined;
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ""] ?? 0), 0);
}
