import t from "tap";
import { parseConfig } from "../../src/config.ts";
import { sourceLine, withSource } from "../../src/config-write.ts";

const pairs = [{ local: "/home/me/src", remote: "/opt/stack" }];
const line = "source: { local: /home/me/src, remote: /opt/stack }";

t.test("one line; what YAML could misread is quoted", async (t) => {
  t.equal(sourceLine(pairs), line);
  const odd = [...pairs, { local: "C:\\src: x", remote: "/opt/ü #1" }];
  const text = `services: { a: { wire: dap, listens: 1, ide: 2, ${sourceLine(odd)} } }`;
  t.strictSame(parseConfig(text, "/p/debugtap.yml").services[0]?.source, odd);
});

t.test("only the source changes: in braces, in lines, as JSON, in place of one that is there", async (t) => {
  const cases: readonly (readonly [before: string, after: string])[] = [
    [
      "# mine\nservices:\n  a:   { wire: dap, listens: 1, ide: 2 } # here\n  b: { wire: dap, listens: 3, ide: 4 }\n",
      `# mine\nservices:\n  a:   { wire: dap, listens: 1, ide: 2, ${line} } # here\n  b: { wire: dap, listens: 3, ide: 4 }\n`,
    ],
    [
      "services:\n  a:\n    # its wire\n    wire: dap\n    listens: 1\n    ide: 2\n\n# end\n",
      `services:\n  a:\n    # its wire\n    ${line}\n    wire: dap\n    listens: 1\n    ide: 2\n\n# end\n`,
    ],
    [
      "services:\n  a:\n    wire: dap\n    source:\n      - local: /x\n        remote: /y # old\n    # the port\n    listens: 1\n    ide: 2\n",
      `services:\n  a:\n    wire: dap\n    ${line} # old\n    # the port\n    listens: 1\n    ide: 2\n`,
    ],
    [
      "services:\n  a: { source: [{ local: /x, remote: /y }], wire: dap, listens: 1, ide: 2 }\n",
      `services:\n  a: { ${line}, wire: dap, listens: 1, ide: 2 }\n`,
    ],
    [
      '{"services":{"a":{"wire":"dap","listens":1,"ide":2}}}',
      '{"services":{"a":{"wire":"dap","listens":1,"ide":2, "source": { "local": "/home/me/src", "remote": "/opt/stack" }}}}',
    ],
  ];
  for (const [before, after] of cases) {
    t.equal(withSource(before, "a", pairs), after);
    t.match(parseConfig(after, "/p/debugtap.yml").services[0]?.source, pairs);
  }
});

t.test("what is no plain map is refused", async (t) => {
  for (const text of ["services: { a: *x }", "services: {}", "", "services: { a: {} }"]) {
    try {
      withSource(text, "a", pairs);
      t.fail(text);
    } catch (thrown) {
      t.match(thrown, { code: "DT_CONFIG_INVALID" }, text);
    }
  }
});
