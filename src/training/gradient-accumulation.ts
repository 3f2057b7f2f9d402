import { compileEach, Tape } from "../engine/tape.js";
import { accumulate } from "../ops/elementwise.js";
import { microBatches } from "./gradient-cache.js";
import {
  metricsSlab,
  type Objective,
  recordBackward,
  runForMetrics,
  type StepInputs,
  type StepParts,
  type StepRecording,
  stepMetrics,
} from "./training-step.js";

/**
 * Records a step whose batch is larger than what the device takes at once, for a loss that is a mean over images: the gradients
 * of the micro-batches' means add up, each by its share of the images, to that of the whole batch. The gradient is exact, but
 * that batch norm takes its statistics from each micro-batch. A contrastive loss, whose images see each other, takes
 * `recordGradientCache`.
 */
export function recordAccumulation<Inputs extends StepInputs>(
  parts: StepParts,
  objective: Objective<Inputs>,
  microBatch: number,
): StepRecording {
  const { device, config, model, optimizer } = parts;
  const { batch } = config;
  const chunks = microBatches(batch, microBatch);
  const sizes = [...new Set(chunks.map(({ images }) => images))];
  const continues = device.indices([1], "whether gradients were added up before");
  const sums = model.tensors.slabs.map((slab) => slab.gradients.all);
  const contributions = model.tensors.gradientSlabs();

  const passes = sizes.map((images) => {
    const inputs = objective.inputs(parts, images);
    const metrics = metricsSlab(device, objective);
    const tape = new Tape(device);
    recordBackward(tape, objective.record(tape, inputs, parts), metrics, optimizer);
    model.tensors.placeGradients(tape, contributions);
    tape.scope("optimizer", () => {
      contributions.forEach((slab, i) => {
        accumulate(tape, slab.all, continues, sums[i], images / batch);
      });
    });
    return { inputs, metrics, tape, runs: chunks.filter((chunk) => chunk.images === images).length };
  });
  const update = new Tape(device);
  update.scope("optimizer", () => optimizer.record(update));

  const tapes = [...passes, { tape: update, runs: 1 }];
  const free = () => {
    const tensors = passes.flatMap(({ inputs, metrics }) => [...Object.values(inputs), metrics.all]);
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
          const metrics: Promise<number[]>[] = [];
          for (const [index, { images }] of chunks.entries()) {
            const size = sizes.indexOf(images);
            await feed(passes[size].inputs);
            device.write(continues, Uint32Array.of(index));
            const running = runForMetrics(programs[size], passes[size].metrics);
            running.catch(() => {});
            // One micro-batch is written while the one before is computed, and no more: the queue holds what was written.
            await metrics.at(-1);
            metrics.push(running);
          }
          updating.run();
          return { metrics: Promise.all(metrics).then((all) => stepMetrics(objective, together(all))) };
        },
        dispose() {
          for (const program of programs) program.dispose();
          free();
        },
      };
    },
  };
}
