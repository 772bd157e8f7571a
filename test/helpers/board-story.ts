// What a board has to show, made up: three services on a VM, requests that go through all of them, one that stands.
import type { ApiView, HitRowView, HttpView, MessageView, TraceInfo, TraceSessionView } from "../../protocol/api.ts";
import type { SessionView } from "../../protocol/control.ts";
import type { Hit, SnapshotFrame, SnapshotVariable } from "../../protocol/hit.ts";

export interface StoryTrace {
  info: TraceInfo;
  rows: HitRowView[];
  hitOf: (row: HitRowView) => Hit;
  https: HttpView[];
  sessions: TraceSessionView[];
  /** How many messages each session has, and what the nth (from 1) is. */
  messages: { count: number; of: (ordinal: number) => MessageView };
  sources: Map<string, string>;
}

export const services = ["cinder-api", "cinder-scheduler", "cinder-volume"] as const;

const files: Readonly<Record<string, { path: string; fn: string; line: number; hash: string }>> = {
  "cinder-api": { path: "/opt/stack/cinder/api/v3/volumes.py", fn: "create", line: 12, hash: "a".repeat(64) },
  "cinder-scheduler": {
    path: "/opt/stack/cinder/scheduler/manager.py",
    fn: "create_volume",
    line: 9,
    hash: "b".repeat(64),
  },
  "cinder-volume": { path: "/opt/stack/cinder/volume/manager.py", fn: "create_volume", line: 14, hash: "c".repeat(64) },
};

const source = (fn: string): string =>
  `# Copyright\nimport logging\n\nLOG = logging.getLogger(__name__)\n\n\nclass Manager:\n    """Takes requests."""\n    def ${fn}(self, context, volume):\n        size = volume["size"]\n        if size > 10 and not context.is_admin:\n            LOG.error("create volume %s", volume["name"])\n            raise ValueError(f"too large: {size}")\n        result = self.driver.${fn}(volume)\n        return result\n\n    def delete(self, context, volume_id):\n        # nothing is kept\n        return self.driver.delete(volume_id)\n`;

export function sessionView(name: string, more: Partial<SessionView> = {}): SessionView {
  const [service = "", ordinal = "1"] = name.split("#");
  return {
    id: services.findIndex((other) => other === service) + 1,
    service,
    ordinal: Number(ordinal),
    name,
    wire: "pydevd",
    debuggee: "devstack:40122",
    client: "127.0.0.1:5711",
    state: "open",
    since: Date.now() - 60_000,
    mode: "cut-through",
    bytes: { client: 48_211, debuggee: 1_204_331 },
    frames: { client: 310, debuggee: 1244 },
    ...more,
  };
}

export function boardView(more: Partial<ApiView> = {}): ApiView {
  const now = Date.now();
  return {
    pid: 4242,
    started: now - 600_000,
    version: "0.1.0",
    recording: true,
    config: "/home/ada/src/openstack/debugtap.yml",
    trace: "/home/ada/.local/state/debugtap/traces/20261129-101500",
    hosts: [{ name: "devstack", target: "stack@192.168.56.101", state: "up", since: now - 600_000, rtt: 0.8 }],
    services: services.map((name, at) => ({
      name,
      wire: at === 2 ? ("dap" as const) : ("pydevd" as const),
      host: "devstack",
      state: "listening" as const,
      since: now - 600_000,
      ide: `127.0.0.1:${5711 + at}`,
      vm: `127.0.0.1:${5678 + at}`,
      sessions: 1,
    })),
    sessions: [
      sessionView("cinder-api#1", {
        process: "pid 4711 cinder-api (devstack@c-api)",
        clients: [{ id: 1, name: "PyCharm", drives: true }],
      }),
      sessionView("cinder-scheduler#1", {
        process: "pid 4720 cinder-scheduler (devstack@c-sch)",
        state: "held",
        reason: "no IDE listens on 127.0.0.1:5712",
      }),
      sessionView("cinder-volume#2", {
        wire: "dap",
        process: "pid 4733 cinder-volume (devstack@c-vol)",
        clients: [
          { id: 1, name: "VS Code", drives: true },
          { id: 2, name: "Neovim", drives: false },
        ],
        stopped: { threads: 1, since: now - 127_000 },
      }),
    ],
    triggers: [
      { name: "cinder", host: "devstack", to: "127.0.0.1:8776", listen: "127.0.0.1:5780", state: "listening", open: 1 },
    ],
    ...more,
  };
}

