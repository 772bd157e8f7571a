// What a process's cgroup says about it: the systemd unit that started it, the container that it runs in.
//
//   0::/system.slice/system-devstack.slice/devstack@c-api.service          v2: one line
//   1:name=systemd:/user.slice/user-1000.slice/user@1000.service/…         v1: a line for each controller
//   0::/system.slice/docker-<64 hex>.scope   /docker/<64 hex>   libpod-<id>.scope   lxc.payload.NAME/…   cri-containerd-<id>.scope
//
// Rules
// - A user's units and those in a container stand deepest in the path: the last unit is the service.
// - A scope is no unit here, nor is a user's manager (user@1000.service): they say nothing of what runs in them.

export interface CgroupFacts {
  /** The path that says most. */
  readonly cgroup?: string;
  /** `devstack@c-api.service` */
  readonly unit?: string;
  /** `docker 1a2b…`, with the runtime when the path tells it, and the whole id. */
  readonly container?: string;
}

const runtimes: Readonly<Record<string, string>> = {
  docker: "docker",
  libpod: "podman",
  "cri-containerd": "containerd",
  crio: "cri-o",
};

/** The text of /proc/PID/cgroup. */
export function parseCgroup(text: string): CgroupFacts {
  const lines = [...text.matchAll(/^\d+:([^:]*):(\/.*)$/gm)].map(([, controllers = "", path = ""]) => ({
    controllers,
    path,
  }));
  // The hierarchies that systemd keeps come first; a controller's own may still tell the container.
  const paths = [
    ...lines.filter(({ controllers }) => controllers === "" || controllers === "name=systemd"),
    ...lines.filter(({ controllers }) => controllers !== "" && controllers !== "name=systemd"),
  ].map(({ path }) => path);
  const cgroup = paths.find((path) => path !== "/") ?? paths[0];
  const unit = firstOf(paths, unitOf);
  const container = firstOf(paths, containerOf);
  return {
    ...(cgroup === undefined ? {} : { cgroup }),
    ...(unit === undefined ? {} : { unit }),
    ...(container === undefined ? {} : { container }),
  };
}

function unitOf(path: string): string | undefined {
  return path.split("/").findLast((part) => part.endsWith(".service") && !/^user@\d+\.service$/.test(part));
}

function containerOf(path: string): string | undefined {
  const scope = /\/(docker|libpod|cri-containerd|crio)-([0-9a-f]{12,64})(?:\.scope)?(?:\/|$)/.exec(path);
  if (scope !== null) return `${runtimes[scope[1] ?? ""] ?? ""} ${scope[2] ?? ""}`;
  const lxc = /\/lxc(?:\.payload\.|\/)([^/]+)/.exec(path);
  if (lxc !== null) return `lxc ${lxc[1] ?? ""}`;
  const bare = /\/(docker|[^/]*)\/([0-9a-f]{64})(?:\/|$)/.exec(path);
  if (bare === null) return undefined;
  return bare[1] === "docker" ? `docker ${bare[2] ?? ""}` : bare[2];
}

function firstOf<T>(paths: readonly string[], find: (path: string) => T | undefined): T | undefined {
  for (const path of paths) {
    const found = find(path);
    if (found !== undefined) return found;
  }
  return undefined;
}
