#!/usr/bin/env node
// Starts dist/src/cli/main.js. Old syntax on purpose: an old Node must get as far as saying that it is too old.
"use strict";

var oldest = [20, 19];
var found = process.versions.node.split(".");
var isOld = Number(found[0]) < oldest[0] || (Number(found[0]) === oldest[0] && Number(found[1]) < oldest[1]);

/** Prints an error as DebugtapError.format() does, or as JSON for `--json`. */
function fail(code, what, why, fix) {
  if (process.argv.indexOf("--json") >= 0) {
    console.log(JSON.stringify({ error: { code: code, what: what, why: why, fix: fix } }));
  } else {
    console.error(code + ": " + what + "\n  why: " + why + "\n  fix: " + fix);
  }
  process.exitCode = 2;
}

if (isOld) {
  fail(
    "DT_NODE_TOO_OLD",
    "Node " + process.versions.node + " is too old",
    "debugtap needs Node " + oldest.join(".") + " or newer",
    "nvm install 22 && nvm use 22",
  );
} else {
  import("../dist/src/cli/main.js").then(
    function (cli) {
      return cli.main(process.argv.slice(2));
    },
    function (error) {
      if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
      var isBuild = String(error.message).indexOf("dist") >= 0 && String(error.message).indexOf("find package") < 0;
      fail("DT_NOT_BUILT", "debugtap is not complete", error.message, isBuild ? "npm run build" : "npm install");
    },
  );
}
