// Command lines without their secrets: passwords, and the tokens of debugpy's adapter and of what joins it.
//
// Rules
// - They are masked as in a trace, by the same rules, before anything is concluded from them: so none is printed, and none gets into a file.
// - The key is that of one run: nothing is written for it, and markers of two runs are not the same.
// - A configuration that keeps secrets means its traces; here they are masked all the same, by the rules that hold without a configuration.
import { randomBytes } from "node:crypto";
import { redactWords } from "../../protocol/redact-json.ts";
import { defaultSecretRules, Redactor, type SecretRules } from "../../protocol/redact.ts";
import { digitsBy } from "../trace/secret-key.ts";
import type { Survey } from "../transport/survey.ts";

/** `record.secrets`; undefined: there is no configuration. */
type Rules = SecretRules | "keep" | undefined;

const key = randomBytes(32);

export function maskedSurvey(survey: Survey, rules: Rules): Survey {
  const redactor = redactorFor(rules);
  const processes = survey.processes.map((process) => ({ ...process, argv: redactWords(process.argv, redactor) }));
  return { ...survey, processes };
}

export function maskedCommandLine(argv: readonly string[], rules: Rules): string[] {
  return redactWords(argv, redactorFor(rules));
}

function redactorFor(rules: Rules): Redactor {
  return new Redactor(rules === undefined || rules === "keep" ? defaultSecretRules : rules, digitsBy(key));
}
