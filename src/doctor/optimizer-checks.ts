import * as kernels from "../../kernels/generated.js";
import { adamWStep, sgdStep } from "../reference/optimizers.js";
import { type Check, checkOf, evaluate, exactly, type Outputs, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import { ROUNDINGS, relativeError } from "./rounding.js";

/** Elements that the optimizers' tables have one entry for. */
export const block = 64;

/** What every optimizer has; settings are numbers that f32 has. */
export interface OptimizerInputs {
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

/** The results for runs of elements, side by side. */
export function concatenate(runs: readonly Outputs[]): Outputs {
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

/** So many blocks in the middle of a training. */
export function midTraining(blocks: number) {
  const random = randomInputs(12);
  const elements = blocks * block;
  return {
    learningRate: Math.fround(0.3),
    weightDecay: Math.fround(0.01),
    momentum: Math.fround(0.9),
    weight: random.normal(elements),
    gradient: random.normal(elements),
    velocity: random.normal(elements),
    second: random.uniform(elements, 0.1, 2),
  };
}

const fiveBlocks = () => ({ ...midTraining(5), decays: Float64Array.of(1, 0, 1, 1, 0) });

function checkSgd(nesterov: boolean): Check {
  const text = `5 blocks, two without decay, ${nesterov ? "Nesterov's" : "plain"} momentum`;
  return checkOf(["sgd"], text, sgdSubject, () => ({ ...fiveBlocks(), nesterov }));
}

/** Checks of the updates of SGD and AdamW, each of a step in the middle of a training. */
export const optimizerChecks: readonly Check[] = [
  checkSgd(true),
  checkSgd(false),
  checkOf(["adamw"], "5 blocks, two without decay, step 3", adamWSubject, () => {
    const { velocity, ...inputs } = fiveBlocks();
    const [beta1, beta2, epsilon] = [0.9, 0.999, 1e-8].map(Math.fround);
    return { ...inputs, step: 3, beta1, beta2, epsilon, first: velocity };
  }),
];
