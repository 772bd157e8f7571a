import { readFileSync } from "node:fs";

/** The version of this package. */
export function version(): string {
  const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  const found: unknown = Reflect.get(Object(JSON.parse(text)), "version");
  return typeof found === "string" ? found : "unknown";
}
