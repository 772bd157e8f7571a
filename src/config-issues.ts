// What the schema found wrong, in sentences: which key, where, and what was probably meant.
import type { z } from "zod";
import { configSchema } from "./config-schema.ts";
import type { ConfigSource, Path, Problem } from "./config-source.ts";
import { suggest } from "./suggest.ts";

/** The problems of one issue of zod; `above` is the path of what the issue's own path starts from, `keys` says which keys a map may have. */
export function describeIssue(
  issue: z.core.$ZodIssue,
  above: Path,
  source: ConfigSource,
  keys: (path: Path) => string[] = keysAt,
): Problem[] {
  const path = [...above, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    const known = keys(path);
    return issue.keys.map((key) => {
      const meant = suggest(key, known);
      const offset = source.offsetOfKey([...path, key]);
      const hint = meant === undefined ? `; known are ${known.join(", ")}` : `, did you mean \`${meant}\`?`;
      return {
        offset,
        text: `unknown key \`${key}\`${hint}`,
        fix: meant === undefined ? `remove \`${key}\`` : `rename \`${key}\` to \`${meant}\``,
      };
    });
  }
  if (issue.code === "invalid_key") {
    const text = issue.issues[0]?.message ?? issue.message;
    return [{ offset: source.offsetOfKey(path), text: `\`${String(path.at(-1))}\` is no name: ${text}` }];
  }
  if (issue.code === "invalid_union") {
    // The branch that got furthest into the value is the one that was meant.
    const branch = issue.errors.find((branch) =>
      branch.every((inner) => inner.path.length > 0 || inner.code === "unrecognized_keys"),
    );
    if (branch !== undefined) return branch.flatMap((inner) => describeIssue(inner, path, source, keys));
  }
  const value = valueAt(source.value, path);
  const key = String(path.at(-1) ?? "");
  const offset = source.offsetOf(path);
  if (value === undefined && path.length > 0) return [{ offset, text: `\`${key}\` is missing: ${issue.message}` }];
  const meant = typeof value === "string" ? suggest(value, optionsOf(issue, key)) : undefined;
  return meant === undefined
    ? [{ offset, text: issue.message }]
    : [{ offset, text: `${issue.message}; did you mean \`${meant}\`?`, fix: `${key}: ${meant}` }];
}

function optionsOf(issue: z.core.$ZodIssue, key: string): string[] {
  if (issue.code === "invalid_value") return issue.values.map(String);
  return key === "hold" ? ["forever", "never"] : [];
}

function valueAt(value: unknown, path: Path): unknown {
  let here: unknown = value;
  for (const step of path) {
    if (typeof here !== "object" || here === null) return undefined;
    here = Reflect.get(here, step);
  }
  return here;
}

/** The keys that the schema knows for the map at `path`. */
function keysAt(path: Path): string[] {
  const { hosts, services, record, clients } = configSchema.shape;
  const host = hosts.unwrap().valueType;
  const service = services.valueType;
  const [section, , key] = path;
  if (path.length === 0) return Object.keys(configSchema.shape);
  if (key === "source") return ["local", "remote"];
  if (section === "hosts") return Object.keys(host.shape);
  if (section === "services") return Object.keys(key === "match" ? service.shape.match.unwrap().shape : service.shape);
  return Object.keys((section === "clients" ? clients : record).unwrap().shape);
}
