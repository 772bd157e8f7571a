// The time, as a signal that ticks once a second while something that counts is shown, and the page is seen.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

export const now = signal(Date.now());

let users = 0;
let timer: number | undefined;

/** Counts on while `wanted`; the value of {@link now}. */
export function useNow(wanted: boolean): number {
  useEffect(() => {
    if (!wanted) return undefined;
    users++;
    run();
    return () => {
      users--;
      run();
    };
  }, [wanted]);
  return wanted ? now.value : now.peek();
}

function run(): void {
  const wanted = users > 0 && document.visibilityState === "visible";
  if (!wanted) {
    clearInterval(timer);
    timer = undefined;
    return;
  }
  now.value = Date.now();
  timer ??= window.setInterval(() => (now.value = Date.now()), 1000);
}

document.addEventListener("visibilitychange", run);
