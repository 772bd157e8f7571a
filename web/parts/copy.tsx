// A button that copies a text, and says whether it did.
import { useEffect, useState } from "preact/hooks";
import { complain, say } from "../state.ts";

interface Props {
  readonly text: string | (() => string);
  readonly label?: string;
  /** What is copied, for who does not see it: `the fix`. */
  readonly of: string;
  readonly large?: boolean;
}

export function Copy({ text, label = "Copy", of, large = false }: Props) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return undefined;
    const timer = setTimeout(() => setDone(false), 1500);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(typeof text === "string" ? text : text());
      setDone(true);
      say(`Copied ${of}`);
    } catch {
      complain(new Error("The browser does not let this page copy: select the text, and copy it by hand"));
    }
  };
  return (
    <button
      type="button"
      class={large ? "" : "small"}
      aria-label={label === "Copy" ? `${done ? "Copied" : label} ${of}` : undefined}
      onClick={() => void copy()}
    >
      {done ? "Copied" : label}
    </button>
  );
}
