// Whether it is a debugtap that has a port: its board says so to everybody, and nothing more.
import { request } from "node:http";

const answerWithin = 500;

export function isBoard(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(answerWithin);
    const asked = request({ method: "HEAD", host: "127.0.0.1", port, path: "/", signal, agent: false }, (response) => {
      response.resume();
      resolve(response.headers.server === "debugtap");
    });
    asked.on("error", () => resolve(false));
    asked.end();
  });
}
