import { augment } from "../augment/augment.js";
import { policyList } from "../augment/policy.js";
import type { Program } from "../engine/program.js";
import { Tape } from "../engine/tape.js";
import { matrixShape, type Tensor } from "../engine/tensor.js";
import { matmul } from "../ops/matmul.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { slice } from "../ops/shape.js";
import type { Trainer } from "../training/trainer.js";
import { imageInputs, readViewed, type StepInputs, trainingPass, writeViewed } from "../training/training-step.js";

/** Images of a batch whose views are compared. */
const SHOWN = 48;

/** How alike the views of a batch are to the model as it is: what the loss looks at. */
export class BatchPicture {
  private constructor(
    readonly trainer: Trainer,
    readonly count: number,
    readonly inputs: StepInputs,
    readonly cosines: Tensor,
    readonly dimension: number,
    readonly program: Program,
  ) {}

  static async create(trainer: Trainer): Promise<BatchPicture> {
    const { device, parts, config } = trainer;
    const count = Math.min(SHOWN, config.batch);
    const inputs = imageInputs(parts, count);
    const tape = new Tape(device);
    // Two views of each, whatever a method takes.
    const [{ policies, size }] = parts.learner.views;
    const list = policyList(policies).slice(0, 2);
    const views = augment(tape, inputs, list.length === 2 ? list : list[0], size);
    const [z] = Object.values(parts.learner.embed(trainingPass(tape, parts, false), [views]));
    const unit = normalizeRows(tape, z);
    const [first, second] = [0, count].map((begin) => slice(tape, unit, 0, begin, begin + count));
    const cosines = matmul(tape, first, second, { transposeB: true });
    const program = await tape.compile({ keep: [cosines] });
    return new BatchPicture(trainer, count, inputs, cosines, matrixShape(z)[1], program);
  }

  /** Cosines of the first views of images of the batch of a step, counted from 0, and of their second views: [count, count]. */
  async draw(step: number): Promise<{ readonly side: number; readonly values: Float32Array<ArrayBuffer> }> {
    const { trainer, inputs, count } = this;
    const { device, dataset, config, stepsPerEpoch } = trainer;
    const numbers = trainer.imagesOf(step).slice(0, count);
    writeViewed(device, inputs, await readViewed(dataset, numbers), config.seed, Math.floor(step / stepsPerEpoch));
    return { side: count, values: await this.program.runAndRead(this.cosines) };
  }

  dispose(): void {
    this.program.dispose();
    for (const tensor of Object.values(this.inputs)) this.trainer.device.free(tensor);
  }
}
