// The dependency rule of ARCHITECTURE.md.
const only = (name, from, allowed, why) => ({
  name,
  comment: why,
  severity: "error",
  from: { path: from },
  to: { pathNot: allowed },
});
const node = (...names) => `^(node:)?(${names.join("|")})$`;

module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    only(
      "protocol-is-pure",
      "^protocol/",
      ["^protocol/", "node_modules/(saxes|diff|@vscode/debugprotocol)/"],
      "protocol also runs in the page",
    ),
    only(
      "page-is-apart",
      "^web/",
      ["^web/", "^protocol/", "node_modules/(preact|@preact/signals|vite)/"],
      "the page speaks to debugtap by protocol/api.ts only",
    ),
    only("page-model-is-pure", "^web/model/", ["^web/model/", "^protocol/"], "its tests run without a browser"),
    only(
      "core-is-plain",
      "^src/(?!relay|host|plan|index|config|suggest)[^/]+\\.ts$",
      ["^protocol/", "^src/[^/]+\\.ts$", node("stream")],
      "the core knows streams, not sockets or files",
    ),
    {
      name: "relay-alone-builds",
      severity: "error",
      from: { path: "^src/(?!relay|host|plan|index)[^/]+\\.ts$" },
      to: { path: "^src/(transport|addons|trace|control|cli|demo|triggers)/" },
    },
    {
      name: "addons-stand-alone",
      severity: "error",
      from: { path: "^src/addons/([^/]+)" },
      to: { path: "^src/addons/", pathNot: "^src/addons/$1" },
    },
    {
      name: "addons-are-features",
      severity: "error",
      from: { path: "^src/addons/" },
      to: { path: "^src/(transport|control|cli|demo)/" },
    },
    {
      name: "sockets-in-transport",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(transport|demo)/" },
      to: { path: [node("net", "tls", "dgram"), "node_modules/ssh2/"] },
    },
    {
      name: "http-in-control-and-triggers",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(control|demo|triggers)/" },
      to: { path: [node("http", "https"), "node_modules/(ws|http-proxy)/"] },
    },
    {
      name: "triggers-stand-on-the-core",
      severity: "error",
      from: { path: "^src/triggers/" },
      to: { path: "^src/(transport|addons|control|cli|demo)/" },
    },
    {
      name: "transport-is-below",
      severity: "error",
      from: { path: "^src/transport/" },
      to: { path: "^src/(addons|trace|control|cli|demo|triggers|relay|session|service|registry)" },
    },
    {
      name: "trace-is-below",
      severity: "error",
      from: { path: "^src/trace/" },
      to: { path: "^src/(addons|control|cli|demo|triggers|transport|relay|session|service|registry)" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(dist|node_modules)/" },
    tsConfig: { fileName: "tsconfig.base.json" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: [".ts", ".tsx", ".js", ".mjs", ".d.ts"],
      exportsFields: ["exports"],
      conditionNames: ["import", "types", "node", "default"],
    },
  },
};
