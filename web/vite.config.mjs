// The page in one script and one style sheet, in dist/web: it is served by debugtap and works without a network.
import { defineConfig } from "vite";

// oxlint-disable-next-line no-default-export -- what Vite reads
export default defineConfig({
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../dist/web",
    // tsc has its model/ there, for the tests.
    emptyOutDir: false,
    target: "es2022",
    modulePreload: false,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: {
      output: { entryFileNames: "assets/page.js", assetFileNames: "assets/page[extname]", codeSplitting: false },
    },
  },
});
