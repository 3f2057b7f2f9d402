/** Tests in a headless Chromium. */
import { stripVTControlCharacters } from "node:util";
import { openPage } from "./browser.js";
import type { Runtime } from "./runtime.js";
import type { Report } from "./suites.js";

/** Whose modules the tests import. */
const packages = ["uvu", "kleur", "dequal", "diff"];

const imports = {
  uvu: "/node_modules/uvu/dist/index.mjs",
  "uvu/assert": "/node_modules/uvu/assert/index.mjs",
  "uvu/diff": "/node_modules/uvu/diff/index.mjs",
  kleur: "/node_modules/kleur/index.mjs",
  dequal: "/node_modules/dequal/dist/index.mjs",
  diff: "/node_modules/diff/lib/index.mjs",
};

export const runInChromium: Runtime = ({ files, onReport, print, signal }) =>
  openPage({
    script: "/dist/test/lib/page.js",
    imports,
    served: ["test/golden/", ...packages.map((name) => `node_modules/${name}/`)],
    print,
    signal,
    functions: (end) => ({
      testFiles: () => files,
      report(report: Report) {
        onReport(withoutColours(report));
        if (report.kind === "end") end();
      },
    }),
  });

function withoutColours(report: Report): Report {
  return report.kind === "done" ? { ...report, errors: report.errors.map(stripVTControlCharacters) } : report;
}
