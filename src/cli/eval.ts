import type { Command } from "commander";
import { ConfigError } from "../errors.js";
import { Evaluator, labelled, withTestSet } from "../simclr/evaluation.js";
import { createModel } from "../simclr/model.js";
import { withDevice } from "./session.js";
import { loadModel, openRunImages, openStoredRun } from "./stored-run.js";
import { percentage, textTable } from "./table.js";

/** `simclr eval <run>` */
export function addEvalCommand(program: Command): void {
  program
    .command("eval")
    .description(
      "measure a run's encoder by weighted kNN (k = 200, temperature 0.1) and a linear probe, beside random weights",
    )
    .argument("<run>", "the run's folder")
    .option("--images <images>", "labelled images (default: those it was trained on)")
    .action(async (path: string, options: { readonly images?: string }) => {
      await withDevice(async (device) => {
        const run = await openStoredRun(path);
        device.choices.use(run.checkpoint.choices);
        const images = labelled(withTestSet(await openRunImages(run, options.images)));
        if (!images) throw new ConfigError("these images have no labels: put each class in a folder of its own");
        const rows = [["test accuracy", "kNN", "linear probe"]];
        const models = {
          "random weights": createModel(device, run.checkpoint.config, run.checkpoint.imageSize),
          [`after ${run.checkpoint.step} steps`]: loadModel(device, run),
        };
        for (const [name, model] of Object.entries(models)) {
          const evaluator = await Evaluator.create(device, model, images);
          const { knn, probe } = await evaluator.accuracies();
          rows.push([name, percentage(knn), percentage(probe)]);
          evaluator.dispose();
        }
        console.log(`\n${textTable(rows)}`);
      });
    });
}
