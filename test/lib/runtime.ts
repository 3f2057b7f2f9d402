import type { Report } from "./suites.js";

/** What a run of files in one runtime is given. */
export interface Session {
  /** Compiled test files, relative to `dist/test/`. */
  files: readonly string[];
  /** Called for each report, in order. */
  onReport: (report: Report) => void;
  /** Called for each line that the tests print. */
  print: (line: string) => void;
  /** Ends the runtime at once. */
  signal: AbortSignal;
}

/** Runs a session to its end, of whatever kind; resolves with how the runtime ended, in words. */
export type Runtime = (session: Session) => Promise<string>;
