// Places in what is in order, found by halves.

/** The first place from 0 for which `holds` is true; it is for all behind it. `length` where it never is. */
export function firstThat(length: number, holds: (place: number) => boolean): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Of rising numbers the place of the first that is not below this one. */
export function firstFrom(rising: ArrayLike<number>, from: number): number {
  return firstThat(rising.length, (place) => (rising[place] ?? 0) >= from);
}

/** Of rising numbers the place of the first behind this one. */
export function firstAfter(rising: ArrayLike<number>, after: number): number {
  return firstThat(rising.length, (place) => (rising[place] ?? 0) > after);
}
