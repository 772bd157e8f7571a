// fast-check with one seed for all runs: what decides whether a change lands may not depend on chance. To look further:
//
//   DEBUGTAP_SEED=$RANDOM npx tap dist/test/protocol/replay-any.test.js
import fc from "fast-check";

const { DEBUGTAP_SEED: seed = "20261129" } = process.env;

fc.configureGlobal({ seed: Number(seed) });

export { fc };
