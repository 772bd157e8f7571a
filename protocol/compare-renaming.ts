// Which word of one run is which of the other: a bijection that grows as words are met.
//
// Rules
// - Two words are the same thing where neither is known, or each is the other's. What is known stays: the first place that says something
//   else is the difference.
// - Ids and masked secrets keep their partners for the whole comparison. Addresses, ports and numbers of processes and threads keep them
//   within a hit: a run uses them again for something else.
// - Times are never compared.
import type { Word, WordKind, Words } from "./compare-words.ts";

type Partners = readonly [toB: Map<string, string>, toA: Map<string, string>];

export class Renaming {
  readonly #kept = new Map<WordKind, Partners>();
  #ofHit = new Map<WordKind, Partners>();

  /** Forgets what holds within a hit alone. */
  nextHit(): void {
    if (this.#ofHit.size > 0) this.#ofHit = new Map();
  }

  /** Whether two texts are the same but for names; what they teach is kept. */
  same(a: Words, b: Words): boolean {
    return a.shape === b.shape && this.sameWords(a.words, b.words);
  }

  /** Of two texts of one shape. */
  sameWords(a: readonly Word[], b: readonly Word[]): boolean {
    let same = true;
    for (let i = 0; i < a.length; i++) {
      const [one, other] = [a[i], b[i]];
      if (one !== undefined && other !== undefined && !this.#match(one.kind, one.text, other.text)) same = false;
    }
    return same;
  }

  #match(kind: WordKind, a: string, b: string): boolean {
    if (kind === "time") return true;
    const of = kind === "id" || kind === "secret" ? this.#kept : this.#ofHit;
    let partners = of.get(kind);
    if (partners === undefined) of.set(kind, (partners = [new Map(), new Map()]));
    const [toB, toA] = partners;
    const [knownB, knownA] = [toB.get(a), toA.get(b)];
    if (knownB !== undefined || knownA !== undefined) return knownB === b && knownA === a;
    toB.set(a, b);
    toA.set(b, a);
    return true;
  }
}
