export { toChrome } from "./chrome.ts";
export { toHar } from "./har.ts";
export { toMarkdown } from "./markdown.ts";
export { toOtlp } from "./otlp.ts";
export { toPcapng } from "./pcapng.ts";
export { storyOf } from "./story.ts";
