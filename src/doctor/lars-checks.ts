import * as kernels from "../../kernels/generated.js";
import { clippedLarsStep, larsStep } from "../reference/optimizers.js";
import { type Check, checkOf, evaluate, type Outputs, type Subject } from "./check.js";
import { block, concatenate, midTraining, type OptimizerInputs } from "./optimizer-checks.js";
import { ROUNDINGS, relativeError } from "./rounding.js";

/** One tensor's place in a slab, in blocks of 64 elements, and whether LARS adapts it. */
export interface LarsTensor {
  readonly blocks: number;
  readonly adapted: boolean;
}

/** One step of LARS for tensors that lie one after another. */
export interface LarsInputs extends OptimizerInputs {
  /** Weight decay of the tensors that are not adapted. */
  readonly offsetDecay: number;
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly eta: number;
  readonly trustClip: boolean;
  readonly tensors: readonly LarsTensor[];
  readonly velocity: Float64Array;
}

function byTensor(
  tensors: readonly LarsTensor[],
  step: (cut: (x: Float64Array) => Float64Array, tensor: LarsTensor) => Outputs,
): Outputs {
  let end = 0;
  const runs = tensors.map((tensor) => {
    const begin = end;
    end += tensor.blocks * block;
    return step((x) => x.slice(begin, begin + tensor.blocks * block), tensor);
  });
  return concatenate(runs);
}

function norm(x: Float64Array): number {
  return Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));
}

/** What an update counts times in the velocity, its decay, and the relative error of the former. */
interface Scale {
  readonly factor: number;
  readonly decay: number;
  readonly error: number;
}

function scaleOf(inputs: LarsInputs, adapted: boolean, weight: Float64Array, gradient: Float64Array): Scale {
  const { learningRate: rate, weightDecay, offsetDecay, eta, trustClip } = inputs;
  if (!adapted) return { factor: trustClip ? 1 : rate, decay: offsetDecay, error: 0 };
  const update = gradient.map((g, i) => g + weightDecay * weight[i]);
  const both = norm(weight) > 0 && norm(trustClip ? gradient : update) > 0;
  if (!both) return { factor: trustClip ? 1 : rate, decay: trustClip ? 0 : weightDecay, error: 0 };
  if (trustClip) {
    const trust = (eta * norm(weight)) / (norm(gradient) + weightDecay * norm(weight) + 1e-8);
    // Two roots of sums of squares, which halve their errors; a product and two sums of positive terms; a product above;
    // two quotients.
    const error = relativeError(weight.length + 1 + 2 * ROUNDINGS.sqrt + 4 + 2 * ROUNDINGS.division);
    return { factor: Math.min(trust / rate, 1), decay: weightDecay, error };
  }
  // The norm of the update is off by no more than that of the errors of its elements, two roundings each.
  const terms = gradient.map((g, i) => Math.abs(g) + weightDecay * Math.abs(weight[i]));
  const normError = (relativeError(2) * norm(terms)) / norm(update);
  // Two sums of squares, whose errors the root halves; their quotient, the root, and two products.
  const error = normError + relativeError(weight.length + 1 + ROUNDINGS.division / 2 + ROUNDINGS.sqrt + 2);
  return { factor: (rate * eta * norm(weight)) / norm(update), decay: weightDecay, error };
}

