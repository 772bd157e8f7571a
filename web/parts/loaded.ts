// Something that is asked for when its name changes, and what became of it.
import { useEffect, useState } from "preact/hooks";
import { refusalOf, type Refusal } from "../ask.ts";

export type Loaded<T> =
  | { readonly state: "loading"; readonly value?: T }
  | { readonly state: "there"; readonly value: T }
  | { readonly state: "failed"; readonly reason: Refusal["reason"]; readonly value?: undefined };

/** While the next is on its way, the last one stays. `key` undefined: nothing is asked for. */
export function useLoaded<T>(key: string | undefined, load: () => Promise<T>): Loaded<T> {
  const [loaded, set] = useState<Loaded<T>>({ state: "loading" });
  useEffect(() => {
    if (key === undefined) return undefined;
    let wanted = true;
    set(({ value }) => ({ state: "loading", ...(value === undefined ? {} : { value }) }));
    load().then(
      (value) => wanted && set({ state: "there", value }),
      (error: unknown) => wanted && set({ state: "failed", reason: refusalOf(error) }),
    );
    return () => {
      wanted = false;
    };
  }, [key]);
  return loaded;
}
