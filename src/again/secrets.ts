// The secrets that a trace does not have, from the environment.
//
// Rules
// - They are taken out of the environment: what is started from here on does not inherit them.
// - In the new trace they are masked as ever, and by the names that they had in the old one.
import { DebugtapError } from "../../protocol/errors.ts";
import type { MaskedWord } from "../../protocol/masked-words.ts";
import { defaultSecretRules, type SecretRules } from "../../protocol/redact.ts";
import { shellQuote } from "../../protocol/shell.ts";

/** By marker. `again`: the command line that is to be given them. Throws DT_SECRET_NEEDED. */
export function takeSecrets(
  needed: readonly MaskedWord[],
  environment: NodeJS.ProcessEnv,
  again: string,
): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  const missing = needed.filter(({ marker, variable }) => {
    const value = environment[variable] ?? "";
    values.set(marker, value);
    return value === "";
  });
  if (missing.length > 0)
    throw new DebugtapError(
      "DT_SECRET_NEEDED",
      `${missing.length === 1 ? "a secret is" : `${missing.length} secrets are`} not in the trace`,
      {
        why: missing.map(({ marker, variable, name }) => `${name ?? "the one"} ${marker} is ${variable}`).join("; "),
        fix: `${withVariables(missing)}${again}`,
      },
    );
  for (const { variable } of needed) delete environment[variable];
  return values;
}

/** `DEBUGTAP_SECRET_X=… `, for a line to paste. */
export function withVariables(needed: readonly MaskedWord[]): string {
  return needed.map(({ variable }) => `${shellQuote(variable)}=… `).join("");
}

/** What masks them in the new trace, whatever its configuration says. */
export function rulesFor(needed: readonly MaskedWord[], rules: SecretRules | "keep"): SecretRules | "keep" {
  if (needed.length === 0) return rules;
  const base = rules === "keep" ? defaultSecretRules : rules;
  return { ...base, names: [...base.names, ...needed.flatMap(({ name }) => name ?? [])] };
}
