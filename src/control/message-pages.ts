// The messages of a trace as the API shows them: a page, decoded, those with a word in them.
//
// Rules
// - A page looks at so many messages at most, and says where to go on: a search through millions takes several.
// - Of a large message the summary is shown and no more.
import type { MessagePage, MessageView, TraceSessionView } from "../../protocol/api.ts";
import { describeFrame, excerpt } from "../../protocol/describe.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import { parseCount } from "../trace/hit-query.ts";
import type { TraceMessage } from "../trace/index.ts";
import type { OpenTrace } from "./open-traces.ts";

const usual = 200;
const most = 2000;
const mostLookedAt = 20_000;
const mostDetail = 64 * 1024;

export interface MessageAsk {
  readonly session?: string;
  readonly from?: string;
  readonly count?: string;
  readonly text?: string;
}

/** Without a session ordinals are those of the whole trace. Throws DT_BOARD_MISSING, DT_USAGE. */
export async function messagePage({ trace }: OpenTrace, ask: MessageAsk): Promise<MessagePage> {
  const known = trace.sessions().find(({ facts }) => facts.name === ask.session);
  if (ask.session !== undefined && known === undefined)
    throw new DebugtapError("DT_BOARD_MISSING", `the trace has no session ${ask.session}`, { fix: "GET …/sessions" });
  const session = known?.facts.id;
  const from = ask.from === undefined ? 1 : parseCount("from", ask.from, 1);
  const count = Math.min(most, ask.count === undefined ? usual : parseCount("count", ask.count, 1));
  const word = ask.text?.toLowerCase() ?? "";
  const messages: MessageView[] = [];
  let [wide, next] = [from - 1, from];
  for await (const message of trace.messages({ from, ...(session === undefined ? {} : { session }) })) {
    const ordinal = session === undefined ? ++wide : message.ordinal;
    next = ordinal;
    if (messages.length === count || ordinal - from >= mostLookedAt) break;
    next = ordinal + 1;
    const view = viewOf(message, ordinal);
    if (word === "" || hasWord(view, word)) messages.push(view);
  }
  const total = trace.count(session);
  return { messages, total, ...(next <= total ? { next } : {}) };
}

export function sessionViews({ trace }: OpenTrace): TraceSessionView[] {
  return trace.sessions().map(({ facts: { name, service, wire }, first, last, messages, hits }) => ({
    name,
    service,
    wire,
    first,
    last,
    messages,
    hits,
  }));
}

function viewOf({ frame, bytes, side, session, time }: TraceMessage, ordinal: number): MessageView {
  const raw = frame?.bytes ?? bytes ?? new Uint8Array(0);
  const { summary, detail } =
    frame === undefined ? { summary: excerpt(raw) } : describeFrame(frame, side, session.wire);
  return {
    ordinal,
    at: time,
    side,
    size: raw.length,
    summary,
    ...(detail === undefined || raw.length > mostDetail ? {} : { detail }),
  };
}

function hasWord({ summary, detail }: MessageView, word: string): boolean {
  return summary.toLowerCase().includes(word) || (JSON.stringify(detail) ?? "").toLowerCase().includes(word);
}
