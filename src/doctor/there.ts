// Looks at one host: connects, tries the forwards, runs two scripts, compares sources. Nothing is changed there.
//
// Rules
// - No debug port is connected to: a debugger takes whoever connects for its client. Forwards are tried to a port where nobody listens.
// - A port that a service dials is opened for a moment to see whether sshd allows it, unless somebody listens there.
import type { HostConfig, ServiceConfig } from "../config.ts";
import { asDebugtapError, DebugtapError } from "../../protocol/errors.ts";
import { sshTo, tunnelTo } from "../reach.ts";
import { HostRecords, defaultStateDir, type LeftRecord } from "../transport/host-records.ts";
import { runLocal } from "../transport/local-exec.ts";
import type { Run } from "../transport/process-lookup.ts";
import { localFiles, type RemoteFiles } from "../transport/remote-files.ts";
import type { Prompt } from "../transport/ssh-auth.ts";
import { resolveSshTarget, sshLine } from "../transport/ssh-config.ts";
import { openTunnel } from "../transport/ssh-tunnel.ts";
import { surveyHost, type Survey } from "../transport/survey.ts";
import type { Tunnel } from "../transport/tunnel.ts";
import { lookCloser } from "./details.ts";
import type { Details, FactsThere, PortTrial, SourceLook } from "./facts.ts";
import { interpreterKey } from "./running.ts";
import { settingsFilesOf } from "./settings.ts";
import { lookAtSource } from "./sources.ts";

export interface Wanted {
  readonly host: HostConfig;
  readonly services: readonly ServiceConfig[];
}

export interface LookOptions {
  readonly prompt?: Prompt;
  /** Progress. */
  readonly say: (text: string) => void;
}

/** Never rejects: what went wrong is a fact. */
export async function lookThere({ host, services }: Wanted, { prompt, say }: LookOptions): Promise<FactsThere> {
  const base = { host, services, trials: [], sources: [], left: [] };
  const target = tunnelTo(host);
  if (target === undefined)
    return { ...base, ssh: "", ...(await lookInside({ host, services }, runLocal, localFiles, [], say)) };
  let ssh = sshTo(host);
  const keys: string[] = [];
  let tunnel: Tunnel;
  try {
    say(`connecting to ${target.destination}`);
    ssh = sshLine(await resolveSshTarget(target), "").trim();
    const authenticated = (by: string): void => void keys.push(by);
    tunnel = await openTunnel(target, { authenticated, ...(prompt === undefined ? {} : { prompt }) });
  } catch (error) {
    return { ...base, ssh, linkError: asDebugtapError(error) };
  }
  try {
    const { left } = await new HostRecords(defaultStateDir(), target).find();
    const run: Run = async (command, how) => await tunnel.exec(command, how);
    const inside = await lookInside({ host, services }, run, tunnel.files, left, say);
    const trials = await tryForwards(services, tunnel, inside.survey?.ports);
    const user = tunnel.facts.user ?? "somebody";
    return {
      ...base,
      ssh,
      left,
      login: `login as ${user}${keys[0] === undefined ? "" : ` by ${keys[0]}`}`,
      trials,
      ...inside,
    };
  } catch (error) {
    return { ...base, ssh, linkError: asDebugtapError(error) };
  } finally {
    await tunnel.close();
  }
}

interface Inside {
  readonly survey?: Survey;
  readonly details?: Details;
  readonly lookError?: DebugtapError;
  readonly sources: readonly SourceLook[];
}

async function lookInside(
  { host, services }: Wanted,
  run: Run,
  files: RemoteFiles,
  left: readonly LeftRecord[],
  say: (text: string) => void,
): Promise<Inside> {
  try {
    say(`looking at what runs on ${host.ssh ?? "this machine"}`);
    const survey = await surveyHost(run);
    const { processes } = survey;
    const units = [
      ...processes.flatMap(({ unit, ofUser }) => (unit === undefined ? [] : ofUser ? `user:${unit}` : unit)),
      ...services.flatMap(({ run: how }) => (how?.kind === "unit" ? (how.user ? `user:${how.unit}` : how.unit) : [])),
    ];
    const details = await lookCloser(run, {
      pids: processes.map(({ pid }) => pid),
      files: [...new Set(processes.flatMap(settingsFilesOf))],
      interpreters: [
        ...new Set(processes.filter(({ interpreter }) => interpreter?.version !== undefined).map(interpreterKey)),
      ],
      units: [...new Set(units)],
      left: left.map(({ sshdPid, sshdStart }) => `${sshdPid} ${sshdStart}`),
    });
    const sources: SourceLook[] = [];
    for (const pair of pairsOf(host, services)) {
      say(`comparing ${pair.local} with ${pair.remote}`);
      sources.push(await lookAtSource(run, host, files, pair));
    }
    return { survey, details, sources };
  } catch (error) {
    return { lookError: asDebugtapError(error), sources: [] };
  }
}

function pairsOf(host: HostConfig, services: readonly ServiceConfig[]) {
  const all = [...host.source, ...services.flatMap(({ source }) => source)];
  return all.filter(
    (pair, index) => all.findIndex(({ local, remote }) => local === pair.local && remote === pair.remote) === index,
  );
}

const dialTimeoutMs = 5000;
/** A port where nobody listens: sshd's answer tells a refused connection from a forbidden one. */
const nobodysPort = 1;

/** `ports` are those that somebody listens on there; undefined: not known, so that none is opened. */
async function tryForwards(
  services: readonly ServiceConfig[],
  tunnel: Tunnel,
  ports: readonly number[] | undefined,
): Promise<PortTrial[]> {
  const of = { name: undefined, address: "127.0.0.1" };
  const wanted =
    services.length === 0
      ? [
          { ...of, dials: 0, listens: undefined },
          { ...of, dials: undefined, listens: nobodysPort },
        ]
      : services;
  const out = await tunnel
    .dial({ host: "127.0.0.1", port: nobodysPort })(AbortSignal.timeout(dialTimeoutMs))
    .then((stream) => void stream.destroy(), asDebugtapError);
  const trials: PortTrial[] = [];
  for (const { name, address, dials, listens } of wanted) {
    const whose = name === undefined ? {} : { of: name };
    if (listens !== undefined) {
      const outcome = out?.code === "DT_FORWARD_DENIED" ? out : ("allowed" as const);
      trials.push({ port: listens, ...whose, direction: "out", outcome });
    } else if (dials !== undefined && ports?.includes(dials) === false) {
      const outcome = await tunnel
        .listen({ host: address, port: dials })((stream) => stream.destroy())
        .then(async (listener) => await listener.close())
        .then(() => "allowed" as const, asDebugtapError);
      trials.push({ port: dials, ...whose, direction: "back", outcome });
    }
  }
  return trials;
}