/** `requests` ways through the three services, one a second, the last one standing in cinder-volume. */
export function storyTrace(
  id: string,
  requests: number,
  { live = true, begin = Date.now() - requests * 1000 } = {},
): StoryTrace {
  const rows: HitRowView[] = [];
  const https: HttpView[] = [];
  for (let nth = 0; nth < requests; nth++) {
    const request = `req-${(0x5f1c0000 + nth).toString(16)}-4a1e`;
    const at = begin + nth * 1000;
    const last = nth === requests - 1;
    const numbers: number[] = [];
    for (const [place, service] of services.entries()) {
      const { path, fn, line } = files[service] ?? { path: "", fn: "", line: 1 };
      const number = rows.length + 1;
      numbers.push(number);
      const start = at + 40 + place * 260;
      const session = place === 2 ? `${service}#2` : `${service}#1`;
      rows.push({
        number,
        name: `${session}:${nth + 1}`,
        session,
        service,
        at: start,
        thread: "MainThread",
        reason: "breakpoint",
        ...(last && place === 2 ? {} : { end: start + 120 + ((nth * 7) % 90) }),
        function: fn,
        file: path,
        line,
        request,
      });
    }
    https.push({
      id: nth + 1,
      through: "cinder",
      method: "POST",
      path: "/v3/volumes",
      status: last ? 0 : 202,
      at,
      ...(last ? {} : { end: at + 760 }),
      request,
      hits: numbers,
      again: true,
    });
  }
  return {
    info: {
      id,
      dir: `/home/ada/.local/state/debugtap/traces/${id}`,
      started: begin,
      live,
      hits: rows.length,
      sessions: 3,
      bytes: 4_200_000,
    },
    rows,
    hitOf: (row) => hitOf(row),
    https,
    sessions: services.map((service, at) => ({
      name: at === 2 ? `${service}#2` : `${service}#1`,
      service,
      wire: at === 2 ? ("dap" as const) : ("pydevd" as const),
      first: begin,
      last: begin + requests * 1000,
      messages: 900 + at,
      hits: requests,
    })),
    messages: {
      count: 900,
      of: (ordinal) => {
        const side = ordinal % 3 === 0 ? "client" : "debuggee";
        const summary =
          side === "client" ? `setBreakpoints manager.py:${ordinal}` : `stopped breakpoint thread ${ordinal % 7}`;
        return {
          ordinal,
          at: begin + ordinal * 11,
          side,
          size: 120 + ordinal,
          summary,
          detail: { seq: ordinal, type: side === "client" ? "request" : "event" },
        };
      },
    },
    sources: new Map(Object.values(files).map(({ fn, hash }) => [hash, source(fn)])),
  };
}

export function variable(name: string, value: string, more: Partial<SnapshotVariable> = {}): SnapshotVariable {
  return { name, value, ...more };
}

export function hitOf(row: HitRowView, frames?: readonly SnapshotFrame[]): Hit {
  const { path = "", fn = "", line = 1, hash = "" } = files[row.service] ?? {};
  const size = String(10 + (row.number % 5));
  const volume = variable("volume", `{'id': 'vol-7c31', 'size': ${size}, 'name': 'data', 'host': 'devstack@lvm'}`, {
    type: "dict",
    children: [
      variable("'id'", "'vol-7c31'", { type: "str" }),
      variable("'size'", size, { type: "int" }),
      variable("'name'", "'data'", { type: "str" }),
      variable("'host'", "'devstack@lvm'", { type: "str" }),
    ],
  });
  const context = variable("context", "<RequestContext object at 0x7f3c21a0>", {
    type: "RequestContext",
    children: [
      variable("request_id", `'${row.request ?? "req-0"}'`, { type: "str" }),
      variable("project_id", "'8f2ad1c0'", { type: "str" }),
      variable("is_admin", "True", { type: "bool" }),
      variable("roles", "['admin', 'member']", {
        type: "list",
        children: [variable("0", "'admin'"), variable("1", "'member'")],
        cut: { by: "items", of: 312 },
      }),
    ],
  });
  return {
    number: Number(row.name.split(":").at(-1)),
    session: row.session,
    service: row.service,
    at: row.at,
    thread: { id: 1, name: row.thread },
    reason: row.reason,
    snapshot: {
      took: 14,
      frames: frames ?? [
        {
          name: fn,
          path,
          line,
          source: hash,
          scopes: [
            {
              name: "Locals",
              variables: [
                variable("self", "<Manager object at 0x7f3c2010>", { type: "Manager", children: [] }),
                context,
                volume,
                variable("size", size, { type: "int" }),
              ],
            },
            {
              name: "Globals",
              variables: [variable("LOG", "<Logger cinder (INFO)>", { type: "Logger" })],
              cut: { by: "items", of: 81 },
            },
          ],
        },
        {
          name: "_dispatch",
          path: "/usr/lib/python3/dist-packages/oslo_messaging/rpc/server.py",
          line: 165,
          noSource: "it is larger than is kept",
          scopes: [{ name: "Locals", variables: [variable("args", "{}")] }],
        },
        { name: "main", path: `/usr/bin/${row.service}`, line: 10 },
      ],
      cut: { by: "frames", of: 41 },
    },
  };
}
