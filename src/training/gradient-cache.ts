import type { Program } from "../engine/program.js";
import { compileEach, Tape } from "../engine/tape.js";
import { contrastive, recordContrast } from "../methods/contrastive.js";
import { accumulate } from "../ops/elementwise.js";
import { gatherRows, scatterRows } from "../ops/rows.js";
import {
  imageInputs,
  type MicroBatch,
  metricsSlab,
  recordBackward,
  recordOutputs,
  runForMetrics,
  type StepParts,
  type StepRecording,
  stepMetrics,
} from "./training-step.js";

/** A batch in as few micro-batches of at most `most` images as there can be, whose sizes differ by one image at most. */
export function microBatches(batch: number, most: number): MicroBatch[] {
  const count = Math.ceil(batch / most);
  return Array.from({ length: count }, (_, i) => {
    const first = Math.floor((i * batch) / count);
    return { first, images: Math.floor(((i + 1) * batch) / count) - first };
  });
}

/**
 * Records a step whose batch is larger than what the device takes at once, by gradient caching (Gao et al. 2021, "Scaling
 * Deep Contrastive Learning Batch Size under Memory Limited Setup", section 3): all micro-batches are embedded without
 * keeping anything else; the loss over the whole batch gives the gradient of every embedding; then each micro-batch goes
 * forward again, with the same views, and back from the gradients of its embeddings, and the gradients of the parameters
 * add up. Memory is that of one micro-batch, and two vectors an image's view. The gradient is exact, but that batch norm
 * takes its statistics from each micro-batch; those of the second pass move the running ones.
 */
export function recordGradientCache(parts: StepParts, microBatch: number): StepRecording {
  const { device, config, model, optimizer } = parts;
  const { batch } = config;
  const chunks = microBatches(batch, microBatch);
  const sizes = [...new Set(chunks.map(({ images }) => images))];

  const shape = [2 * batch, model.head.output];
  const embeddings = device.tensor(shape, undefined, "embeddings of the batch");
  const gradients = device.tensor(shape, undefined, "gradients of the batch's embeddings");
  const continues = device.indices([1], "whether gradients were added up before");
  const metrics = metricsSlab(device, contrastive);
  const sums = model.tensors.slabs.map((slab) => slab.gradients.all);
  const contributions = model.tensors.gradientSlabs();

  const passes = sizes.map((images) => {
    const inputs = imageInputs(parts, images);
    const rows = device.indices([2 * images], "rows of the micro-batch");
    const embedding = new Tape(device);
    const z = recordOutputs(embedding, inputs, parts, { views: 2, movesRunning: false });
    embedding.scope("loss", () => scatterRows(embedding, z, rows, embeddings));

    const back = new Tape(device);
    const again = recordOutputs(back, inputs, parts, { views: 2, movesRunning: true });
    const gradient = back.scope("loss", () => gatherRows(back, gradients, rows));
    back.backward(again, gradient);
    model.tensors.placeGradients(back, contributions);
    back.scope("optimizer", () => {
      contributions.forEach((slab, i) => {
        accumulate(back, slab.all, continues, sums[i]);
      });
    });
    const runs = chunks.filter((chunk) => chunk.images === images).length;
    return { inputs, rows, embedding: { tape: embedding, runs }, back: { tape: back, runs } };
  });

  const contrast = new Tape(device);
  contrast.watch(embeddings);
  recordBackward(contrast, recordContrast(contrast, embeddings, config), metrics, optimizer);
  contrast.place(contrast.gradientOf(embeddings), gradients);

  const update = new Tape(device);
  update.scope("optimizer", () => optimizer.record(update));

  const tapes = [
    ...passes.map(({ back }) => back),
    ...passes.map(({ embedding }) => embedding),
    { tape: contrast, runs: 1 },
    { tape: update, runs: 1 },
  ];
  const free = () => {
    const tensors = passes.flatMap(({ inputs, rows }) => [...Object.values(inputs), rows]);
    const slabs = [metrics, ...contributions].map(({ all }) => all);
    for (const tensor of [embeddings, gradients, continues, ...slabs, ...tensors]) device.free(tensor);
  };

  return {
    tapes,
    free,
    async compile(onProgress) {
      await device.pipelines.compileAll(
        tapes.flatMap(({ tape }) => tape.launches),
        onProgress,
      );
      const programs = await compileEach(tapes);
      const back = programs.slice(0, sizes.length);
      const embedding = programs.slice(sizes.length, 2 * sizes.length);
      const [contrasting, updating] = programs.slice(2 * sizes.length);
      return {
        feeds: [...chunks, ...chunks],
        programs,
        async submit(feed) {
          // One micro-batch is written while the one before is computed, and no more: the queue holds what was written.
          let before: Promise<void> = Promise.resolve();
          const pass = async (of: readonly Program[], eachMicroBatch: (index: number) => void) => {
            for (const [index, { first, images }] of chunks.entries()) {
              const size = sizes.indexOf(images);
              const { inputs, rows } = passes[size];
              await feed(inputs);
              const views = (_: unknown, i: number) => first + (i < images ? i : batch - images + i);
              device.write(rows, Uint32Array.from({ length: 2 * images }, views));
              eachMicroBatch(index);
              of[size].run();
              const running = device.idle();
              running.catch(() => {});
              await before;
              before = running;
            }
          };
          await pass(embedding, () => {});
          contrasting.run();
          await pass(back, (index) => device.write(continues, Uint32Array.of(index)));
          return { metrics: runForMetrics(updating, metrics).then((numbers) => stepMetrics(contrastive, numbers)) };
        },
        dispose() {
          for (const program of programs) program.dispose();
          free();
        },
      };
    },
  };
}
