// Messages of an exact size in the framing of a wire.
export type Frame = (size: number) => Buffer;

export const frames: Readonly<Record<"raw" | "dap" | "pydevd", Frame>> = {
  raw: (size) => Buffer.alloc(size, "b"),
  dap: (size) => {
    const around = dapEvent("").length;
    // The number of digits of the length depends on the length: one guess, then what it is off by.
    const guess = size - around - `${size}`.length;
    return Buffer.from(dapEvent("b".repeat(guess + size - dapEvent("b".repeat(guess)).length)));
  },
  pydevd: (size) => Buffer.from(`116\t2\t${"b".repeat(size - 7)}\n`),
};

function dapEvent(output: string): string {
  const json = `{"seq":1,"type":"event","event":"output","body":{"category":"stdout","output":"${output}"}}`;
  return `Content-Length: ${json.length}\r\n\r\n${json}`;
}
