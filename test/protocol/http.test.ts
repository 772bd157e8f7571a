// Calls: their request ids, and which hits are theirs.
import { fc } from "../helpers/property.ts";
import t from "tap";
import {
  callName,
  defaultRequestIdHeaders,
  httpView,
  isHttpCall,
  requestIds,
  type HttpCall,
} from "../../protocol/http.ts";
import { HttpJoin, joinedCall, joinHits, type JoinedCall, type JoinedHit } from "../../protocol/http-join.ts";

const call: HttpCall = {
  id: 1,
  through: "cinder",
  method: "POST",
  url: "/v3/volumes?a=1#x",
  version: "HTTP/1.1",
  headers: [],
  at: 1000,
  ids: ["req-1"],
};

function ofCall(id: number, at: number, ended: number | undefined, ...ids: string[]): JoinedCall {
  return { id, at, ids, ...(ended === undefined ? {} : { ended }) };
}

function ofHit(number: number, at: number, thread = "1 1", ...values: string[]): JoinedHit {
  return { number, at, thread, values };
}

t.test("request ids: the configured headers in their order, of a traceparent the trace, none that is short", (t) => {
  const headers = [
    { name: "TraceParent", value: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" },
    { name: "x-request-id", value: " abcdefgh " },
    { name: "X-Request-Id", value: "short" },
    { name: "X-OpenStack-Request-ID", value: "req-12345678" },
  ];
  t.strictSame(requestIds(headers, defaultRequestIdHeaders), [
    "req-12345678",
    "abcdefgh",
    "4bf92f3577b34da6a3ce929d0e0e4736",
  ]);
  t.strictSame(requestIds(headers, ["X-Other"]), []);
  t.strictSame(requestIds([{ name: "traceparent", value: "nonsense" }], ["traceparent"]), []);
  t.equal(callName(call), "POST /v3/volumes (cinder)");
  t.match(httpView(call, [3]), { path: "/v3/volumes?a=1#x", status: 0, request: "req-1", hits: [3], again: false });
  const ended = { ...call, ended: 2000, body: { length: 9, cut: true as const, text: "1" } };
  t.equal(httpView(ended, []).again, false, "its body is not whole");
  t.equal(httpView({ ...ended, body: { length: 9 } }, []).again, true, "not asked for is not cut");
  t.end();
});

t.test("what is no call is none", (t) => {
  const whole: HttpCall = {
    ...call,
    body: { length: 1, text: "x", encoding: "latin1" },
    answer: {
      status: 200,
      reason: "OK",
      version: "HTTP/1.1",
      headers: [{ name: "A", value: "b" }],
      body: { length: 0 },
    },
  };
  t.ok(isHttpCall(whole));
  for (const key of ["id", "through", "method", "url", "version", "headers", "at", "ids"])
    t.notOk(isHttpCall({ ...whole, [key]: {} }), key);
  t.notOk(isHttpCall({ ...whole, headers: [{ name: 1, value: "" }] }));
  t.notOk(isHttpCall({ ...whole, answer: { status: "200" } }));
  t.notOk(isHttpCall({ ...whole, body: { length: "1" } }));
  t.notOk(isHttpCall({ ...whole, body: { length: 1, encoding: "base64" } }));
  fc.assert(fc.property(fc.jsonValue(), (value) => typeof isHttpCall(value) === "boolean"));
  t.end();
});

t.test("hits are joined by request id, else by time, else by their thread", (t) => {
  const joined = joinHits(
    [
      ofCall(1, 100, 200, "req-a"),
      ofCall(2, 150, 300, "req-b"),
      // The same id, sent again.
      ofCall(3, 400, 500, "req-a"),
      ofCall(4, 600, undefined),
    ],
    [
      ofHit(1, 50),
      ofHit(2, 120, "1 1"),
      ofHit(3, 160, "1 1"),
      ofHit(4, 161, "9 9"),
      ofHit(5, 170, "2 2", "req-b"),
      ofHit(6, 180, "2 2"),
      ofHit(7, 250, "1 1"),
      ofHit(8, 350, "2 2", "other", "req-b"),
      ofHit(9, 350, "2 2"),
      ofHit(10, 450, "1 1", "req-a"),
      ofHit(11, 700),
      ofHit(12, 20, "1 1", "req-a"),
    ],
  );
  t.strictSame(Object.fromEntries(joined), {
    2: 1, // the only one open
    3: 1, // two are open: that of its thread's last hit
    5: 2,
    6: 2,
    7: 2, // the first is over
    8: 2, // by id, long after its end
    10: 3, // the last that began before it
    11: 4, // never ended
    12: 1, // clocks of two machines: an id is an id
  });
  t.end();
});

t.test("what streams causes nothing once its answer has begun", (t) => {
  const events = { name: "content-type", value: "text/event-stream; charset=utf-8" };
  const answer = { status: 200, reason: "OK", version: "HTTP/1.1", headers: [events] };
  const stream = { ...call, id: 1, at: 100, answered: 110, ids: [], answer };
  const socket = { ...stream, id: 2, answer: { ...answer, status: 101, headers: [] } };
  const calls = [stream, socket, { ...call, id: 3, at: 200, ended: 300, ids: [] }].map((each) => joinedCall(each));
  t.strictSame([...joinHits(calls, [ofHit(1, 250), ofHit(2, 350), ofHit(3, 105)])], [[1, 3]]);
  t.end();
});

t.test("as it comes: an id that the answer has counts from then on", (t) => {
  const join = new HttpJoin();
  join.began(ofCall(1, 100, undefined));
  join.began(ofCall(2, 100, undefined));
  t.equal(join.of(ofHit(1, 110, "1 1", "req-x")), undefined, "which of the two cannot be told");
  join.ended(ofCall(2, 100, 120, "req-x"));
  t.equal(join.of(ofHit(2, 130, "1 1", "req-x")), 2);
  t.equal(join.of(ofHit(3, 140, "5 5")), 1);
  t.end();
});

t.test("no hit is lost or told twice, whatever comes; 100,000 hits and 10,000 calls are joined in one go", (t) => {
  const id = fc.constantFrom("a", "b", "c");
  const time = fc.integer({ min: 0, max: 50 });
  fc.assert(
    fc.property(
      fc.array(fc.record({ at: time, long: time, ids: fc.array(id, { maxLength: 2 }) }), { maxLength: 8 }),
      fc.array(fc.record({ at: time, thread: id, values: fc.array(id, { maxLength: 2 }) }), { maxLength: 20 }),
      (calls, hits) => {
        const made = calls.map(({ at, long, ids }, i) => ofCall(i + 1, at, at + long, ...ids));
        const joined = joinHits(
          made,
          hits.map(({ at, thread, values }, i) => ofHit(i + 1, at, thread, ...values)),
        );
        for (const [number, found] of joined) {
          const hit = hits[number - 1];
          const by = made[found - 1];
          if (hit === undefined || by === undefined) return false;
          const named = hit.values.some((value) => by.ids.includes(value));
          const open = by.at <= hit.at && hit.at <= (by.ended ?? Infinity);
          if (!named && !open) return false;
        }
        return true;
      },
    ),
  );
  const calls = Array.from({ length: 10_000 }, (_, i) => ofCall(i, 10 * i, 10 * i + 30, `req-${i}`));
  const hits = Array.from({ length: 100_000 }, (_, i) =>
    ofHit(i, i, `${i % 9}`, ...(i % 2 === 0 ? [`req-${i % 10_000}`] : [])),
  );
  t.ok(joinHits(calls, hits).size >= 50_000);
  t.end();
});
