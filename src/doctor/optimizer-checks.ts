import { kernels } from "../../kernels/generated.js";
import { adamWStep, larsStep, sgdStep } from "../reference/optimizers.js";
import { type Check, checkOf, evaluate, exactly, type Outputs, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import { ROUNDINGS, relativeError } from "./rounding.js";

/** Elements that the optimizers' tables have one entry for. */
const block = 64;

/** What every optimizer has; settings are numbers that f32 has. */
interface OptimizerInputs {
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly weight: Float64Array;
  readonly gradient: Float64Array;
}

/** One step of SGD over blocks of 64 elements, of which those with `decays` 1 are decayed. */
export interface SgdInputs extends OptimizerInputs {
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly decays: Float64Array;
  readonly velocity: Float64Array;
}

const absolute = (x: Float64Array) => x.map(Math.abs);

/** The results of `step` for runs of elements, side by side. */
function concatenate(runs: readonly Outputs[]): Outputs {
  const names = Object.keys(runs[0]);
  return Object.fromEntries(
    names.map((name) => [name, Float64Array.from(runs.flatMap((run) => Array.from(run[name])))]),
  );
}

function byBlock(count: number, step: (cut: (x: Float64Array) => Float64Array, index: number) => Outputs): Outputs {
  const runs = Array.from({ length: count }, (_, i) => step((x) => x.slice(i * block, (i + 1) * block), i));
  return concatenate(runs);
}

function sgdValues(inputs: SgdInputs): Outputs {
  return byBlock(inputs.decays.length, (cut, i) => ({
    ...sgdStep(cut(inputs.weight), cut(inputs.gradient), cut(inputs.velocity), {
      ...inputs,
      weightDecay: inputs.weightDecay * inputs.decays[i],
    }),
  }));
}

/** Outputs weight and velocity. */
export const sgdSubject: Subject<SgdInputs> = {
  compute: (device, { learningRate, momentum, nesterov, weightDecay, ...data }) =>
    evaluate(device, (tape, input) => {
      const elements = data.weight.length;
      const [weight, gradients, velocity] = [data.weight, data.gradient, data.velocity].map((x) =>
        input(x, [elements]),
      );
      tape.launch(
        kernels.sgd,
        {
          gradients,
          decays: input(data.decays, [data.decays.length]),
          schedule: input(Float64Array.of(learningRate, 0, 0, 0), [4]),
          parameters: weight,
          velocity,
        },
        { elements, momentum, weight_decay: weightDecay },
        { NESTEROV: nesterov },
      );
      return { weight, velocity };
    }),
  reference: sgdValues,
  // At most eight roundings one upon the other, of terms that are largest where none cancels another.
  tolerance(inputs) {
    const sums = sgdValues({
      ...inputs,
      weight: absolute(inputs.weight),
      // A step is taken off the weight: with these signs, it is added.
      gradient: absolute(inputs.gradient),
      velocity: absolute(inputs.velocity),
      learningRate: -inputs.learningRate,
    });
    return Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum.map((x) => x * relativeError(8))]));
  },
};

/** Step number `step`, from 1, of AdamW. */
export interface AdamWInputs extends OptimizerInputs {
  readonly step: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly decays: Float64Array;
  readonly first: Float64Array;
  readonly second: Float64Array;
}

function adamWValues(inputs: AdamWInputs): Outputs {
  return byBlock(inputs.decays.length, (cut, i) => {
    const moments = { first: cut(inputs.first), second: cut(inputs.second) };
    const options = { ...inputs, weightDecay: inputs.weightDecay * inputs.decays[i] };
    const next = adamWStep(cut(inputs.weight), cut(inputs.gradient), moments, inputs.step, options);
    return { weight: next.weight, ...next.moments };
  });
}

/** Outputs weight, first and second. */
export const adamWSubject: Subject<AdamWInputs> = {
  compute: (device, { learningRate, weightDecay, step, beta1, beta2, epsilon, ...data }) =>
    evaluate(device, (tape, input) => {
      const elements = data.weight.length;
      const [weight, gradients, first, second] = [data.weight, data.gradient, data.first, data.second].map((x) =>
        input(x, [elements]),
      );
      tape.launch(
        kernels.adamw,
        {
          gradients,
          decays: input(data.decays, [data.decays.length]),
          schedule: input(Float64Array.of(learningRate, 1 - beta1 ** step, 1 - beta2 ** step, 0), [4]),
          parameters: weight,
          first_moment: first,
          second_moment: second,
        },
        { elements, one_minus_beta1: 1 - beta1, one_minus_beta2: 1 - beta2, epsilon, weight_decay: weightDecay },
      );
      return { weight, first, second };
    }),
  reference: adamWValues,
  tolerance(inputs) {
    // The moments: two products, and 1 - beta before them, and a sum. The step: the first moment where nothing cancels, a
    // division by a rounded correction, and a division by a root of such a quotient (which halves its errors).
    const sums = adamWValues({ ...inputs, first: absolute(inputs.first), gradient: absolute(inputs.gradient) });
    const stepped = adamWValues({
      ...inputs,
      weight: exactly(inputs.weight),
      first: absolute(inputs.first),
      gradient: absolute(inputs.gradient),
    });
    const stepRoundings = 4 + (1 + ROUNDINGS.division) * 1.5 + 2 + ROUNDINGS.sqrt + 1 + ROUNDINGS.division + 2;
    return {
      weight: stepped.weight.map(
        (value, i) => Math.abs(value) * relativeError(stepRoundings) + Math.abs(inputs.weight[i]) * relativeError(5),
      ),
      first: sums.first.map((value) => value * relativeError(4)),
      second: sums.second.map((value) => value * relativeError(5)),
    };
  },
};

