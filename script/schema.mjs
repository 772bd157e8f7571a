// Writes debugtap.schema.json from the schema in the code, for editors: run it after `npm run build`.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { configJsonSchema } from "../dist/src/config-schema.js";

const file = fileURLToPath(new URL("../debugtap.schema.json", import.meta.url));
writeFileSync(file, `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
execFileSync("npx", ["--no-install", "oxfmt", file], { stdio: ["ignore", "ignore", "inherit"] });
