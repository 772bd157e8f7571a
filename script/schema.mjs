// Writes debugtap.schema.json from the schema in the code, for editors: run it after `npm run build`.
import { writeFileSync } from "node:fs";
import { configJsonSchema } from "../dist/src/config-schema.js";

const file = new URL("../debugtap.schema.json", import.meta.url);
writeFileSync(file, `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
