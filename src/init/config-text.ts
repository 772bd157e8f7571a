// Proposed services in the text of a debugtap.yml: what is there stays, with its comments.
import { Document, isMap, isSeq, parseDocument, YAMLMap, YAMLSeq } from "yaml";
import type { Node, ParsedNode } from "yaml";
import { DebugtapError } from "../../protocol/errors.ts";
import type { SourcePair } from "../config-write.ts";
import type { Proposal } from "./proposal.ts";

export interface HostEntry {
  readonly name: string;
  /** Absent: this machine, which needs no entry. */
  readonly ssh?: string;
  readonly sshConfig?: string;
  /** What is to be added to its `source`. */
  readonly source: readonly SourcePair[];
}

const head = `# yaml-language-server: $schema=./node_modules/debugtap/debugtap.schema.json
# debugtap up opens these services; \`listens\` and \`dials\` are ports there, \`ide\` is the port of your IDE here.
`;

/** `text`: empty for a new file. Throws DT_CONFIG_INVALID where there is no place for a service. */
export function withProposal(text: string, host: HostEntry, proposal: Proposal): string {
  const isNew = text.trim() === "";
  const doc = isNew ? parseDocument(head) : parseDocument(text);
  if (doc.contents === null) {
    // A comment alone belongs to the document: before the map, it would be written once more behind it.
    const comment = doc.commentBefore ?? doc.comment;
    doc.comment = null;
    doc.commentBefore = comment ?? null;
    setContents(doc);
  }
  if (!isMap(doc.contents)) throw noPlace();
  if (host.ssh !== undefined) addHost(doc, host);
  if (proposal.services.length > 0) {
    const services = mapIn(doc, "services");
    for (const { name, wire, port, address, ide, match, run, about } of proposal.services) {
      const entry = {
        ...(host.ssh === undefined ? {} : { host: host.name }),
        wire,
        ...(wire === "dap" ? { listens: port } : { dials: port }),
        ...(address === undefined ? {} : { address }),
        ide,
        ...(match === undefined ? {} : { match }),
        ...(run === undefined ? {} : { run }),
      };
      const key = doc.createNode(name);
      if (services.flow !== true) key.commentBefore = ` ${about}`;
      services.add(doc.createPair(key, doc.createNode(entry, { flow: true })));
    }
  }
  const written = doc.toString({ lineWidth: 0 });
  return written === text || doc.errors.length > 0 ? text : written;
}

/** Of a file without services: the text with one, so that the rest can be read; empty for one that has nothing but comments. */
export function beginning(text: string): string | undefined {
  const doc = parseDocument(text, { logLevel: "silent" });
  if (doc.errors.length > 0) return undefined;
  if (doc.contents === null) return "";
  if (!isMap(doc.contents) || isMap(doc.get("services", true))) return undefined;
  if (doc.get("services") !== undefined && doc.get("services") !== null) return undefined;
  doc.set("services", { placeholder: { wire: "raw", listens: 1, ide: 2 } });
  return doc.toString();
}

function setContents(doc: Document): void {
  doc.contents = new YAMLMap();
}

function addHost(doc: Document<ParsedNode> | Document, { name, ssh, sshConfig, source }: HostEntry): void {
  const hosts = mapIn(doc, "hosts");
  if (!hosts.has(name)) {
    hosts.set(
      doc.createNode(name),
      doc.createNode({ ssh, ...(sshConfig === undefined ? {} : { ssh_config: sshConfig }) }),
    );
  }
  if (source.length === 0) return;
  const host = hosts.get(name, true);
  if (!isMap(host)) throw noPlace();
  const nodes = source.map((pair) => doc.createNode(pair, { flow: true }));
  const present = host.get("source", true) as Node | undefined;
  if (isSeq(present)) for (const node of nodes) present.add(node);
  else {
    const all = new YAMLSeq();
    for (const node of [...(isMap(present) ? [present] : []), ...nodes]) all.add(node);
    host.set("source", all);
  }
}

function mapIn(doc: Document, key: string): YAMLMap {
  const present: unknown = doc.get(key, true);
  if (isMap(present)) {
    // `services: {}` is to be written in lines once it has something.
    if (present.items.length === 0) present.flow = false;
    return present;
  }
  const map = new YAMLMap();
  doc.set(doc.createNode(key), map);
  return map;
}

function noPlace(): DebugtapError {
  return new DebugtapError("DT_CONFIG_INVALID", "services cannot be put into the file", {
    why: "it is not a plain map, or its host is an alias",
    fix: "debugtap init HOST --config other/debugtap.yml",
  });
}
