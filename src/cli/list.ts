import { printable } from "../printable.js";
import { listRuns, type OtherFolder, type RunOverview } from "../runs/overview.js";
import type { Command } from "../vendor/commander.js";
import { counted } from "../wording.js";
import { answer } from "./output.js";
import { percentage, textTable } from "./table.js";

/** Epochs done of those planned. */
export function epochsText({ epochs, planned }: RunOverview): string {
  return `${Number(epochs.toFixed(1))}/${planned}`;
}

/** Local time to the minute. */
export function dateText(started: string | null): string {
  if (started === null) return "-";
  const date = new Date(started);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** A share, or "-" for none. */
export function shareText(share: number | null): string {
  return share === null ? "-" : percentage(share);
}

/** A loss, or "-" for none. */
export function lossText(loss: number | null): string {
  return loss === null ? "-" : loss.toFixed(3);
}

/** Folders that are no runs, a line each. */
export function othersText(others: readonly OtherFolder[]): string {
  return printable(others.map(({ reason }) => `left out: ${reason}`).join("\n"));
}

/** Runs of which lines of the metrics are damaged, a line each. */
export function damageText(
  runs: readonly { readonly overview: RunOverview; readonly damagedLines: number }[],
): string[] {
  return runs.flatMap(({ overview, damagedLines }) =>
    damagedLines === 0
      ? []
      : [printable(`${overview.folder}: ${counted(damagedLines, "damaged line")} of metrics.jsonl left out`)],
  );
}

/** `simclr list [folder]` */
export function addListCommand(program: Command): void {
  program
    .command("list")
    .description("list the runs in a folder, the oldest first: how far they are and what came out")
    .argument("[folder]", "that the run folders are in", "runs")
    .option("--json", "print the list as one JSON document")
    .action(async (folder: string) => {
      const { runs, others } = await listRuns(folder);
      const overviews = runs.map(({ overview }) => overview);
      answer({ runs: overviews, others }, runs.length === 0 ? `no runs in ${printable(folder)}` : tableOf(overviews));
      for (const line of damageText(runs)) console.error(line);
      if (others.length > 0) console.error(othersText(others));
    });
}

function tableOf(runs: readonly RunOverview[]): string {
  const classified = runs.some(({ classifier }) => classifier !== null);
  const accuracies = [...(classified ? ["classifier"] : []), "kNN", "kNN (k = 20)", "probe"];
  const rows = runs.map((run) => [
    printable(run.name),
    printable(run.method),
    printable(run.encoder),
    epochsText(run),
    run.state,
    lossText(run.loss),
    ...[...(classified ? [run.classifier] : []), run.knn, run.knn20, run.probe].map(shareText),
    dateText(run.started),
  ]);
  return textTable([["run", "method", "encoder", "epochs", "state", "loss", ...accuracies, "began"], ...rows]);
}
