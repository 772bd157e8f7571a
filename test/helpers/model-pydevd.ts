// A pydevd debuggee in a few lines: it answers as the recorded ones do, and keeps what it was told.
import { frameBody, type Frame } from "../../protocol/frame.ts";
import { encodePydevd } from "../../protocol/pydevd.ts";

export const thread = "pid_7_id_1";

interface Command {
  readonly id: number;
  readonly seq: number;
  readonly fields: readonly string[];
}

export class ModelPydevd {
  /** All commands that came, as text. */
  readonly got: string[] = [];
  /** Line breakpoints: file and id to line and condition. */
  readonly breakpoints = new Map<string, { line: string; condition: string }>();
  readonly exceptions = new Set<string>();
  running = false;
  stopped = false;
  framing: "line" | "header" = "line";
  readonly #send: (bytes: Uint8Array) => void;
  #byId = false;
  #seq = 4;
  #stops = 0;

  constructor(send: (bytes: Uint8Array) => void) {
    this.#send = send;
  }

  receive(frame: Frame): void {
    const text = Buffer.from(frameBody(frame)).toString();
    this.got.push(text);
    const [id = "", seq = "", ...fields] = text.split("\t");
    this.#command({ id: Number(id), seq: Number(seq), fields });
  }

  hit(reason = "111", line = 12): void {
    this.stopped = true;
    this.#stops++;
    const frame = `<frame id="${this.#frameId()}" name="work" file="/srv/app.py" line="${line}"></frame>`;
    const attributes = `id="${thread}" stop_reason="${reason}" message="" suspend_type="trace"`;
    this.event(105, `<xml><thread ${attributes}>${frame}</thread></xml>`);
  }

  event(id: number, text: string): void {
    this.#write(id, this.#seq, text);
    this.#seq += 2;
  }

  /** Of the frame of the present stop. */
  #frameId(): number {
    return 1000 + this.#stops;
  }

  #command({ id, seq, fields }: Command): void {
    const [a = "", b = "", c = "", d = ""] = fields;
    switch (id) {
      case 501:
        this.#byId = c === "ID";
        return this.#write(501, seq, "@@BUILD_NUMBER@@");
      case 503:
        this.framing = a === "http" ? "header" : "line";
        return this.#write(503, seq, "");
      case 101:
        this.running = true;
        return this.event(103, `<xml><thread name="MainThread" id="${thread}" /></xml>`);
      case 102:
        return this.#write(502, seq, `<xml><thread name="MainThread" id="${thread}" /></xml>`);
      case 111: {
        const [bpId, file, line, condition] = this.#byId ? [a, c, d, fields[5]] : [c, b, c, fields[5]];
        this.breakpoints.set(`${file} ${bpId}`, { line: line ?? "", condition: condition ?? "" });
        return;
      }
      case 112:
        this.breakpoints.delete(`${b} ${c}`);
        return;
      case 122:
        this.exceptions.add(a);
        return;
      case 123:
        this.exceptions.delete(a);
        return;
      case 131:
        this.exceptions.clear();
        return;
      case 106:
      case 108:
        if (!this.stopped) return;
        this.stopped = false;
        this.event(106, `${thread}\t${id === 106 ? "-1" : id}`);
        return id === 108 ? this.hit("108", 13) : undefined;
      case 110:
      case 114:
        if (!this.stopped || b !== String(this.#frameId())) return this.#write(901, seq, "Frame not found");
        return this.#write(
          id,
          seq,
          `<xml><var name="${fields.join(" ")}" type="int" value="int: ${this.#stops}" /></xml>`,
        );
      case 115:
      case 113:
        return this.#write(113, seq, `<xml><var name="${d}" type="int" value="int: 1" /></xml>`);
      case 117:
        return this.#write(502, seq, `<xml><var name="x" type="int" value="int: 2" /></xml>`);
      case 129:
        return this.#write(901, seq, "unexpected command 129");
      default:
    }
  }

  #write(id: number, seq: number, text: string): void {
    this.#send(encodePydevd(id, seq, text, { side: "debuggee", framing: this.framing }));
  }
}
