// Proving who we are: the agent's keys, then the key files, one at a time, and a full account of it if all fail.
//
// Rules
// - The order is OpenSSH's: agent keys that the settings name, the other agent keys (unless IdentitiesOnly), then key files
//   that the agent did not offer. A server counts every offer (MaxAuthTries 6), so the likely ones go first.
// - A passphrase is asked for only when that key's turn has come, and only if there is somebody to ask.
// - A key once opened stays open in memory: opening takes 0.6 s of CPU, and a reconnect must not ask again.
// - ssh2 can use neither certificates nor FIDO keys: said by name, not skipped in silence.
import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import type {
  AnyAuthMethod,
  NextAuthHandler,
  ParsedKey,
  PublicKeyEntry,
  SigningRequestOptions,
  SignCallback,
} from "ssh2";
import { DebugtapError } from "../../protocol/errors.ts";
import { shellQuote } from "../../protocol/shell.ts";
import { BaseAgent, createAgent, utils } from "./ssh2.ts";
import { sshLine } from "./ssh-config.ts";
import type { SshTarget } from "./ssh-config.ts";

const passphraseTries = 3;
const agentTimeoutMs = 3000;

/** Asks the person at the terminal; undefined when there is none, or when they gave up. */
export type Prompt = (question: string, options: { readonly secret: boolean }) => Promise<string | undefined>;

const openedKeys = new Map<string, { readonly changed: number; readonly key: ParsedKey }>();

const asking = new Map<string, Promise<string | undefined>>();

/** Two connections to one VM want the same passphrase at the same time: one question, one answer. */
export function askOnce(prompt: Prompt): Prompt {
  return async (question, options) => {
    const open = asking.get(question);
    if (open !== undefined) return await open;
    const answer = prompt(question, options).finally(() => asking.delete(question));
    asking.set(question, answer);
    return await answer;
  };
}

export class SshAuth {
  readonly #target: SshTarget;
  readonly #prompt: Prompt | undefined;
  readonly #methods: AsyncGenerator<AnyAuthMethod, void>;
  /** One line for every key: what became of it. */
  readonly #tried: string[] = [];
  #locked: string | undefined;
  #accepts: readonly string[] = [];
  #partial = false;
  #last = "nothing";

  constructor(target: SshTarget, prompt: Prompt | undefined) {
    this.#target = target;
    this.#prompt = prompt;
    this.#methods = this.#attempts();
  }

  /** What was offered last: when we are in, that was it. */
  get last(): string {
    return this.#last;
  }

