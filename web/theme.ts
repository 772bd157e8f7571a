// Dark or light: as the system says, until a person says otherwise on this page.
import { signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const key = "debugtap.theme";
export const theme = signal<Theme>("system");
/** Counts changes of what is drawn, for what is not drawn by style sheets. */
export const repaint = signal(0);

export function startTheme(): void {
  try {
    const kept = localStorage.getItem(key);
    if (kept === "light" || kept === "dark") set(kept);
  } catch {
    // Without storage it is the system's.
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => repaint.value++);
}

export function nextTheme(): void {
  const order: readonly Theme[] = ["system", "light", "dark"];
  set(order[(order.indexOf(theme.peek()) + 1) % order.length] ?? "system");
}

function set(to: Theme): void {
  theme.value = to;
  if (to === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = to;
  try {
    localStorage.setItem(key, to);
  } catch {
    // It holds until the page is closed.
  }
  repaint.value++;
}
