// Loaded before each test file: programs that a test starts are not watched by tap, which takes each Node among them half a second
// more (it is for coverage, which is off).
//
// Rules
// - tap goes by the package process-on-spawn, whose state is one for the process: it is made here without what wraps spawn, or unwrapped.
const key = Symbol.for("process-on-spawn@*:singletonId");
const state: unknown = Reflect.get(globalThis, key);
if (state === undefined) {
  const value = { version: 1, listeners: [], unwrap: () => undefined };
  Object.defineProperty(globalThis, key, { value, writable: true });
} else if (typeof state === "object" && state !== null && "unwrap" in state && typeof state.unwrap === "function") {
  state.unwrap();
}
delete process.env["NODE_OPTIONS"];
