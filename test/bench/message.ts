// Messages of an exact size in the framing of a wire.
export type Frame = (size: number) => Buffer;

export const frames: Readonly<Record<"raw" | "dap" | "pydevd", Frame>> = {
  raw: (size) => Buffer.alloc(size, "b"),
  dap: (size) => {
    const event = (output: string): string =>
      `{"seq":1,"type":"event","event":"output","body":{"category":"stdout","output":"${output}"}}`;
    const whole = (output: string): string => `Content-Length: ${event(output).length}\r\n\r\n${event(output)}`;
    const digits = `${size}`.length;
    // The number of digits of the length depends on the length: one guess, then what it is off by.
    const guess = size - event("").length - `Content-Length: \r\n\r\n`.length - digits;
    return Buffer.from(whole("b".repeat(guess + size - whole("b".repeat(guess)).length)));
  },
  // 101 lets the debuggee run: from the first message on this session is like any other.
  pydevd: (size) => Buffer.from(`101\t2\t${"b".repeat(size - 7)}\n`),
};
