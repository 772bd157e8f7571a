// What a debuggee says, as text and nothing else.
import { amount } from "../model/format.ts";
import { visible } from "../model/visible-text.ts";

interface Props {
  readonly text: string;
  /** Characters. */
  readonly limit?: number;
  /** Line feeds break lines. */
  readonly lines?: boolean;
  /** That it is cut is a mere `…`: for names in narrow places. */
  readonly brief?: boolean;
  readonly class?: string;
}

export function Shown({ text, limit = 300, lines = false, brief = false, class: style }: Props) {
  const { pieces, more } = visible(text, { limit, lines });
  return (
    <bdi class={style}>
      {pieces.map((piece) => (piece.sign === true ? <span class="sign">{piece.text}</span> : piece.text))}
      {more > 0 && (brief ? "…" : <span class="note"> … {amount(more)} characters more</span>)}
    </bdi>
  );
}
