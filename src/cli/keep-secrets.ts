// --keep-secrets of the verbs that record: the trace then has every password and token as it is.
import { Option } from "commander";
import type { Config } from "../config.ts";

export interface SecretFlags {
  readonly keepSecrets?: true;
}

export function keepSecretsOption(): Option {
  return new Option("--keep-secrets", "record passwords, tokens and keys as they are; without it they are masked");
}

export function withSecrets<C extends Omit<Config, "file">>(config: C, { keepSecrets }: SecretFlags): C {
  return keepSecrets === true ? { ...config, record: { ...config.record, secrets: "keep" } } : config;
}
