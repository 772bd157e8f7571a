// Lists the hits that are meant, a page of them or all, and those that come later.
//
// Rules
// - What lists say comes from the index; only --where reads the values, block by block, and none of them stays in memory.
// - stdout has hits and nothing else; how to go on, and what could not be judged, is said on stderr.
import { hasWords } from "../../protocol/hit-words.ts";
import type { HttpCall } from "../../protocol/http.ts";
import { HttpJoin, joinedCall } from "../../protocol/http-join.ts";
import type { Hit } from "../../protocol/hit.ts";
import type { Trigger } from "../../protocol/trigger.ts";
import { meets } from "../../protocol/where.ts";
import type { Condition } from "../../protocol/where-parse.ts";
import { callsOfHits, HitGroups, HitIndex, isWanted, laterRecords, rowOf, rowTests } from "../trace/index.ts";
import type { CallsOfHits, HitFilter, HitRow, Trace } from "../trace/index.ts";
import { groupLine, hitLine, hitName, rowJson } from "./hit-row-lines.ts";
import { pageOf, wantedOf, type HitsOptions } from "./hit-options.ts";
import { printJson, printLine } from "./output.ts";
import { hasColor } from "./paint.ts";
import { drained, tellIndexing } from "./trace-lines.ts";

/** Throws DT_USAGE for options that make no sense. */
export async function listHits(trace: Trace, options: HitsOptions, pageSize: number): Promise<void> {
  const wanted = wantedOf(options, trace.started);
  const page = pageOf(options, pageSize);
  const index = await HitIndex.open(trace, tellIndexing());
  try {
    await new HitList(trace, index, options, wanted).run(page);
  } finally {
    index.close();
  }
}

class HitList {
  readonly #trace: Trace;
  readonly #index: HitIndex;
  readonly #options: HitsOptions;
  readonly #filter: HitFilter;
  readonly #where: Condition | undefined;
  readonly #color = hasColor(process.stdout);
  #triggers = new Map<number, Trigger>();
  #calls = new Map<number, HttpCall>();
  #callOf: CallsOfHits = new Map();
  /** What the last line stands under. */
  #head = "";
  #width = 0;
  #unjudged = 0;
  #unreadable = 0;

  constructor(trace: Trace, index: HitIndex, options: HitsOptions, { filter, where }: ReturnType<typeof wantedOf>) {
    this.#trace = trace;
    this.#index = index;
    this.#options = options;
    this.#filter = filter;
    this.#where = where;
  }

  async run(page: ReturnType<typeof pageOf>): Promise<void> {
    const { json, follow } = this.#options;
    if (!json) this.#triggers = new Map((await this.#trace.triggers()).map((each) => [each.id, each]));
    const calls = await this.#trace.http();
    this.#calls = new Map(calls.map((call) => [call.id, call]));
    this.#callOf = callsOfHits(this.#index, calls);
    const numbers = await this.#meeting(await this.#index.find(this.#filter));
    const groups = new HitGroups(this.#index, numbers, this.#callOf);
    const to = Math.min(page.to, numbers.length);
    const some = groups.order.subarray(page.from, Math.min(to, page.from + 1000));
    this.#width = some.reduce((width, number) => Math.max(width, hitName(this.#index.row(number)).length), 0);
    for (let place = page.from; place < to; place++) {
      const row = this.#index.row(groups.order[place] ?? 0);
      const group = groups.groupAt(place);
      const goesOn = place === page.from && place > 0 && groups.groupAt(place - 1).number === group.number;
      await this.#print(row, group, this.#callOf.get(row.number), goesOn);
    }
    if (follow) await this.#follow();
    this.#tell(page, to, numbers.length);
  }

  /** Those whose values meet the condition. */
  async #meeting(numbers: Uint32Array): Promise<Uint32Array> {
    if (this.#where === undefined) return numbers;
    const met: number[] = [];
    for await (const { number, hit } of this.#index.read(numbers)) {
      if (hit === undefined) this.#unreadable++;
      else if (this.#isMet(hit.hit)) met.push(number);
    }
    return Uint32Array.from(met);
  }

  #isMet({ snapshot }: Hit): boolean {
    const met = this.#where === undefined ? true : meets(this.#where, snapshot.frames[0]);
    if (met === undefined) this.#unjudged++;
    return met === true;
  }

  async #follow(): Promise<void> {
    const tests = rowTests(this.#filter);
    const { words = [] } = this.#filter;
    const opened = new Set<number>();
    const join = this.#joinOfOpen();
    let number = this.#index.size;
    for await (const record of laterRecords(this.#trace)) {
      if ("lost" in record) continue;
      if ("dropped" in record) {
        number = record.hits;
        continue;
      }
      if (record.kind === "trigger") this.#triggers.set(record.trigger.id, record.trigger);
      if (record.kind === "http") {
        const { http } = record;
        this.#calls.set(http.id, http);
        if (http.ended === undefined) join.began(joinedCall(http));
        else join.ended(joinedCall(http));
      }
      if (record.kind === "open" || record.kind === "chunk") opened.add(record.session.id);
      // As in the index: what is not known has no number.
      if (record.kind !== "hit" || (!opened.has(record.session) && this.#trace.facts(record.session) === undefined))
        continue;
      const row = rowOf(++number, record.hit);
      const values = Object.values(record.hit.correlated ?? {});
      const call = join.of({ at: row.at, thread: `${record.session} ${row.threadId}`, values });
      if (!isWanted(row, this.#filter, tests) || !hasWords(record.hit, words) || !this.#isMet(record.hit)) continue;
      const [expression, value] = row.correlated;
      const request = expression === undefined || value === undefined ? {} : { request: { expression, value } };
      const cause = call !== undefined ? { call } : row.trigger === undefined ? {} : { trigger: row.trigger };
      await this.#print(row, "request" in request ? request : cause, call);
    }
  }

  /** As it stands at the end of what is recorded by now. */
  #joinOfOpen(): HttpJoin {
    const join = new HttpJoin();
    for (const call of this.#calls.values()) {
      if (call.ended === undefined) join.began(joinedCall(call));
      else join.learn(joinedCall(call));
    }
    return join;
  }

  async #print(
    row: HitRow,
    group: Parameters<typeof groupLine>[0],
    call: number | undefined,
    goesOn = false,
  ): Promise<void> {
    const { started } = this.#trace;
    if (this.#options.json) printJson(rowJson(row, started, this.#calls.get(call ?? 0)));
    else {
      const head = groupLine(group, { triggers: this.#triggers, calls: this.#calls }, this.#color);
      if (head !== this.#head) printLine(goesOn ? `${head}  …` : head);
      this.#head = head;
      printLine(hitLine(row, { started, width: this.#width, color: this.#color }));
    }
    await drained();
  }

  #tell(page: { from: number; page: number }, to: number, found: number): void {
    const all = this.#index.size - this.#index.first + 1;
    if (found === 0 && !this.#options.follow)
      say(all === 0 ? `no hits in ${this.#trace.dir}` : `none of ${all} hits is meant`);
    else if (to < found) say(`hits ${page.from + 1} to ${to} of ${found}; go on with --page ${page.page + 1}`);
    else if (page.from >= found && found > 0) say(`there is no page ${page.page}: ${found} hits in all`);
    if (this.#unjudged > 0)
      say(`--where could not be judged at ${this.#unjudged} hits: a value was not captured, or cannot be compared`);
    if (this.#unreadable > 0) say(`${this.#unreadable} hits cannot be read any more`);
  }
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
