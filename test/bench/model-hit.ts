// Hits like those of an OpenStack service: 2 to 3 KB each, ids and addresses of their own, four hits a request.
import type { Hit, SnapshotVariable } from "../../protocol/hit.ts";

export const services = ["cinder-api", "cinder-scheduler", "cinder-volume"];

/** The same for the same numbers. */
export function uuid(number: number, kind: number): string {
  let state = (number * 2_654_435_761 + kind * 40_503) >>> 0;
  const digits = Array.from({ length: 4 }, () => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 3_266_489_917) >>> 0;
    return state.toString(16).padStart(8, "0");
  }).join("");
  return [0, 8, 12, 16, 20].map((from, i) => digits.slice(from, [8, 12, 16, 20, 32][i])).join("-");
}

/** The `number`th of the trace, the `ordinal`th of its session. `run`: the same hit with other ids and addresses. */
export function modelHit(number: number, service: number, ordinal: number, at: number, run: number): Hit {
  const id = (number: number, kind: number): string => uuid(number, kind + run * 10);
  const request = `req-${id(Math.floor(number / 4), 1)}`;
  const [project, user, volume] = [id(number % 50, 2), id(number % 200, 4), id(number, 3)];
  const size = (number % 100) + (number % 100 === 7 ? run : 0);
  const address = (n: number): string =>
    `0x7f${((number * 64 + n * 16 + run * 0x10_0000) >>> 0).toString(16).padStart(10, "0")}`;
  const text = (name: string, value: string): SnapshotVariable => ({ name, type: "str", value: `'${value}'` });
  const context: SnapshotVariable = {
    name: "context",
    type: "RequestContext",
    value: `<cinder.context.RequestContext object at ${address(1)}>`,
    children: [
      text("request_id", request),
      text("project_id", project),
      text("user_id", user),
      text("auth_token", "***"),
      text("remote_address", `192.168.${number % 256}.${(number >> 8) % 256}`),
      { name: "is_admin", type: "bool", value: number % 7 === 0 ? "True" : "False" },
      {
        name: "roles",
        type: "list",
        value: "['member', 'reader']",
        children: [text("0", "member"), text("1", "reader")],
      },
      text("timestamp", new Date(at).toISOString()),
    ],
  };
  const body: SnapshotVariable = {
    name: "volume",
    type: "dict",
    value: `{'id': '${volume}', 'size': ${size}, 'status': 'creating', 'availability_zone': 'nova'}`,
    children: [
      text("'id'", volume),
      { name: "'size'", type: "int", value: `${size}` },
      text("'status'", "creating"),
      text("'availability_zone'", "nova"),
      text("'display_name'", `vol-${number}`),
    ],
  };
  const self: SnapshotVariable = {
    name: "self",
    type: "VolumeController",
    value: `<cinder.api.v3.volumes.VolumeController object at ${address(2)}>`,
    children: [
      { name: "volume_api", type: "API", value: `<cinder.volume.api.API object at ${address(3)}>` },
      {
        name: "_view_builder",
        type: "ViewBuilder",
        value: `<cinder.api.v3.views.volumes.ViewBuilder at ${address(4)}>`,
      },
    ],
  };
  const frame = (name: string, path: string, line: number) => ({
    name,
    path: `/opt/stack/cinder/cinder/${path}`,
    line,
  });
  const variables = [
    self,
    context,
    body,
    { name: "req", type: "Request", value: `<Request at ${address(5)} POST /v3/volumes>` },
  ];
  return {
    number: ordinal,
    session: `${services[service]}#1`,
    service: services[service] ?? "",
    at,
    thread: { id: number % 8, name: `Thread-${number % 8}` },
    reason: "breakpoint",
    correlated: { "context.request_id": request },
    snapshot: {
      frames: [
        { ...frame("create", "api/v3/volumes.py", 200 + (number % 20)), scopes: [{ name: "Locals", variables }] },
        frame("wrapped", "api/microversions.py", 320),
        frame("dispatch", "api/openstack/wsgi.py", 829),
        frame("_process_stack", "api/openstack/wsgi.py", 744),
        frame("__call__", "api/openstack/wsgi.py", 635),
      ],
      took: 40 + (number % 10),
      cut: { by: "frames", of: 45 },
    },
  };
}
