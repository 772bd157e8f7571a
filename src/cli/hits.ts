// `debugtap hits`: the hits of a trace, one line each, grouped by request.
import { Command } from "commander";
import type { HitsOptions } from "./hit-options.ts";
import { tellProblems } from "./trace-lines.ts";

const pageSize = 50;
const examples = `
Examples:
  $ debugtap hits latest                                       all, grouped by request
  $ debugtap hits latest --service cinder-volume --fn create_volume
  $ debugtap hits latest --file api/volumes.py:212 --since 10s
  $ debugtap hits latest --request req-5f1c                    one request over all services
  $ debugtap hits latest --text "192.168.1.7 error"            words in names and values, parts of them too
  $ debugtap hits latest --where "volume['size'] > 10 and len(tags) == 0"
  $ debugtap hits latest --follow --json | jq .name            those that come, as they come
  $ debugtap show latest 42                                    the stack and values of one

Hits of one request stand together: those with the same first value of \`correlate\`; else those of one HTTP request
through a trigger; else those of one command. --where compares the
values of the innermost frame as they were captured, as Python would: == != < > in, and or not, len(x), a.b, a['b'], a[0]; nothing is
run. Times count from the start of the trace. docs/hits.md has the keys of --json.`;

export function hitsCommand(): Command {
  return new Command("hits")
    .description("list the hits of a trace, grouped by request, and find some of them")
    .argument("<trace>", "directory of the trace, or `latest`")
    .option("--service <name>", "of this service")
    .option("--session <name>", "of this session, e.g. cinder-api#1")
    .option("--file <path>", "in a file whose path ends so: volumes.py, api/volumes.py:212")
    .option("--fn <name>", "in this function")
    .option("--where <expr>", "whose values meet this condition: \"volume['size'] > 10\"")
    .option("--text <words>", "with these words, or parts of words, in names and values")
    .option("--request <id>", "with a correlated value that begins so")
    .option("--trigger <n>", "set off by this command")
    .option("--reason <reason>", "stopped for this: breakpoint, exception, step, …")
    .option("--since <time>", "stopped from this time on: 12.5s, 3m, or a date")
    .option("--until <time>", "stopped up to this time")
    .option("--page <n>", `show page N; on a terminal the first of ${pageSize} lines is shown, elsewhere all`)
    .option("--count <m>", "hits of a page")
    .option("--follow", "go on with the hits that are recorded now")
    .option("--json", "print one JSON object a line")
    .addHelpText("after", examples)
    .action(async (name: string, options: HitsOptions) => {
      const { findTrace, openTrace } = await import("../trace/index.ts");
      const trace = await openTrace(findTrace(name));
      try {
        const { listHits } = await import("./list-hits.ts");
        await listHits(trace, options, pageSize);
        tellProblems(trace);
      } finally {
        trace.close();
      }
    });
}
