// Writes README's table of error codes from protocol/errors.ts; with --check it only says whether the table is current.
import { readFileSync, writeFileSync } from "node:fs";
import { errorTable } from "../dist/protocol/errors.js";

const file = new URL("../README.md", import.meta.url);
const text = readFileSync(file, "utf8");
const rows = Object.entries(errorTable).map(([code, { exit, meaning }]) => `| \`${code}\` | ${exit} | ${meaning} |`);
const table = ["| code | exit | meaning |", "| --- | --- | --- |", ...rows].join("\n");
const wanted = text.replace(/(<!-- errors -->\n)[^]*?(?=\n## )/, (_, mark) => `${mark}\n${table}\n`);

if (process.argv.includes("--check")) {
  if (wanted !== text) process.stderr.write("README's table of error codes is stale\n  fix: node script/readme.mjs\n");
  process.exit(wanted === text ? 0 : 1);
}
writeFileSync(file, wanted);
