// The observers of a relay, as one observer.
//
// Rules
// - Called after the bytes were forwarded; an observer that throws is switched off and named once, the session goes on.
// - They may come and go while sessions are on.
// - No queue here: an observer that needs one (the recorder) bounds its own and says what it left out.
import type { Side } from "../protocol/frame.ts";
import type { Hit } from "../protocol/hit.ts";
import type { FoundSource, Observer, SessionEnd, SessionFacts, SessionNote } from "./observer.ts";

export class Observers implements Observer {
  readonly name = "observers";
  #live: Observer[];
  readonly #onFailure: (observer: Observer, thrown: unknown) => void;

  constructor(observers: readonly Observer[], onFailure: (observer: Observer, thrown: unknown) => void) {
    this.#live = [...observers];
    this.#onFailure = onFailure;
  }

  add(...observers: readonly Observer[]): void {
    this.#live = [...this.#live, ...observers];
  }

  remove(...observers: readonly Observer[]): void {
    this.#live = this.#live.filter((each) => !observers.includes(each));
  }

  sessionOpened(session: SessionFacts): void {
    this.#each((observer) => observer.sessionOpened?.(session));
  }

  /** On the hot path: no closure, no allocation. */
  chunk(session: number, side: Side, bytes: Uint8Array): void {
    const live = this.#live;
    for (let i = 0; i < live.length; i++) {
      const observer = live[i];
      if (observer === undefined) continue;
      try {
        observer.chunk?.(session, side, bytes);
      } catch (thrown) {
        this.#drop(observer, thrown);
      }
    }
  }

  note(session: number, note: SessionNote): void {
    this.#each((observer) => observer.note?.(session, note));
  }

  hit(session: number, hit: Hit): void {
    this.#each((observer) => observer.hit?.(session, hit));
  }

  resumed(session: number, thread: string, stoppedFor: number): void {
    this.#each((observer) => observer.resumed?.(session, thread, stoppedFor));
  }

  source(session: number, source: FoundSource): void {
    this.#each((observer) => observer.source?.(session, source));
  }

  sessionClosed(session: number, end: SessionEnd): void {
    this.#each((observer) => observer.sessionClosed?.(session, end));
  }

  #each(call: (observer: Observer) => void): void {
    for (const observer of this.#live) {
      try {
        call(observer);
      } catch (thrown) {
        this.#drop(observer, thrown);
      }
    }
  }

  #drop(observer: Observer, thrown: unknown): void {
    this.#live = this.#live.filter((other) => other !== observer);
    this.#onFailure(observer, thrown);
  }
}
