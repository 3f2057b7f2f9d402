import { resolve } from "node:path";
import type { ImageSet } from "../data/dataset.js";
import { ConfigError } from "../errors.js";
import { type Evaluation, Evaluator, labelled, withTestSet } from "../evaluation/evaluation.js";
import { printable } from "../printable.js";
import { changesText, imagesOfRun, sharesImages } from "../runs/run-images.js";
import { createModel } from "../training/model.js";
import { type Command, Option } from "../vendor/commander.js";
import { number } from "./numbers.js";
import { withDevice } from "./session.js";
import { loadModel, openRunImages, openStoredRun, type StoredRun } from "./stored-run.js";
import { intervalText, percentage, textTable } from "./table.js";

interface EvalOptions {
  readonly images?: string;
  readonly maxBroken?: number;
  readonly probe: "sgd" | "lbfgs";
}

function intervalsOf({ classifier, knn, test }: Evaluation, probe: readonly [string, number]): string {
  return intervalText(test.rows, [["classifier", classifier], ["kNN", knn], probe]);
}

/** The images of the run, where these are; else a tenth of what was named is held out. */
async function imagesToEvaluate(
  { folder, checkpoint, source }: StoredRun,
  opened: ImageSet,
  named?: string,
): Promise<ImageSet> {
  const same = named === undefined || resolve(named) === source?.images || (await sharesImages(folder, opened));
  if (!same) return withTestSet(opened, checkpoint.config.seed);
  const { images, changes } = await imagesOfRun(folder, opened);
  for (const line of changesText(changes)) console.log(`         ${printable(line)}`);
  return images;
}

/** `simclr eval <run>` */
export function addEvalCommand(program: Command): void {
  program
    .command("eval")
    .description(
      "measure a run's encoder by weighted kNN (k = 200, temperature 0.1) and a linear probe, and its classifier where it has one, beside random weights",
    )
    .argument("<run>", "the run's folder")
    .option("--images <images>", "labelled images (default: those it was trained on)")
    .option("--max-broken <share>", "of the images that may be broken, and are left out (default: 0.05)", number)
    .addOption(
      new Option(
        "--probe <method>",
        "sgd: the linear probe; lbfgs: logistic regression to convergence, the best of 45 penalties on a tenth of the training images",
      )
        .choices(["sgd", "lbfgs"])
        .default("sgd"),
    )
    .action(async (path: string, options: EvalOptions) => {
      await withDevice(async (device) => {
        const run = await openStoredRun(path);
        device.choices.use(run.checkpoint.choices);
        const opened = await openRunImages(run, options.images, options.maxBroken);
        const images = labelled(await imagesToEvaluate(run, opened, options.images));
        if (!images) throw new ConfigError("these images have no labels: put each class in a folder of its own");
        const { config, imageSize, classes, step } = run.checkpoint;
        // A classifier of other classes has nothing to say of these.
        const classified = classes.length > 0 && classes.join() === images.train.classes.join();
        const regression = options.probe === "lbfgs";
        const probe = regression ? ["logistic regression", "l2"] : ["linear probe"];
        const rows = [["test accuracy", ...(classified ? ["classifier"] : []), "kNN", ...probe]];
        const models = {
          "random weights": createModel(device, config, imageSize, classes.length),
          [`after ${step} steps`]: loadModel(device, run),
        };
        const { memoryBudget } = config;
        let intervals = "";
        for (const [name, model] of Object.entries(models)) {
          const evaluated = classified ? model : { ...model, classes: 0 };
          const evaluator = await Evaluator.create(device, evaluated, images, { memoryBudget });
          const cells = ({ classifier, knn }: Evaluation) =>
            [classifier, knn].flatMap((share) => (share === null ? [] : [percentage(share)]));
          if (regression) {
            const evaluation = await evaluator.knn();
            const { testAccuracy, l2, converged } = await evaluator.logisticRegression(evaluation);
            const penalty = `${l2.toPrecision(2)}${converged ? "" : " (not converged)"}`;
            rows.push([name, ...cells(evaluation), percentage(testAccuracy), penalty]);
            intervals = intervalsOf(evaluation, ["logistic regression", testAccuracy]);
          } else {
            const evaluation = await evaluator.accuracies();
            rows.push([name, ...cells(evaluation), percentage(evaluation.probe)]);
            intervals = intervalsOf(evaluation, ["linear probe", evaluation.probe]);
          }
          evaluator.dispose();
        }
        console.log(`\n${textTable(rows)}\n${intervals}`);
      });
    });
}
