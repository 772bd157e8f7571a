// The WebSocket: what happens, as it happens. Lost, it is tried again, later each time, and the page says so meanwhile.
import { signal } from "@preact/signals";
import { isApiView, isLiveMessage } from "../protocol/api-check.ts";
import type { LiveMessage } from "../protocol/api.ts";
import { waitBefore } from "./model/again.ts";
import { ask, Refusal } from "./ask.ts";

export type LinkState =
  | { readonly state: "connecting" | "online" }
  /** `stranger`: debugtap runs and does not know us. */
  | { readonly state: "offline"; readonly retryAt: number; readonly stranger: boolean };

export const link = signal<LinkState>({ state: "connecting" });

/** `opened` at each connection: what is shown is to be asked for anew. */
export function listen(hear: (message: LiveMessage) => void, opened: () => void): void {
  let tries = 0;
  let timer: number | undefined;
  const connect = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const address = new URL("api/live", location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    address.hash = address.search = "";
    const socket = new WebSocket(address);
    socket.addEventListener("open", () => {
      tries = 0;
      link.value = { state: "online" };
      opened();
    });
    socket.addEventListener("message", ({ data }) => {
      const message = parsed(data);
      if (isLiveMessage(message)) hear(message);
    });
    socket.addEventListener("close", () => {
      const wait = waitBefore(tries++, Math.random());
      link.value = {
        state: "offline",
        retryAt: Date.now() + wait,
        stranger: link.peek().state === "offline" && isStranger(link.peek()),
      };
      timer = window.setTimeout(connect, wait);
      void findOut();
    });
  };
  // A machine that wakes up need not wait for its turn.
  window.addEventListener("online", () => {
    if (timer !== undefined) connect();
  });
  connect();
}

function isStranger(state: LinkState): boolean {
  return state.state === "offline" && state.stranger;
}

/** A WebSocket does not tell why it was refused. */
async function findOut(): Promise<void> {
  const stranger = await ask("view", isApiView).then(
    () => false,
    (error: unknown) => error instanceof Refusal && (error.status === 401 || error.status === 403),
  );
  const now = link.peek();
  if (now.state === "offline" && now.stranger !== stranger) link.value = { ...now, stranger };
}

function parsed(data: unknown): unknown {
  try {
    return typeof data === "string" ? JSON.parse(data) : undefined;
  } catch {
    return undefined;
  }
}
