import type { Accuracies } from "../evaluation/evaluation.js";
import { printable } from "../printable.js";
import type { RunHooks, RunSummary, RunWarning } from "../runs/hooks.js";
import { TensorBoard } from "../runs/tensorboard.js";
import { counted } from "../wording.js";
import { answer, say, showsProgress, tell, terminal, warn } from "./output.js";
import type { Interruption } from "./session.js";
import { suggested } from "./suggested.js";
import { clock, intervalText, mebibytes, percentage, textTable } from "./table.js";

/** Shows a run on the terminal: what it does, and a bar with step, loss, images a second and time left. */
export async function trainingProgress(): Promise<{ hooks: RunHooks; stop(): void }> {
  const shown = showsProgress();
  const { cliProgress } = await import("../vendor/cli-progress.js");
  const bar = new cliProgress.SingleBar({
    format: "  {bar} step {value}/{total}{part}   loss {loss}   {speed} images/s   {left} left   {test}",
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 24,
    hideCursor: true,
    // Without a terminal, a line every five seconds.
    noTTYOutput: true,
    notTTYSchedule: 5000,
  });
  let running = false;
  /** The last evaluation. */
  let test = "";
  /** When the first step ended that was shown. */
  let started: { readonly time: number; readonly step: number } | null = null;
  const stop = () => {
    if (running) bar.stop();
    running = false;
    started = null;
  };
  return {
    stop,
    hooks: {
      onFolder: (path) => say(`run:     ${path}`),
      onPhase(phase) {
        stop();
        say(`${phase} ...`);
      },
      onCompile(compiled, total) {
        // One line that counts up; without a terminal, only the last count.
        const done = compiled === total;
        const out = terminal();
        if (out) out.write(`\r  pipeline ${compiled} of ${total}${done ? "\n" : ""}`);
        else if (done) say(`  ${total} pipelines`);
      },
      onEvaluation(_epoch, { knn, classifier }) {
        test = classifier === null ? `kNN ${percentage(knn)}` : `test ${percentage(classifier)}`;
        if (running) bar.update({ test });
      },
      onMicroBatch(begun, total, step, steps) {
        if (!shown) return;
        const part = ` (${begun} of ${total})`;
        if (running) {
          bar.update({ part });
          return;
        }
        // Steps of many micro-batches are long: the first one is shown while it runs.
        bar.start(steps, step - 1, { part, loss: "-", speed: "-", left: "-", test });
        running = true;
      },
      onNote(message) {
        stop();
        say(printable(`note:    ${message}`));
      },
      onWarning(message, step) {
        stop();
        warn(printable(warningText({ message, step })));
      },
      onStep(event, steps) {
        if (!shown) return;
        if (!running) bar.start(steps, event.step, { part: "", loss: "-", speed: "-", left: "-", test });
        running = true;
        if (started === null) {
          started = { time: performance.now(), step: event.step };
          bar.update(event.step, { loss: event.loss.toFixed(3), test });
          return;
        }
        const secondsPerStep = (performance.now() - started.time) / 1000 / (event.step - started.step);
        bar.update(event.step, {
          loss: event.loss.toFixed(3),
          speed: event.imagesPerSecond.toFixed(0),
          left: clock(secondsPerStep * (steps - event.step)),
          test,
        });
      },
    },
  };
}

function warningText({ message, step }: RunWarning): string {
  return step === 0 ? `warning: ${message}` : `warning after step ${step}: ${message}`;
}

/** The closing words of a run: the table of accuracies and where everything lies. */
function printSummary(summary: RunSummary): void {
  answer(summary);
  if (summary.skipped.length > 0) {
    say(`\n${counted(summary.skipped.length, "image")} could not be read and left out:`);
    for (const { name, reason } of summary.skipped.slice(0, 10)) say(printable(`  ${name}: ${reason}`));
    if (summary.skipped.length > 10) say(`  and ${summary.skipped.length - 10} more, listed in the report`);
  }
  if (summary.warnings.length > 0) say(printable(`\n${summary.warnings.map(warningText).join("\n")}`));
  say(`\ndevice memory: ${mebibytes(summary.peakBytes)} at most`);
  if (!summary.finished) {
    tell(
      `\nstopped after step ${summary.steps}; everything is saved. Go on with:\n  ${suggested(["resume", summary.folder])}`,
    );
    return;
  }
  const { before, after } = summary;
  if (before && after) {
    const columns = [...(after.classifier === null ? [] : ["classifier"]), "kNN", "kNN (k = 20)", "linear probe"];
    const cells = ({ classifier, knn, knn20, probe }: Accuracies) =>
      [classifier, knn, knn20, probe].flatMap((share) => (share === null ? [] : [percentage(share)]));
    const rows = [
      ["test accuracy", ...columns],
      [summary.initial === null ? "random weights" : "before fine-tuning", ...cells(before)],
      ["after training", ...cells(after)],
    ];
    const { classifier, knn, knn20, probe } = after;
    const shares = [
      ["classifier", classifier],
      ["kNN", knn],
      ["kNN (k = 20)", knn20],
      ["linear probe", probe],
    ] as const;
    say(`\n${textTable(rows)}\n${intervalText(summary.testImages, shares)}`);
  }
  tell(`\nrun folder: ${summary.folder}\nreport:     ${summary.report}`);
}

/**
 * Trains with a line of progress, and prints how it went. Sets the exit code to 130 where it was interrupted.
 * @param events a folder for files of events, for TensorBoard
 */
export async function withProgress(
  { signal, save }: Interruption,
  train: (hooks: RunHooks) => Promise<RunSummary>,
  events?: string,
): Promise<void> {
  const board = events === undefined ? null : await TensorBoard.create(events);
  const { hooks, stop } = await trainingProgress();
  const onFolder = (path: string) => {
    save();
    hooks.onFolder?.(path);
  };
  try {
    const told = { ...hooks, onFolder, signal };
    const summary = await train(board?.beside(told) ?? told);
    board?.end(summary);
    stop();
    printSummary(summary);
    if (!summary.finished) process.exitCode = 130;
  } finally {
    stop();
  }
}