/** One tensor's place in a slab, in blocks of 64 elements, and whether LARS decays and adapts it. */
export interface LarsTensor {
  readonly blocks: number;
  readonly excluded: boolean;
}

/** One step of LARS for tensors that lie one after another. */
export interface LarsInputs extends OptimizerInputs {
  readonly momentum: number;
  readonly trustCoefficient: number;
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

/** Outputs weight and velocity. */
export const larsSubject: Subject<LarsInputs> = {
  compute: (device, { learningRate, weightDecay, momentum, trustCoefficient, tensors, ...data }) =>
    evaluate(device, (tape, input) => {
      const elements = data.weight.length;
      const blocks = elements / block;
      const [weight, gradients, velocity] = [data.weight, data.gradient, data.velocity].map((x) =>
        input(x, [elements]),
      );
      const segments = tensors.flatMap((tensor, i) => new Array<number>(tensor.blocks).fill(i));
      const ranges = tensors.flatMap((tensor, i) => [segments.indexOf(i), segments.indexOf(i) + tensor.blocks]);
      const adapted = Float64Array.from(tensors, (tensor) => (tensor.excluded ? 0 : 1));
      const squares = tape.tensor([blocks, 2], "squares");
      const trusts = tape.tensor([tensors.length], "trusts");
      tape.launch(
        kernels.larsNorms,
        { parameters: weight, gradients, squares },
        { elements: blocks, weight_decay: weightDecay },
      );
      tape.launch(
        kernels.larsTrust,
        {
          squares,
          ranges: input(Uint32Array.from(ranges), [ranges.length]),
          adapted: input(adapted, [tensors.length]),
          trusts,
        },
        { blocks, tensors: tensors.length, coefficient: trustCoefficient },
      );
      tape.launch(
        kernels.lars,
        {
          gradients,
          segments: input(Uint32Array.from(segments), [blocks]),
          trusts,
          schedule: input(Float64Array.of(learningRate, 0, 0, 0), [4]),
          parameters: weight,
          velocity,
        },
        { elements, momentum, weight_decay: weightDecay, tensors: tensors.length },
      );
      return { weight, velocity };
    }),
  reference: (inputs) =>
    byTensor(inputs.tensors, (cut, { excluded }) => ({
      ...larsStep(cut(inputs.weight), cut(inputs.gradient), cut(inputs.velocity), { ...inputs, excluded }),
    })),
  tolerance: (inputs) =>
    byTensor(inputs.tensors, (cut, { excluded }) => {
      const [weight, gradient, velocity] = [cut(inputs.weight), cut(inputs.gradient), cut(inputs.velocity)];
      const decay = excluded ? 0 : inputs.weightDecay;
      const norm = (x: Float64Array) => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));
      const update = gradient.map((g, i) => g + decay * weight[i]);
      const terms = gradient.map((g, i) => Math.abs(g) + decay * Math.abs(weight[i]));
      const adapted = !excluded && norm(weight) > 0 && norm(update) > 0;
      const trust = adapted ? (inputs.trustCoefficient * norm(weight)) / norm(update) : 1;
      // The norm of the update is off by no more than that of the errors of its elements, two roundings each.
      const updateNormError = adapted ? (relativeError(2) * norm(terms)) / norm(update) : 0;
      // Two sums of squares, whose errors the root halves; their quotient, the root, and a product.
      const trustError = adapted
        ? updateNormError + relativeError(weight.length + 1 + ROUNDINGS.division / 2 + ROUNDINGS.sqrt + 1)
        : 0;
      const velocityError = velocity.map(
        (v, i) =>
          relativeError(2) * inputs.momentum * Math.abs(v) +
          trust * inputs.learningRate * terms[i] * (trustError + relativeError(5)),
      );
      return {
        weight: velocityError.map((error, i) => {
          const step = inputs.momentum * Math.abs(velocity[i]) + trust * inputs.learningRate * terms[i];
          return error + relativeError(1) * (Math.abs(weight[i]) + step);
        }),
        velocity: velocityError,
      };
    }),
};

function common() {
  const random = randomInputs(12);
  const elements = 5 * block;
  return {
    learningRate: Math.fround(0.3),
    weightDecay: Math.fround(0.01),
    momentum: Math.fround(0.9),
    weight: random.normal(elements),
    gradient: random.normal(elements),
    velocity: random.normal(elements),
    second: random.uniform(elements, 0.1, 2),
    decays: Float64Array.of(1, 0, 1, 1, 0),
  };
}

function checkSgd(nesterov: boolean): Check {
  const text = `5 blocks, two without decay, ${nesterov ? "Nesterov's" : "plain"} momentum`;
  return checkOf(["sgd"], text, sgdSubject, () => ({ ...common(), nesterov }));
}

/** Checks of the optimizers' updates, each of a step in the middle of a training. */
export const optimizerChecks: readonly Check[] = [
  checkSgd(true),
  checkSgd(false),
  checkOf(["adamw"], "5 blocks, two without decay, step 3", adamWSubject, () => {
    const { velocity, ...inputs } = common();
    const [beta1, beta2, epsilon] = [0.9, 0.999, 1e-8].map(Math.fround);
    return { ...inputs, step: 3, beta1, beta2, epsilon, first: velocity };
  }),
  checkOf(["larsNorms", "larsTrust", "lars"], "4 tensors, one excluded and one of zeros", larsSubject, () => {
    const inputs = common();
    inputs.weight.fill(0, 4 * block);
    const tensors = [
      { blocks: 2, excluded: false },
      { blocks: 1, excluded: true },
      { blocks: 1, excluded: false },
      { blocks: 1, excluded: false },
    ];
    return { ...inputs, tensors, trustCoefficient: Math.fround(0.001) };
  }),
];
