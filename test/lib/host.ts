/** The test process of Node, Bun and Deno: runs the files named as arguments and reports on standard output. */
import { reportMark, runSuites } from "./suites.js";

await runSuites(process.argv.slice(2), (report) => process.stdout.write(`${reportMark}${JSON.stringify(report)}\n`));
// An open GPU instance would keep the process alive; leave once the last report is out.
process.stdout.write("", () => process.exit(0));
