import { dirname, join } from "node:path";
import { UsageError } from "../errors.js";
import { writeFileAtomic } from "../io/atomic.js";
import { shown } from "../io/json.js";
import { printable } from "../printable.js";
import { comparePage } from "../report/compare-page.js";
import { type Difference, differences } from "../runs/comparison.js";
import { type ReadRun, type RunOverview, readRuns } from "../runs/overview.js";
import type { Command } from "../vendor/commander.js";
import { damageText, dateText, epochsText, lossText, othersText, shareText } from "./list.js";
import { answer, tell } from "./output.js";
import { suggested } from "./suggested.js";
import { textTable } from "./table.js";

interface CompareOptions {
  /** False with `--no-page`. */
  readonly page?: string | false;
}

/** `simclr compare <runs...>` */
export function addCompareCommand(program: Command): void {
  program
    .command("compare")
    .description(
      "compare runs: the settings in which they differ, the results, and a page with their curves in one chart",
    )
    .argument("<runs...>", "folders of runs")
    .option("--json", "print the comparison as one JSON document, and everything else to the standard error output")
    .option("--page <file>", "where the page goes (default: compare.html beside the first run)")
    .option("--no-page", "write no page")
    .action(compare);
}

async function compare(folders: readonly string[], { page }: CompareOptions): Promise<void> {
  const { runs, others } = await readRuns([...new Set(folders)]);
  for (const line of damageText(runs)) console.error(line);
  if (others.length > 0) console.error(othersText(others));
  if (runs.length === 0) throw new UsageError("none of these folders is a run, so there is nothing to compare");
  const overviews = runs.map(({ overview }) => overview);
  const differing = differences(runs.map(({ config }) => config));
  const settings = Object.fromEntries(
    differing.map(({ name, values }) => [name, values.map((value) => value ?? null)]),
  );
  answer({ runs: overviews, differences: settings, others }, printable(comparisonText(overviews, differing)));
  if (page === false) return;
  const file = page ?? join(dirname(runs[0].overview.folder), "compare.html");
  await writeFileAtomic(file, await pageOf(runs, differing));
  tell(`\npage: ${file}`);
}

/** A setting's value for people. */
function settingText(value: unknown): string {
  if (value === undefined || value === null) return "-";
  return typeof value === "string" ? value : shown(value);
}

/** Settings that differ, and results, with a column a run. */
function rowsOf(runs: readonly RunOverview[], differing: readonly Difference[]) {
  const shares = [
    ["classifier", (run: RunOverview) => run.classifier],
    ["kNN", (run: RunOverview) => run.knn],
    ["kNN (k = 20)", (run: RunOverview) => run.knn20],
    ["linear probe", (run: RunOverview) => run.probe],
  ] as const;
  return {
    settings: differing.map(({ name, values }) => [name, ...values.map(settingText)]),
    results: [
      ["state", ...runs.map(({ state }) => state)],
      ["epochs", ...runs.map(epochsText)],
      ["loss", ...runs.map(({ loss }) => lossText(loss))],
      ...shares
        .filter(([, of]) => runs.some((run) => of(run) !== null))
        .map(([name, of]) => [name, ...runs.map((run) => shareText(of(run)))]),
      ["began", ...runs.map(({ started }) => dateText(started))],
    ],
  };
}

function comparisonText(runs: readonly RunOverview[], differing: readonly Difference[]): string {
  const { settings, results } = rowsOf(runs, differing);
  const numbers = runs.map((_, i) => String(i + 1));
  const names = runs.map(({ folder }, i) => `${numbers[i]}  ${folder}`);
  const table = settings.length > 0 ? textTable([["setting", ...numbers], ...settings]) : "no setting differs";
  return `${names.join("\n")}\n\n${table}\n\n${textTable([["result", ...numbers], ...results])}`;
}

function pageOf(runs: readonly ReadRun[], differing: readonly Difference[]): Promise<string> {
  const { settings, results } = rowsOf(
    runs.map(({ overview }) => overview),
    differing,
  );
  const curve = ({ lines }: ReadRun, kind: string, name: string) =>
    lines.flatMap((line) => {
      const [x, y] = [line["epoch"], line[name]];
      return line["kind"] === kind && typeof x === "number" && typeof y === "number" ? [{ x, y }] : [];
    });
  return comparePage({
    names: runs.map(({ overview }) => overview.name),
    sameLoss: new Set(runs.map(({ overview }) => overview.method)).size === 1,
    // Without paths: a page is for showing around.
    settings: settings.filter(([name]) => !["source.images", "source.test"].includes(name)),
    results,
    curves: runs.map((run) => ({
      loss: curve(run, "step", "loss"),
      knn: curve(run, "evaluation", "knn"),
      knn20: curve(run, "evaluation", "knn20"),
      learningRate: curve(run, "step", "learningRate"),
      outputStd: curve(run, "step", "outputStd"),
    })),
    command: suggested(process.argv.slice(2)),
  });
}
