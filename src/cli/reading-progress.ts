import type { OpenProgress } from "../data/source-file.js";
import { showsProgress } from "./output.js";
import { clock } from "./table.js";

/** Milliseconds of reading that nobody needs to see. */
const SHORT = 1000;

/** Shows how many images are read, how fast, and the time left, once that takes more than a moment. */
export async function readingProgress(): Promise<{ readonly onProgress: OpenProgress; stop(): void }> {
  const { cliProgress } = await import("../vendor/cli-progress.js");
  const bar = new cliProgress.SingleBar({
    format: "  {bar} {value}/{total} images   {speed} images/s   {left} left",
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 24,
    // Nothing is there to be saved, so Ctrl-C ends the process at once: nobody would bring the cursor back.
    hideCursor: false,
    // Without a terminal, a line every five seconds.
    noTTYOutput: true,
    notTTYSchedule: 5000,
  });
  let running = false;
  const stop = () => {
    if (running) bar.stop();
    running = false;
  };
  let [began, before] = [performance.now(), 0];
  return {
    stop,
    onProgress(done, total) {
      // Images are counted anew as they are found, measured and decoded, and of each path.
      if (done < before) {
        stop();
        began = performance.now();
      }
      before = done;
      const elapsed = performance.now() - began;
      if (total === null || elapsed < SHORT || !showsProgress()) return;
      const perSecond = (1000 * done) / elapsed;
      const shown = { speed: perSecond.toFixed(0), left: clock((total - done) / perSecond) };
      if (!running) bar.start(total, done, shown);
      running = true;
      bar.update(done, shown);
      if (done === total) stop();
    },
  };
}
