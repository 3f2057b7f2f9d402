import { type Command, Option } from "commander";
import { ConfigError } from "../errors.js";
import { Evaluator, labelled, withTestSet } from "../simclr/evaluation.js";
import { createModel } from "../simclr/model.js";
import { withDevice } from "./session.js";
import { loadModel, openRunImages, openStoredRun } from "./stored-run.js";
import { percentage, textTable } from "./table.js";

interface EvalOptions {
  readonly images?: string;
  readonly probe: "sgd" | "lbfgs";
}

/** `simclr eval <run>` */
export function addEvalCommand(program: Command): void {
  program
    .command("eval")
    .description(
      "measure a run's encoder by weighted kNN (k = 200, temperature 0.1) and a linear probe, beside random weights",
    )
    .argument("<run>", "the run's folder")
    .option("--images <images>", "labelled images (default: those it was trained on)")
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
        const images = labelled(withTestSet(await openRunImages(run, options.images)));
        if (!images) throw new ConfigError("these images have no labels: put each class in a folder of its own");
        const regression = options.probe === "lbfgs";
        const rows = [["test accuracy", "kNN", ...(regression ? ["logistic regression", "l2"] : ["linear probe"])]];
        const models = {
          "random weights": createModel(device, run.checkpoint.config, run.checkpoint.imageSize),
          [`after ${run.checkpoint.step} steps`]: loadModel(device, run),
        };
        for (const [name, model] of Object.entries(models)) {
          const evaluator = await Evaluator.create(device, model, images);
          if (regression) {
            const evaluation = await evaluator.knn();
            const { testAccuracy, l2, converged } = await evaluator.logisticRegression(evaluation);
            const penalty = `${l2.toPrecision(2)}${converged ? "" : " (not converged)"}`;
            rows.push([name, percentage(evaluation.knn), percentage(testAccuracy), penalty]);
          } else {
            const { knn, probe } = await evaluator.accuracies();
            rows.push([name, percentage(knn), percentage(probe)]);
          }
          evaluator.dispose();
        }
        console.log(`\n${textTable(rows)}`);
      });
    });
}