  /** ssh2's authHandler. */
  readonly next = (methodsLeft: readonly string[] | null, partial: boolean | null, use: NextAuthHandler): void => {
    if (methodsLeft !== null) this.#accepts = methodsLeft;
    this.#partial ||= partial === true;
    this.#methods.next().then(
      (step) => (step.done === true ? giveUp(use) : use(step.value)),
      () => giveUp(use),
    );
  };

  /** Why the server did not let us in: DT_SSH_KEY_UNREADABLE if a locked key was left out, else DT_SSH_AUTH. `cut`: it hung up before all was tried. */
  failure({ cut }: { readonly cut: boolean }): DebugtapError {
    const { user, destination, configFile } = this.#target;
    if (cut) {
      const file = configFile === undefined ? "~/.ssh/config" : shellQuote(configFile);
      return new DebugtapError("DT_SSH_AUTH", `${destination} hung up before the right key was offered`, {
        why: `it ends a login after some wrong keys (MaxAuthTries); what was to be offered, in this order: ${this.#tried.map((each) => each.replace(/: refused$/, "")).join("; ")}`,
        // Where IdentityFile names no key, ssh's usual ones are offered.
        fix: `printf 'Host %s\\n  IdentitiesOnly yes\\n' ${shellQuote(destination.replace(/^.*@/, "").replace(/:\d+$/, ""))} >>${file}`,
      });
    }
    const tried = this.#tried.length === 0 ? "there is no key to offer" : this.#tried.join("; ");
    if (this.#locked !== undefined) {
      return new DebugtapError("DT_SSH_KEY_UNREADABLE", `the key ${this.#locked} needs its passphrase`, {
        why: `nobody could be asked for it; ${tried}`,
        fix: `ssh-add ${shellQuote(this.#locked)}`,
      });
    }
    const also = this.#partial ? "it wants a second factor as well; " : "";
    const accepts = this.#accepts.length > 0 ? `; the server accepts: ${this.#accepts.join(", ")}` : "";
    return new DebugtapError("DT_SSH_AUTH", `${destination} does not let ${user} in`, {
      why: `${also}${tried}${accepts}`,
      fix: sshLine(this.#target, "true"),
    });
  }

  async *#attempts(): AsyncGenerator<AnyAuthMethod, void> {
    const username = this.#target.user;
    const offered = await this.#agentKeys();
    if (offered !== undefined) {
      for (const key of offered.keys) this.#tried.push(`agent key ${describe(key)}: refused`);
      this.#last = `the agent (${offered.keys.map(describe).join(", ")})`;
      yield { type: "agent", username, agent: new ListedAgent(offered.agent, offered.keys) };
    }
    for (const file of this.#target.identityFiles) {
      const key = await this.#openKey(file, offered?.keys ?? []);
      if (key === undefined) continue;
      this.#tried.push(`${file}: refused`);
      this.#last = file;
      yield { type: "publickey", username, key };
    }
    // Without a key to offer, this still has the server say what it would accept.
    if (this.#tried.length === 0 || this.#accepts.length === 0) yield { type: "none", username };
  }

  async #agentKeys(): Promise<{ agent: Agent; keys: ParsedKey[] } | undefined> {
    const path = this.#target.identityAgent;
    if (path === undefined || path === "") return undefined;
    const agent = createAgent(path);
    const keys = await identities(agent).catch((error: unknown) => {
      this.#tried.push(`agent ${path}: ${error instanceof Error ? error.message : String(error)}`);
      return [];
    });
    const wanted = await Promise.all(this.#target.identityFiles.map(publicKey));
    const named = keys.filter((key) => wanted.some((blob) => blob?.equals(key.getPublicSSH()) === true));
    const others = this.#target.identitiesOnly ? [] : keys.filter((key) => !named.includes(key));
    const list = [...named, ...others];
    return list.length === 0 ? undefined : { agent, keys: list };
  }

  /** The opened key, or undefined when there is none to offer, which is noted unless it is an absent default. */
  async #openKey(file: string, offered: readonly ParsedKey[]): Promise<ParsedKey | undefined> {
    const isOffered = (blob: Buffer): boolean => offered.some((key) => key.getPublicSSH().equals(blob));
    const changed = await stat(file).then(
      (found) => found.mtimeMs,
      () => undefined,
    );
    if (changed === undefined) {
      if (!/\/\.ssh\/id_\w+$/.test(file)) this.#tried.push(`${file}: no such file`);
      return undefined;
    }
    if (existsSync(`${file}-cert.pub`)) this.#tried.push(`${file}-cert.pub: debugtap cannot use certificates`);
    const opened = openedKeys.get(file);
    if (opened?.changed === changed) return isOffered(opened.key.getPublicSSH()) ? undefined : opened.key;
    const beside = await publicKey(file);
    if (beside !== undefined && isOffered(beside)) return undefined;
    const data = await readFile(file).catch((error: unknown) => {
      this.#tried.push(`${file}: ${error instanceof Error ? error.message : String(error)}`);
    });
    if (data === undefined) return undefined;
    // Another connection may have had it opened while we read: nobody need be asked twice.
    const meanwhile = openedKeys.get(file);
    const key = meanwhile?.changed === changed ? meanwhile.key : await this.#parse(file, data);
    if (key === undefined || isOffered(key.getPublicSSH())) return undefined;
    openedKeys.set(file, { changed, key });
    return key;
  }

  async #parse(file: string, data: Buffer): Promise<ParsedKey | undefined> {
    let result = parseKey(data);
    for (let attempt = 1; result instanceof Error && isLocked(result) && attempt <= passphraseTries; attempt++) {
      const passphrase = await this.#prompt?.(`Passphrase for ${file}: `, { secret: true });
      if (passphrase === undefined) {
        this.#locked ??= file;
        this.#tried.push(`${file}: its passphrase is needed`);
        return undefined;
      }
      result = parseKey(data, passphrase);
    }
    if (result instanceof Error) {
      const why = isLocked(result) ? "wrong passphrase" : result.message;
      this.#tried.push(`${file}: ${why}`);
      return undefined;
    }
    // A public key here names a key of the agent, which had its turn.
    return result.isPrivateKey() ? result : undefined;
  }
}