/** Outputs weight and velocity. */
export const larsSubject: Subject<LarsInputs> = {
  compute: (device, { learningRate, weightDecay, offsetDecay, momentum, nesterov, eta, trustClip, tensors, ...data }) =>
    evaluate(device, (tape, input) => {
      const elements = data.weight.length;
      const blocks = elements / block;
      const [parameters, gradients, velocity] = [data.weight, data.gradient, data.velocity].map((x) =>
        input(x, [elements]),
      );
      const indices = tensors.flatMap((tensor, i) => new Array<number>(tensor.blocks).fill(i));
      const firsts = tensors.flatMap((tensor, i) => [indices.indexOf(i), indices.indexOf(i) + tensor.blocks]);
      const schedule = input(Float64Array.of(learningRate, 0, 0, 0), [4]);
      const segments = input(Uint32Array.from(indices), [blocks]);
      const ranges = input(Uint32Array.from(firsts), [firsts.length]);
      const adapted = input(
        Float64Array.from(tensors, (tensor) => Number(tensor.adapted)),
        [tensors.length],
      );
      const squares = tape.tensor([blocks, 2], "squares");
      const scales = tape.tensor([tensors.length, 2], "scales");
      const both = { parameters, gradients };
      const inNorm = trustClip ? 0 : weightDecay;
      tape.launch(kernels.larsNorms, { ...both, squares }, { elements: blocks, weight_decay: inNorm });
      tape.launch(
        kernels.larsTrust,
        { squares, ranges, adapted, schedule, scales },
        { blocks, tensors: tensors.length, eta, weight_decay: weightDecay, offset_decay: offsetDecay },
        { CLIP: trustClip },
      );
      tape.launch(
        kernels.lars,
        { ...both, segments, scales, schedule, velocity },
        { elements, momentum, tensors: tensors.length },
        { NESTEROV: nesterov, CLIP: trustClip },
      );
      return { weight: parameters, velocity };
    }),
  reference: (inputs) =>
    byTensor(inputs.tensors, (cut, { adapted }) => {
      const step = inputs.trustClip ? clippedLarsStep : larsStep;
      const weightDecay = adapted ? inputs.weightDecay : inputs.offsetDecay;
      const options = { ...inputs, adapted, weightDecay };
      return { ...step(cut(inputs.weight), cut(inputs.gradient), cut(inputs.velocity), options) };
    }),
  tolerance: (inputs) =>
    byTensor(inputs.tensors, (cut, { adapted }) => {
      const { momentum, nesterov, trustClip, learningRate } = inputs;
      const [weight, gradient, before] = [cut(inputs.weight), cut(inputs.gradient), cut(inputs.velocity)];
      const { factor, decay, error } = scaleOf(inputs, adapted, weight, gradient);
      // Each with its size where no term cancels another: two roundings of the decayed gradient and one of its product; a
      // product and the sum of the velocity; the same again with Nesterov's momentum.
      const size = gradient.map((g, i) => factor * (Math.abs(g) + decay * Math.abs(weight[i])));
      const updateError = size.map((x) => x * (error + relativeError(3)));
      const velocity = before.map((v, i) => momentum * Math.abs(v) + size[i]);
      const velocityError = velocity.map((v, i) => updateError[i] + relativeError(2) * v);
      const step = velocity.map((v, i) => (nesterov ? size[i] + momentum * v : v));
      const stepError = velocityError.map((e, i) =>
        nesterov ? updateError[i] + momentum * e + relativeError(2) * step[i] : e,
      );
      // The step is taken off the weight, with LARS-clip once it is multiplied by the rate.
      const rate = trustClip ? learningRate : 1;
      const last = relativeError(trustClip ? 2 : 1);
      return {
        weight: weight.map((w, i) => rate * stepError[i] + last * (Math.abs(w) + rate * step[i])),
        velocity: velocityError,
      };
    }),
};

/** A tensor of so many blocks, one that is not adapted, one of zeros, and one whose gradient is zeros. */
function check(text: string, settings: Partial<LarsInputs> = {}, blocks = 2): Check {
  return checkOf(["larsNorms", "larsTrust", "lars"], `4 tensors, one not adapted, ${text}`, larsSubject, () => {
    const inputs = midTraining(blocks + 3);
    inputs.weight.fill(0, (blocks + 1) * block, (blocks + 2) * block);
    inputs.gradient.fill(0, (blocks + 2) * block);
    const tensors = [blocks, 1, 1, 1].map((count, i) => ({ blocks: count, adapted: i !== 1 }));
    const [eta, offsetDecay] = [Math.fround(0.02), 0];
    return { ...inputs, eta, offsetDecay, nesterov: false, trustClip: false, tensors, ...settings };
  });
}

const nesterov = true;
const trustClip = true;
const offsetDecay = Math.fround(0.01);

/** Checks of a step of LARS in the middle of a training, in both of its forms. */
export const larsChecks: readonly Check[] = [
  check("plain momentum"),
  check("plain momentum, 70 blocks", {}, 70),
  check("Nesterov's momentum", { nesterov }),
  check("all decayed", { offsetDecay }),
  check("clipped, below the rate", { trustClip }),
  check("clipped to the rate, all decayed", { trustClip, offsetDecay, learningRate: Math.fround(0.01) }),
  check("clipped, Nesterov's momentum", { trustClip, nesterov }),
  check("clipped, a rate of 0", { trustClip, learningRate: 0 }),
];
