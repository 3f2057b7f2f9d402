import type { ImageSet } from "../data/dataset.js";
import type { Device } from "../engine/device.js";
import { withTestSet } from "../evaluation/evaluation.js";
import { methodNamed } from "../methods/catalogue.js";
import { trainedOn } from "../runs/run-images.js";
import { DEFAULT_CONFIG, type TrainingConfig } from "../training/config.js";
import { planTraining, type TrainingPlan } from "../training/plan.js";
import { answer } from "./output.js";
import { mebibytes, textTable } from "./table.js";

function gigaflops(flops: number): string {
  return (flops / 1e9).toFixed(2);
}

/** A plan as text: a table of the parts of a step, one of the memory, and the micro-batches that there are. */
export function planText({ config, imageSize, parameters, flops, layers, bytes, alternatives }: TrainingPlan): string {
  const { batch, microBatch, memoryBudget } = config;
  const divided = microBatch < batch ? `, in micro-batches of ${microBatch}` : "";
  const parts = layers.map(({ name, flops: part, bytes: alive }) => [name, gigaflops(part), mebibytes(alive)]);
  const alive = layers.reduce((sum, layer) => sum + layer.bytes, 0);
  const memory = [
    ["weights, gradients, optimizer", mebibytes(bytes.model)],
    ["images, embeddings, metrics", mebibytes(bytes.inputs)],
    ["activations and their gradients", mebibytes(bytes.activations)],
    ["peak", mebibytes(bytes.peak)],
    ...(bytes.run === null ? [] : [["peak of a run, with evaluation and report", mebibytes(bytes.run)]]),
  ];
  const fitting = alternatives.map(({ microBatch: images, peak }) => {
    const over = peak !== null && peak > memoryBudget * 2 ** 20;
    const chosen = images === microBatch ? "this plan" : "";
    if (peak === null)
      return [String(images), "-", "cannot be: a tensor too large for this adapter, or a single row for batch norm"];
    return [String(images), mebibytes(peak), over ? "above the memory budget" : chosen];
  });
  return [
    `plan:    ${config.encoder}, ${parameters.toLocaleString("en")} parameters, ${imageSize} x ${imageSize} pixels, batch ${batch}${divided}`,
    "",
    textTable([["part of a step", "GFLOP", "at the peak"], ...parts, ["all", gigaflops(flops), mebibytes(alive)]]),
    "",
    textTable([["memory", ""], ...memory]),
    "",
    textTable([["micro-batch", "peak", `of a budget of ${memoryBudget} MiB`], ...fitting]),
  ].join("\n");
}

/** Prints what training with a configuration on these images takes, and trains nothing. */
export function printPlan(device: Device, config: Partial<TrainingConfig>, images: ImageSet): void {
  const { width } = images.train;
  const divided = withTestSet(images);
  const dataset = trainedOn(divided, methodNamed(config.method ?? DEFAULT_CONFIG.method).labels);
  const planned = {
    train: dataset.length,
    originalPixels: dataset.originals?.pixels,
    test: divided.test?.length,
    classes: divided.train.labels ? divided.train.classes.length : 0,
  };
  const plan = planTraining(device, config, width, planned);
  answer(plan, `\n${planText(plan)}`);
}
