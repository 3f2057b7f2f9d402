/** The test page: runs the files that the runner names; the runner puts the two global functions there. */
import { type Report, runSuites } from "./suites.js";

declare global {
  /** Compiled test files, relative to `dist/test/`. */
  var testFiles: () => Promise<readonly string[]>;
  var report: (report: Report) => Promise<void>;
}

// Without a process, uvu writes fragments of lines to the console.log of its first import; whole lines read better.
const log = console.log;
let line = "";
console.log = (text: string) => {
  line += text;
  if (!line.includes("\n")) return;
  log(line.trimEnd());
  line = "";
};
await import("uvu");
console.log = log;

await runSuites(await testFiles(), report);