type Agent = ReturnType<typeof createAgent>;

/** An agent that shows only some of its keys, in our order. */
class ListedAgent extends BaseAgent<ParsedKey> {
  readonly #agent: Agent;
  readonly #keys: ParsedKey[];

  constructor(agent: Agent, keys: ParsedKey[]) {
    super();
    this.#agent = agent;
    this.#keys = keys;
  }

  override getIdentities(done: (error: Error | undefined, keys?: ParsedKey[]) => void): void {
    done(undefined, this.#keys);
  }

  override sign(
    key: ParsedKey,
    data: Buffer,
    options: SigningRequestOptions | SignCallback,
    done?: SignCallback,
  ): void {
    if (typeof options === "function") this.#agent.sign(key, data, options);
    else this.#agent.sign(key, data, options, done);
  }
}

async function identities(agent: Agent): Promise<ParsedKey[]> {
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the agent did not answer")), agentTimeoutMs);
    agent.getIdentities((error, keys) => {
      clearTimeout(timer);
      if (error) reject(error);
      else resolve((keys ?? []).flatMap((key) => parsedKeys(key)));
    });
  });
}

/** The keys that an agent has now, as text; none if there is no agent. */
export async function agentKeys(path: string | undefined): Promise<string[]> {
  if (path === undefined || path === "") return [];
  const keys = await identities(createAgent(path)).catch(() => []);
  return keys.map((key) => key.getPublicSSH().toString("base64"));
}

type AgentKey = string | Buffer | ParsedKey | PublicKeyEntry | PublicKeyEntry["pubKey"];

function parsedKeys(key: AgentKey): ParsedKey[] {
  if (typeof key === "string" || Buffer.isBuffer(key)) {
    const parsed = parseKey(key);
    return parsed instanceof Error ? [] : [parsed];
  }
  return "pubKey" in key ? parsedKeys(key.pubKey) : [key];
}

/** parseKey, whose array holds one key, and which may also throw on input it does not expect. */
function parseKey(data: string | Buffer, passphrase?: string): ParsedKey | Error {
  try {
    const parsed: ParsedKey | ParsedKey[] | Error = utils.parseKey(data, passphrase);
    const [key] = Array.isArray(parsed) ? parsed : [parsed];
    return key ?? new Error("it holds no key");
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function isLocked(error: Error): boolean {
  return /passphrase|encrypted|integrity|decrypt/i.test(error.message);
}

/** The public half: `FILE.pub`, or FILE itself where that is a public key. */
async function publicKey(file: string): Promise<Buffer | undefined> {
  for (const path of [`${file}.pub`, file]) {
    const text = await readFile(path).catch(() => undefined);
    const parsed = text === undefined ? undefined : parseKey(text);
    if (parsed !== undefined && !(parsed instanceof Error) && !parsed.isPrivateKey()) return parsed.getPublicSSH();
  }
  return undefined;
}

function describe(key: ParsedKey): string {
  return key.comment === "" ? key.type : `${key.type} ${key.comment}`;
}

function giveUp(use: NextAuthHandler): void {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- ssh2 takes `false` for "no more", its types do not
  (use as (method: unknown) => void)(false);
}
