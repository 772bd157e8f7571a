// Which Host a request may name: a port on loopback is reached by every page that a browser here shows, under any name that was made to
// point here (DNS rebinding), and such a page could read the answers.
//
// Rules
// - Addresses, `localhost`, names of one word and those of `.localhost` cannot be made by others; no name at all is no browser's.
// - All other names are refused before anything goes to the service.
import { DebugtapError } from "../../protocol/errors.ts";

/** Undefined: the request may come in. */
export function foreignHost(host: string | undefined): DebugtapError | undefined {
  const name = (host ?? "").replace(/:\d*$/, "").replace(/^\[(.*)\]$/, "$1");
  const isOwn = !name.includes(".") || name.includes(":") || /^\d{1,3}(?:\.\d{1,3}){3}$|\.localhost\.?$/i.test(name);
  if (isOwn) return undefined;
  return new DebugtapError("DT_HTTP_HOST", `the request is for ${name}, not for this machine`, {
    why: "a web page can give a name of its own this machine's address, and would read the service's answers",
    fix: "ask 127.0.0.1 or localhost",
  });
}
