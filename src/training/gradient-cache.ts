import type { Program } from "../engine/program.js";
import { compileEach, Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { accumulate } from "../ops/elementwise.js";
import { gatherRows } from "../ops/rows.js";
import { BatchOutputs, MicroBatchRows, microBatches } from "./batch-outputs.js";
import type { StepParts } from "./model.js";
import {
  type Fed,
  imageInputs,
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

/**
 * Records a step whose batch is larger than what the device takes at once, by gradient caching (Gao et al. 2021, "Scaling
 * Deep Contrastive Learning Batch Size under Memory Limited Setup", section 3): all micro-batches are embedded without
 * keeping anything else; the loss over the whole batch gives the gradient of every output; then each micro-batch goes
 * forward again, with the same views, and back from the gradients of its outputs, and the gradients of the parameters
 * add up. Memory is that of one micro-batch, and two vectors an image's view. The gradient is exact, but that batch norm
 * takes its statistics from each micro-batch; those of the second pass move the running ones, and a teacher, which has one pass
 * only, moves its own in the first. Parameters of the loss itself get their gradients with it.
 */
export function recordGradientCache(parts: StepParts, microBatch: number): StepRecording {
  const { device, config, method, model, learner } = parts;
  const { batch } = config;
  const chunks = microBatches(batch, microBatch);
  const sizes = [...new Set(chunks.map(({ images }) => images))];
  const sums = model.tensors.slabs.map((slab) => slab.gradients.all);
  const contributions = model.tensors.gradientSlabs();
  const continues = device.indices([1], "whether gradients were added up before");
  const made: { dispose(): void }[] = [];
  const keep = <Made extends { dispose(): void }>(part: Made): Made => {
    made.push(part);
    return part;
  };

  let gathered: BatchOutputs | null = null;
  const passes = sizes.map((images) => {
    const inputs = imageInputs(parts, images);
    const rows = keep(new MicroBatchRows(device, images, batch));
    const tape = new Tape(device);
    const views = recordViews(tape, inputs, parts);
    const outputs = {
      ...learner.embed(trainingPass(tape, parts, false, inputs), views),
      ...recordTargets(tape, views, parts),
    };
    const whole = gathered ?? keep(new BatchOutputs(device, outputs, images, batch, method.labels));
    gathered = whole;
    tape.scope("loss", () => whole.record(tape, outputs, rows));
    const trained = Object.keys(outputs).filter((name) => tape.needsGradient(outputs[name]));
    return {
      images,
      inputs,
      rows,
      whole,
      trained,
      tape,
      runs: chunks.filter((chunk) => chunk.images === images).length,
    };
  });
  const [{ whole, trained }] = passes;

  const contrast = new Tape(device);
  contrast.watch(...trained.map((name) => whole.outputs[name]));
  const measured = recordLoss(trainingPass(contrast, parts, false), whole.outputs, whole.facts, parts);
  const metrics = recordBackward(contrast, measured, parts);
  /** Gradients that the loss has found, where they stay until the passes back. */
  const cached = (tensor: Tensor, label: string): Tensor | null => {
    const found = contrast.gradient(tensor);
    if (!found) return null;
    const place = device.tensor(tensor.shape, undefined, label);
    keep({ dispose: () => device.free(place) });
    contrast.place(found, place);
    return place;
  };
  const gradients = new Map<string, Tensor>();
  for (const name of trained) {
    const gradient = cached(whole.outputs[name], `gradients of the batch's ${name}`);
    if (gradient) gradients.set(name, gradient);
  }
  const ofLoss = model.tensors.parameters.flatMap(({ value, gradient }) => {
    const own = cached(value, `gradient of ${value.label} from the loss`);
    return own ? [{ value, gradient, own }] : [];
  });
  const elsewhere = new Set(ofLoss.map(({ value }) => value));

  const backs = passes.map(({ inputs, rows, runs }) => {
    const tape = new Tape(device);
    const again = learner.embed(trainingPass(tape, parts, true, inputs), recordViews(tape, inputs, parts));
    for (const [name, gradient] of gradients) {
      const seed = tape.scope("loss", () => gatherRows(tape, gradient, rows.of(again[name])));
      tape.backward(again[name], seed);
    }
    model.tensors.placeGradients(tape, contributions, elsewhere);
    tape.scope("optimizer", () => {
      contributions.forEach((slab, i) => {
        accumulate(tape, slab.all, continues, sums[i]);
      });
    });
    return { tape, runs };
  });

  const update = new Tape(device);
  for (const { own, gradient } of ofLoss) update.scope("loss", () => accumulate(update, own, continues, gradient));
  recordUpdate(update, whole.outputs, whole.facts, parts);

  const tapes = [...backs, ...passes, { tape: contrast, runs: 1 }, { tape: update, runs: 1 }];
  const free = () => {
    for (const part of made) part.dispose();
    const inputs = passes.flatMap((pass) => Object.values(pass.inputs));
    const slabs = [metrics.slab, ...contributions].map(({ all }) => all);
    for (const tensor of [continues, ...slabs, ...inputs]) device.free(tensor);
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
            const fed: Fed[] = [];
            for (const [index, { first, images }] of chunks.entries()) {
              const size = sizes.indexOf(images);
              fed.push(await feed(passes[size].inputs));
              passes[size].rows.write(first);
              eachMicroBatch(index);
              of[size].run();
              const running = device.idle();
              running.catch(() => {});
              await before;
              before = running;
            }
            return fed;
          };
          whole.write(await pass(embedding, () => {}));
          contrasting.run();
          await pass(back, (index) => device.write(continues, Uint32Array.of(index)));
          // From here on, `continues` is above 0: what the loss has found adds to the sums.
          return { metrics: runForMetrics(updating, metrics).then((numbers) => stepMetrics(metrics, numbers)) };
        },
        dispose() {
          for (const program of programs) program.dispose();
          free();
        },
      };
    },
  };
}
