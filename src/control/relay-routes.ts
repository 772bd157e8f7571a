// The routes of what runs: its view, and what can be done to it.
import { isAgainAsk, isBreakpointsAsk, isDriveAsk, isRecordingAsk, isResumeAsk } from "../../protocol/api-check.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import { asked, missing, numberOf, route, type Route } from "./router.ts";
import type { Shown } from "./shown.ts";

export const relayRoutes: readonly Route<Shown>[] = [
  route("GET", "/api/view", (shown) => shown.view()),
  route("POST", "/api/sessions/*/release", (shown, [name = ""]) => {
    const released = shown.release(known(shown, name));
    if (released.length > 0) return { released };
    throw new DebugtapError("DT_NOT_HELD", `no debuggee waits under the name ${name}`, { why: "it runs already" });
  }),
  route("POST", "/api/sessions/*/resume", (shown, [name = ""], { body }) => {
    const { thread } = asked(isResumeAsk, body ?? {}, "{ thread? }");
    const resumed = shown.resume(known(shown, name), thread === undefined ? undefined : String(thread));
    if (resumed.length > 0) return { resumed };
    throw new DebugtapError("DT_NOT_STOPPED", `nothing of ${name} is stopped that could run on`, {
      why: thread === undefined ? "its threads run" : `its thread ${thread} runs, or is none of it`,
    });
  }),
  route("POST", "/api/sessions/*/drive", (shown, [name = ""], { body }) => ({
    driving: shown.drive(known(shown, name), String(asked(isDriveAsk, body, "{ client }").client)),
  })),
  route("GET", "/api/breakpoints", (shown) => shown.breakpoints()),
  route("PUT", "/api/breakpoints", (shown, _, { body }) =>
    shown.setBreakpoints(asked(isBreakpointsAsk, body, "{ specs: [TEXT] }").specs),
  ),
  route("POST", "/api/recording", async (shown, _, { body }) => {
    await shown.record(asked(isRecordingAsk, body, "{ on: true }").on);
    return shown.view();
  }),
  route("POST", "/api/triggers/*/again", async (shown, [id = ""], { body }) => ({
    id: await shown.again(numberOf(id), asked(isAgainAsk, body ?? {}, "{ yes? }").yes === true),
  })),
];

function known({ knows }: Shown, name: string): string {
  return knows(name) ? name : missing(`there is no session ${name}`);
}
