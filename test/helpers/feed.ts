// Every parser test feeds its bytes in every way that a network may: whole, byte by byte, in two at every place, and with
// bytes of what comes next behind. A result that depends on the way is the defect to find.
import assert from "node:assert/strict";

/** Something that eats bytes and says what it made of them. */
export interface Parser<Item> {
  push(chunk: Uint8Array): readonly Item[];
}

/** All items of `bytes`, asserted to be the same whole, byte by byte and in two at every place (up to 300). */
export function feed<Item>(makeParser: () => Parser<Item>, bytes: Uint8Array): readonly Item[] {
  const whole = makeParser().push(bytes);
  const single = makeParser();
  assert.deepEqual(
    [...bytes].flatMap((_, i) => single.push(bytes.subarray(i, i + 1))),
    whole,
    "byte by byte as whole",
  );
  const last = Math.min(bytes.length, 300);
  for (let cut = 1; cut < last; cut++) {
    const parser = makeParser();
    const items = [...parser.push(bytes.subarray(0, cut)), ...parser.push(bytes.subarray(cut))];
    assert.deepEqual(items, whole, `cut at ${cut} as whole`);
  }
  return whole;
}

/** As {@link feed}, and the same again with the beginning of a next message behind, which must change nothing. */
export function feedWithTrailing<Item>(
  makeParser: () => Parser<Item>,
  bytes: Uint8Array,
  trailing: Uint8Array,
): readonly Item[] {
  const items = feed(makeParser, bytes);
  assert.deepEqual(feed(makeParser, Buffer.concat([bytes, trailing])), items, "with trailing bytes as without");
  return items;
}

/** `bytes` cut at these places (any numbers, in any order). */
export function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  return [...cuts, bytes.length].map((to) => bytes.subarray(from, (from = to)));
}
