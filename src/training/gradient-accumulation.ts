import { compileEach, Tape } from "../engine/tape.js";
import type { Outputs } from "../methods/method.js";
import { accumulate } from "../ops/elementwise.js";
import { BatchOutputs, MicroBatchRows, microBatches } from "./batch-outputs.js";
import type { StepParts } from "./model.js";
import {
  type Fed,
  imageInputs,
  lossBatch,
  recordBackward,
  recordLoss,
  recordTargets,
  recordUpdate,
  recordViews,
  runForMetrics,
  type StepRecording,
  stepMetrics,
  trainingPass,
} from "./training-step.js";

/** Those of some names. */
function named(outputs: Outputs, names: readonly string[]): Outputs {
  return Object.fromEntries(names.map((name) => [name, outputs[name]]));
}

/**
 * Records a step whose batch is larger than what the device takes at once, for a loss that is a mean over images: the gradients
 * of the micro-batches' means add up, each by its share of the images, to that of the whole batch. The gradient is exact, but
 * that batch norm takes its statistics from each micro-batch. A loss whose images see each other takes `recordGradientCache`.
 */
export function recordAccumulation(parts: StepParts, microBatch: number): StepRecording {
  const { device, config, method, model, learner } = parts;
  const { batch } = config;
  const { keeps = [] } = learner;
  const chunks = microBatches(batch, microBatch);
  const sizes = [...new Set(chunks.map(({ images }) => images))];
  const continues = device.indices([1], "whether gradients were added up before");
  const sums = model.tensors.slabs.map((slab) => slab.gradients.all);
  const contributions = model.tensors.gradientSlabs();

  let gathered: BatchOutputs | null = null;
  const passes = sizes.map((images) => {
    const inputs = imageInputs(parts, images);
    const rows = new MicroBatchRows(device, images, batch);
    const tape = new Tape(device);
    const pass = trainingPass(tape, parts, true, inputs);
    const views = recordViews(tape, inputs, parts);
    const outputs = { ...learner.embed(pass, views), ...recordTargets(tape, views, parts) };
    const kept = named(outputs, keeps);
    const whole = gathered ?? new BatchOutputs(device, kept, images, batch, method.labels);
    gathered = whole;
    tape.scope("after the update", () => whole.record(tape, kept, rows));
    const metrics = recordBackward(tape, recordLoss(pass, outputs, lossBatch(inputs), parts), parts);
    model.tensors.placeGradients(tape, contributions);
    tape.scope("optimizer", () => {
      contributions.forEach((slab, i) => {
        accumulate(tape, slab.all, continues, sums[i], images / batch);
      });
    });
    const runs = chunks.filter((chunk) => chunk.images === images).length;
    return { inputs, rows, whole, metrics, tape, runs };
  });
  const [{ whole }] = passes;
  const update = new Tape(device);
  recordUpdate(update, whole.outputs, whole.facts, parts);

  const tapes = [...passes, { tape: update, runs: 1 }];
  const free = () => {
    for (const { rows } of passes) rows.dispose();
    whole.dispose();
    const tensors = passes.flatMap(({ inputs, metrics }) => [...Object.values(inputs), metrics.slab.all]);
    for (const tensor of [continues, ...contributions.map(({ all }) => all), ...tensors]) device.free(tensor);
  };
  /** The metrics of the micro-batches, each by its share of the images. */
  const together = (metrics: readonly (readonly number[])[]) =>
    metrics[0].map((_, m) => chunks.reduce((sum, { images }, i) => sum + images * metrics[i][m], 0) / batch);

  return {
    tapes,
    free,
    async compile(onProgress) {
      await device.pipelines.compileAll(
        tapes.flatMap(({ tape }) => tape.launches),
        onProgress,
      );
      const programs = await compileEach(tapes);
      const updating = programs[sizes.length];
      return {
        feeds: chunks,
        programs,
        async submit(feed) {
          const fed: Fed[] = [];
          const metrics: Promise<number[]>[] = [];
          for (const [index, { first, images }] of chunks.entries()) {
            const size = sizes.indexOf(images);
            fed.push(await feed(passes[size].inputs));
            passes[size].rows.write(first);
            device.write(continues, Uint32Array.of(index));
            const running = runForMetrics(programs[size], passes[size].metrics);
            running.catch(() => {});
            // One micro-batch is written while the one before is computed, and no more: the queue holds what was written.
            await metrics.at(-1);
            metrics.push(running);
          }
          whole.write(fed);
          updating.run();
          return { metrics: Promise.all(metrics).then((all) => stepMetrics(passes[0].metrics, together(all))) };
        },
        dispose() {
          for (const program of programs) program.dispose();
          free();
        },
      };
    },
  };
}
