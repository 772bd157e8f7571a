// A real Chromium, driven by Playwright: Debian's, without anything that would ask for a network.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type BrowserContext, type Page } from "playwright-core";

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export interface Browser {
  readonly context: BrowserContext;
  /** Opens an address in a page of its own; what its console and its scripts complain about is in `complaints`. */
  open(url: string): Promise<Page>;
  readonly complaints: string[];
  /** Whom its pages asked for something. */
  readonly hosts: ReadonlySet<string>;
}

/** It ends with the test. */
export async function startBrowser(
  t: { teardown(action: () => unknown): void },
  { width = 1280, height = 800, dark = false } = {},
): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), "debugtap-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: "/usr/bin/chromium",
    headless: true,
    args: flags,
    viewport: { width, height },
    colorScheme: dark ? "dark" : "light",
    permissions: ["clipboard-read", "clipboard-write"],
    timezoneId: "UTC",
  });
  t.teardown(async () => {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  });
  context.setDefaultTimeout(15_000);
  const complaints: string[] = [];
  const hosts = new Set<string>();
  return {
    context,
    hosts,
    complaints,
    open: async (url) => {
      const page = await context.newPage();
      page.on("pageerror", (error) => complaints.push(String(error.stack ?? error)));
      page.on("console", (message) => {
        // That a server is away is what a test makes.
        if (message.type() === "error" && !/ERR_CONNECTION|WebSocket connection|status of 40/.test(message.text()))
          complaints.push(message.text());
      });
      page.on("request", (request) => hosts.add(new URL(request.url()).hostname));
      page.on("dialog", (dialog) => {
        complaints.push(`dialog: ${dialog.message()}`);
        void dialog.dismiss();
      });
      await page.goto(url);
      return page;
    },
  };
}
