// People who look at the board: pages of one real Chromium, and when one of them shows something.
import { setTimeout as pause } from "node:timers/promises";
import type { Page } from "playwright-core";
import { startBrowser, type Browser } from "../helpers/browser.ts";

/** What a page asks for and draws when it opens is over by then. */
const settleMs = 1000;

export class Watchers {
  readonly #address: string;
  readonly #browser: Browser;
  readonly #closers: readonly (() => unknown)[];
  readonly #pages: Page[] = [];

  private constructor(address: string, browser: Browser, closers: readonly (() => unknown)[]) {
    this.#address = address;
    this.#browser = browser;
    this.#closers = closers;
  }

  static async start(address: string): Promise<Watchers> {
    const closers: (() => unknown)[] = [];
    const browser = await startBrowser({ teardown: (action) => closers.push(action) });
    return new Watchers(address, browser, closers);
  }

  /** So many pages show the board from now on; the others that are open show nothing. */
  async watch(count: number): Promise<void> {
    while (this.#pages.length < count) this.#pages.push(await this.#browser.open("about:blank"));
    const turned = this.#pages.map(async (page, at) => {
      if (at >= count) await page.goto("about:blank");
      else if (page.url() === "about:blank") {
        await page.goto(this.#address);
        await page.getByText("connected", { exact: true }).waitFor();
      }
    });
    await Promise.all(turned);
    await this.#pages[0]?.bringToFront();
    await pause(settleMs);
  }

  /** The first page watches for these words in the row of a session: resolves once it does, with what resolves when it shows them. */
  async shows(session: string, words: string): Promise<{ readonly shown: Promise<unknown> }> {
    const page = this.#pages[0];
    if (page === undefined) throw new Error("nobody watches");
    const [named, said] = [JSON.stringify(session), JSON.stringify(words)];
    // Up to the frame that is drawn with it.
    await page.evaluate(`globalThis.shown = new Promise((resolve) => {
      const observer = new MutationObserver(look);
      function look() {
        const there = [...document.querySelectorAll("tr")].some(
          ({ textContent }) => textContent.includes(${named}) && textContent.includes(${said}),
        );
        if (!there) return;
        observer.disconnect();
        requestAnimationFrame(() => resolve());
      }
      observer.observe(document.body, { subtree: true, childList: true, characterData: true });
      look();
    }), undefined`);
    return { shown: page.evaluate("globalThis.shown") };
  }

  async close(): Promise<void> {
    for (const close of this.#closers) await close();
  }
}
