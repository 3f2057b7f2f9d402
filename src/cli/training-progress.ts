import type { RunHooks, RunSummary } from "../simclr/run.js";
import { clock, percentage, textTable } from "./table.js";

/** Shows a run on the terminal: what it does, and a bar with step, loss, images a second and time left. */
export async function trainingProgress(): Promise<{ hooks: RunHooks; stop(): void }> {
  const { default: cliProgress } = await import("cli-progress");
  const bar = new cliProgress.SingleBar({
    format: "  {bar} step {value}/{total}   loss {loss}   {speed} images/s   {left} left   kNN {knn}",
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 24,
    hideCursor: true,
    // Without a terminal, a line every five seconds.
    noTTYOutput: true,
    notTTYSchedule: 5000,
  });
  let running = false;
  let knn = "-";
  let started = 0;
  let first = 0;
  const stop = () => {
    if (running) bar.stop();
    running = false;
  };
  return {
    stop,
    hooks: {
      onFolder: (path) => console.log(`run:     ${path}`),
      onPhase(phase) {
        stop();
        console.log(`${phase} ...`);
      },
      onCompile(compiled, total) {
        // One line that counts up; without a terminal, only the last count.
        const done = compiled === total;
        if (process.stdout.isTTY) process.stdout.write(`\r  pipeline ${compiled} of ${total}${done ? "\n" : ""}`);
        else if (done) console.log(`  ${total} pipelines`);
      },
      onKnn(_epoch, accuracy) {
        knn = percentage(accuracy);
        if (running) bar.update({ knn });
      },
      onStep(event, steps) {
        if (!running) {
          started = performance.now();
          first = event.step;
          bar.start(steps, event.step, { loss: event.loss.toFixed(3), speed: "-", left: "-", knn });
          running = true;
          return;
        }
        const secondsPerStep = (performance.now() - started) / 1000 / (event.step - first);
        bar.update(event.step, {
          loss: event.loss.toFixed(3),
          speed: event.imagesPerSecond.toFixed(0),
          left: clock(secondsPerStep * (steps - event.step)),
          knn,
        });
      },
    },
  };
}

/** The closing words of a run: the table of accuracies and where everything lies. */
export function printSummary(summary: RunSummary): void {
  if (summary.skipped.length > 0) {
    console.log(`\n${summary.skipped.length} images could not be read and were left out:`);
    for (const { name, reason } of summary.skipped.slice(0, 10)) console.log(`  ${name}: ${reason}`);
    if (summary.skipped.length > 10) console.log(`  and ${summary.skipped.length - 10} more, listed in the report`);
  }
  if (!summary.finished) {
    console.log(
      `\nstopped after step ${summary.steps}; everything is saved. Go on with:\n  simclr resume ${summary.folder}`,
    );
    return;
  }
  if (summary.before && summary.after) {
    const row = (name: string, { knn, probe }: { knn: number; probe: number }) => [
      name,
      percentage(knn),
      percentage(probe),
    ];
    const rows = [
      ["test accuracy", "kNN", "linear probe"],
      row("random weights", summary.before),
      row("after training", summary.after),
    ];
    console.log(`\n${textTable(rows)}`);
  }
  console.log(`\nrun folder: ${summary.folder}\nreport:     ${summary.report}`);
}
