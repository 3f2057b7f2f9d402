import { resolve } from "node:path";
import type { ImageSet } from "../data/dataset.js";
import type { Device } from "../engine/device.js";
import { ConfigError } from "../errors.js";
import { type Evaluation, Evaluator, labelled, withTestSet } from "../evaluation/evaluation.js";
import { printable } from "../printable.js";
import { changesText, imagesOfRun, sharesImages } from "../runs/run-images.js";
import { createModel } from "../training/model.js";
import { type Command, Option } from "../vendor/commander.js";
import { openForCommand } from "./images.js";
import { number } from "./numbers.js";
import { addOutputOptions, answer, say } from "./output.js";
import { withDevice } from "./session.js";
import { openRunImages, openTrained, type Trained } from "./stored-run.js";
import { intervalText, percentage, textTable } from "./table.js";

interface EvalOptions {
  readonly images?: string;
  readonly imageSize?: number;
  readonly maxBroken?: number;
  readonly bitDepth?: number;
  readonly probe: "sgd" | "lbfgs";
}

function intervalsOf({ classifier, knn, knn20, test }: Evaluation, probe: readonly [string, number]): string {
  return intervalText(test.rows, [["classifier", classifier], ["kNN", knn], ["kNN (k = 20)", knn20], probe]);
}

/** Images by which an encoder is evaluated: those of its run, where these are; else a tenth of what was named is held out. */
async function imagesToEvaluate(
  { run, imageSize }: Trained,
  { images: named, maxBroken, bitDepth }: EvalOptions,
): Promise<ImageSet> {
  if (!run) {
    if (named === undefined) throw new ConfigError("a file of an encoder has no images: name some with --images");
    const set = withTestSet(await openForCommand({ images: named, maxBroken, bitDepth }, imageSize, "as they are"));
    say(
      "         without its run nobody can tell which images the encoder was trained on: where it saw the test images, the accuracies are too good",
    );
    return set;
  }
  const { folder, checkpoint, source } = run;
  const opened = await openRunImages(run, named, { maxBroken, bitDepth });
  const same = named === undefined || resolve(named) === source?.images || (await sharesImages(folder, opened));
  if (!same) return withTestSet(opened, checkpoint.config.seed);
  const { images, changes } = await imagesOfRun(folder, opened);
  for (const line of changesText(changes)) say(`         ${printable(line)}`);
  return images;
}

/** `simclr eval <encoder>` */
export function addEvalCommand(program: Command): void {
  addOutputOptions(program.command("eval"))
    .description(
      "measure an encoder by weighted kNN (k = 200, temperature 0.1; k = 20, temperature 0.07) and a linear probe, and its classifier where it has one, beside random weights",
    )
    .argument("<encoder>", "a run's folder, an encoder.safetensors, or a ResNet of torchvision's names as safetensors")
    .option("--images <images>", "labelled images (default: those it was trained on)")
    .option("--image-size <pixels>", "of the images, for an encoder's file that does not say it", number)
    .option("--max-broken <share>", "of the images that may be broken, and are left out (default: 0.05)", number)
    .option("--bit-depth <bits>", "of images of 16 bits that hold fewer (default: the run's, or 16)", number)
    .addOption(
      new Option(
        "--probe <method>",
        "sgd: the linear probe; lbfgs: logistic regression to convergence, the best of 45 penalties on a tenth of the training images",
      )
        .choices(["sgd", "lbfgs"])
        .default("sgd"),
    )
    .action((path: string, options: EvalOptions) => withDevice((device) => evaluate(device, path, options)));
}

async function evaluate(device: Device, path: string, options: EvalOptions): Promise<void> {
  const encoder = await openTrained(path, device, options.imageSize);
  device.choices.use(encoder.choices);
  const images = labelled(await imagesToEvaluate(encoder, options));
  if (!images) throw new ConfigError("these images have no labels: put each class in a folder of its own");
  const { config, imageSize, classes, label } = encoder;
  // A classifier of other classes has nothing to say of these.
  const classified = classes.length > 0 && classes.join() === images.train.classes.join();
  const regression = options.probe === "lbfgs";
  const probe = regression ? ["logistic regression", "l2"] : ["linear probe"];
  const rows = [["test accuracy", ...(classified ? ["classifier"] : []), "kNN", "kNN (k = 20)", ...probe]];
  const models = {
    "random weights": createModel(device, config, imageSize, classes.length),
    [label]: encoder.load(device),
  };
  const { memoryBudget } = config;
  const results: object[] = [];
  let intervals = "";
  for (const [name, model] of Object.entries(models)) {
    const evaluated = classified ? model : { ...model, classes: 0 };
    const evaluator = await Evaluator.create(device, evaluated, images, { memoryBudget });
    const cells = ({ classifier, knn, knn20 }: Evaluation) =>
      [classifier, knn, knn20].flatMap((share) => (share === null ? [] : [percentage(share)]));
    if (regression) {
      const evaluation = await evaluator.knn();
      const { testAccuracy, l2, converged } = await evaluator.logisticRegression(evaluation);
      const penalty = `${l2.toPrecision(2)}${converged ? "" : " (not converged)"}`;
      rows.push([printable(name), ...cells(evaluation), percentage(testAccuracy), penalty]);
      const { knn, knn20, classifier } = evaluation;
      results.push({ name, classifier, knn, knn20, logisticRegression: testAccuracy, l2, converged });
      intervals = intervalsOf(evaluation, ["logistic regression", testAccuracy]);
    } else {
      const evaluation = await evaluator.accuracies();
      rows.push([printable(name), ...cells(evaluation), percentage(evaluation.probe)]);
      const { knn, knn20, classifier, probe: linear } = evaluation;
      results.push({ name, classifier, knn, knn20, probe: linear });
      intervals = intervalsOf(evaluation, ["linear probe", evaluation.probe]);
    }
    evaluator.dispose();
  }
  const { train, test } = images;
  const counts = { trainImages: train.length, testImages: test.length, classes: train.classes };
  answer({ encoder: path, ...counts, results }, `\n${textTable(rows)}\n${intervals}`);
}
