// Whether a server's key is the one that known_hosts has for it. ssh2 accepts any key when nobody checks.
//
// Rules
// - The name looked up is HostKeyAlias, else the host name, as `[name]:port` when the port is not 22. As in OpenSSH, a key
//   filed under the plain name is good for another port as well, but never makes one "changed".
// - A key that is on file with another value, or another kind of key where ours were offered first, is changed: always
//   refused. `StrictHostKeyChecking accept-new` and `no` only let unknown hosts in, and write them down.
// - @revoked beats all. @cert-authority lines are passed over, because ssh2 cannot check certificates.
//
//   [@marker] name[,name…] type base64 [comment]        name: host · [host]:port · pattern with * ? ! · |1|salt|hmac-sha1
import { createHash, createHmac, randomBytes } from "node:crypto";
import { appendFile, mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { DebugtapError } from "../../protocol/errors.ts";
import { shellQuote } from "../../protocol/shell.ts";
import { matchesHost } from "./ssh-config-file.ts";
import { sshLine } from "./ssh-config.ts";
import type { SshTarget } from "./ssh-config.ts";

export interface KnownHost {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly marker: string | undefined;
  readonly names: readonly string[];
  readonly type: string;
  readonly key: string;
}

/** Lines that are no entry are passed over, as OpenSSH does. */
export function parseKnownHosts(text: string, file: string): KnownHost[] {
  return text.split("\n").flatMap((line, index) => {
    const fields = line.trim().split(/\s+/);
    const marker = fields[0]?.startsWith("@") === true ? fields.shift() : undefined;
    const [names, type, key] = fields;
    if (names === undefined || type === undefined || key === undefined || names.startsWith("#")) return [];
    return [{ file, line: index + 1, marker, names: names.split(","), type, key }];
  });
}

export function matchesName(entry: KnownHost, name: string): boolean {
  const [first] = entry.names;
  if (first?.startsWith("|1|") === true) {
    const [, , salt, hash] = first.split("|");
    return salt !== undefined && hash !== undefined && hmac(salt, name) === hash;
  }
  return matchesHost(name, entry.names);
}

const keyTypes = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"];

export class KnownHosts {
  readonly #target: SshTarget;
  readonly #entries: readonly KnownHost[];
  readonly #name: string;
  /** The plain name that OpenSSH tries second for another port. */
  readonly #plain: string | undefined;

  constructor(target: SshTarget, entries: readonly KnownHost[]) {
    this.#target = target;
    this.#entries = entries;
    const host = (target.hostKeyAlias ?? target.hostname).toLowerCase();
    const plainIsIt = target.port === 22 || target.hostKeyAlias !== undefined;
    this.#name = plainIsIt ? host : `[${host}]:${target.port}`;
    this.#plain = plainIsIt ? undefined : host;
  }

  static async load(target: SshTarget): Promise<KnownHosts> {
    const files = [...target.userKnownHostsFiles, ...target.globalKnownHostsFiles];
    const texts = await Promise.all(files.map((file) => readFile(file, "utf8").catch(() => "")));
    return new KnownHosts(
      target,
      files.flatMap((file, index) => parseKnownHosts(texts[index] ?? "", file)),
    );
  }

  /** Host key algorithms in the order to offer: the kinds on file first, or a known host would look changed. */
  algorithms(): string[] {
    const types = new Set([...this.#plainKeys(this.#name), ...this.#plainKeys(this.#plain)].map((entry) => entry.type));
    const order = [...keyTypes.filter((type) => types.has(type)), ...keyTypes.filter((type) => !types.has(type))];
    return order.flatMap((type) => (type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type]));
  }

  /** Resolves if the server may be trusted. Rejects with DT_HOSTKEY_REVOKED, DT_HOSTKEY_CHANGED or DT_HOSTKEY_UNKNOWN. */
  async verify(blob: Buffer): Promise<void> {
    const key = blob.toString("base64");
    const type = typeOf(blob);
    const revoked = this.#entries.find(
      (entry) => entry.marker === "@revoked" && entry.key === key && this.#isOurs(entry),
    );
    if (revoked !== undefined) throw this.#revoked(revoked, type, blob);
    const own = this.#plainKeys(this.#name);
    if ([...own, ...this.#plainKeys(this.#plain)].some((entry) => entry.key === key)) return;
    const [old] = [...own.filter((entry) => entry.type === type), ...own];
    if (old !== undefined) throw this.#changed(old, type, blob);
    const strict = this.#target.strictHostKeyChecking;
    if (strict === "yes" || strict === "ask") throw this.#unknown(type, blob);
    await this.#remember(type, key);
  }

  #plainKeys(name: string | undefined): KnownHost[] {
    if (name === undefined) return [];
    return this.#entries.filter((entry) => entry.marker === undefined && matchesName(entry, name));
  }

  #isOurs(entry: KnownHost): boolean {
    return matchesName(entry, this.#name) || (this.#plain !== undefined && matchesName(entry, this.#plain));
  }

  async #remember(type: string, key: string): Promise<void> {
    const [file] = this.#target.userKnownHostsFiles;
    if (file === undefined) return;
    const salt = randomBytes(20).toString("base64");
    const name = this.#target.hashKnownHosts ? `|1|${salt}|${hmac(salt, this.#name)}` : this.#name;
    try {
      const text = await readFile(file, "utf8").catch(() => "");
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await appendFile(file, `${text === "" || text.endsWith("\n") ? "" : "\n"}${name} ${type} ${key}\n`, {
        mode: 0o600,
      });
    } catch (error) {
      throw new DebugtapError("DT_HOSTKEY_UNKNOWN", `the host key of ${this.#name} cannot be written down`, {
        why: `${file}: ${error instanceof Error ? error.message : String(error)}`,
        fix: `touch ${shellQuote(file)}`,
        cause: error,
      });
    }
  }

  #unknown(type: string, blob: Buffer): DebugtapError {
    const target = this.#target;
    const [file = "~/.ssh/known_hosts"] = target.userKnownHostsFiles;
    const authority = this.#entries.find((entry) => entry.marker === "@cert-authority" && this.#isOurs(entry));
    const port = target.port === 22 ? "" : ` -p ${target.port}`;
    const scan = `ssh-keyscan${port} -t ${scanType(type)} ${shellQuote(target.hostname)} >> ${shellQuote(file)}`;
    // ssh itself asks and writes the key down, unless its settings say never to; keyscan does not know HostKeyAlias.
    const canAsk =
      target.ssh !== undefined && (target.strictHostKeyChecking === "ask" || target.hostKeyAlias !== undefined);
    return new DebugtapError("DT_HOSTKEY_UNKNOWN", `the host key of ${this.#name} is not in known_hosts`, {
      why:
        `the server showed ${type} ${fingerprint(blob)}` +
        (authority === undefined
          ? ""
          : `; ${authority.file}:${authority.line} is a @cert-authority, and debugtap cannot check host certificates`),
      fix: canAsk ? sshLine(target, "true") : scan,
    });
  }

  #changed(old: KnownHost, type: string, blob: Buffer): DebugtapError {
    return new DebugtapError("DT_HOSTKEY_CHANGED", `the host key of ${this.#name} is not the one in known_hosts`, {
      why:
        `${old.file}:${old.line} has ${old.type} ${fingerprint(Buffer.from(old.key, "base64"))}, the server showed ` +
        `${type} ${fingerprint(blob)}; the VM was rebuilt, or somebody is between you and it`,
      fix: `ssh-keygen -R ${shellQuote(this.#name)} -f ${shellQuote(old.file)}`,
    });
  }

  #revoked(entry: KnownHost, type: string, blob: Buffer): DebugtapError {
    return new DebugtapError("DT_HOSTKEY_REVOKED", `the host key of ${this.#name} is revoked`, {
      why: `${entry.file}:${entry.line} marks ${type} ${fingerprint(blob)} as @revoked`,
      fix: "give the VM a new host key, and do not connect to it before",
    });
  }
}

/** As `ssh-keygen -l` prints it. */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

function hmac(salt: string, name: string): string {
  return createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest("base64");
}

/** A key blob begins with its type: u32 length, then the text. */
function typeOf(blob: Buffer): string {
  return blob.length < 4 ? "?" : blob.toString("latin1", 4, 4 + Math.min(blob.readUInt32BE(0), 64));
}

function scanType(type: string): string {
  if (type.startsWith("ecdsa-")) return "ecdsa";
  return type.replace(/^ssh-/, "");
}
