import { suite } from "uvu";
import { batchNormTrainingBackward, batchNormTrainingForward } from "../../src/reference/batch-norm.js";
import { conv2dForward, conv2dInputGradient, conv2dWeightGradient } from "../../src/reference/conv2d.js";
import { reluBackward, reluForward } from "../../src/reference/elementwise.js";
import { matmulBackward, matmulForward } from "../../src/reference/matmul.js";
import { ntXent } from "../../src/reference/nt-xent.js";
import { sgdStep } from "../../src/reference/optimizers.js";
import { globalAveragePoolBackward, globalAveragePoolForward } from "../../src/reference/pooling.js";
import { assertGolden, type GoldenCase, loadCase } from "./goldens.js";

const trajectory = suite("reference: training trajectory");

/** Output of a layer, and the gradient of its input (and of what is added to it) from that of its output. */
interface Layer {
  readonly y: Float64Array;
  backward(dy: Float64Array): { dx: Float64Array; dResidual: Float64Array };
}

interface BlockShape {
  readonly height: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly stride: number;
}

/** Parameters and running statistics by PyTorch's names in this library's layouts, and the gradients of a step. */
class SmallResNet {
  readonly state: Map<string, Float64Array>;
  readonly gradients = new Map<string, Float64Array>();
  readonly #batch: number;

  constructor(state: Map<string, Float64Array>, batch: number) {
    this.state = state;
    this.#batch = batch;
  }

  /** Embeddings of x [batch, 8, 8, 3]; `backward` leaves the gradients of all parameters in `gradients`. */
  forward(x: Float64Array): { z: Float64Array; backward(dz: Float64Array): void } {
    const stem = this.#convolution("conv1", x, { height: 8, inChannels: 3, outChannels: 8, kernel: 3 });
    const stemNorm = this.#batchNorm("bn1", stem.y);
    const block1 = this.#basicBlock("layer1.0", stemNorm.y, { height: 8, inChannels: 8, outChannels: 8, stride: 1 });
    const block2 = this.#basicBlock("layer2.0", block1.y, { height: 8, inChannels: 8, outChannels: 16, stride: 2 });
    const poolShape = { batch: this.#batch, pixels: 16, channels: 16 };
    const hidden = this.#linear("head.0", globalAveragePoolForward(block2.y, poolShape), 16, 16);
    const active = reluForward(hidden.y);
    const output = this.#linear("head.2", active, 16, 8);
    return {
      z: output.y,
      backward: (dz) => {
        const dPooled = hidden.backward(reluBackward(active, output.backward(dz).dx)).dx;
        const dBlock1 = block2.backward(globalAveragePoolBackward(dPooled, poolShape)).dx;
        stem.backward(stemNorm.backward(block1.backward(dBlock1).dx).dx);
      },
    };
  }

  #basicBlock(name: string, x: Float64Array, { height, inChannels, outChannels, stride }: BlockShape): Layer {
    const conv1 = this.#convolution(`${name}.conv1`, x, { height, inChannels, outChannels, stride, kernel: 3 });
    const bn1 = this.#batchNorm(`${name}.bn1`, conv1.y);
    const small = { height: height / stride, inChannels: outChannels, outChannels, kernel: 3 };
    const conv2 = this.#convolution(`${name}.conv2`, bn1.y, small);
    const shortcut = stride === 1 ? undefined : this.#downsample(name, x, { height, inChannels, outChannels, stride });
    const bn2 = this.#batchNorm(`${name}.bn2`, conv2.y, shortcut ? shortcut.y : x);
    return {
      y: bn2.y,
      backward: (dy) => {
        const last = bn2.backward(dy);
        const main = conv1.backward(bn1.backward(conv2.backward(last.dx).dx).dx).dx;
        const side = shortcut ? shortcut.backward(last.dResidual).dx : last.dResidual;
        const dx = main.map((value, i) => value + side[i]);
        return { dx, dResidual: dx };
      },
    };
  }

  #downsample(name: string, x: Float64Array, shape: BlockShape): Layer {
    const conv = this.#convolution(`${name}.downsample.0`, x, { ...shape, kernel: 1 });
    const norm = this.#batchNorm(`${name}.downsample.1`, conv.y, undefined, false);
    return { y: norm.y, backward: (dy) => conv.backward(norm.backward(dy).dx) };
  }

  #convolution(
    name: string,
    x: Float64Array,
    size: { height: number; inChannels: number; outChannels: number; kernel: number; stride?: number },
  ): Layer {
    const { height, inChannels, outChannels, kernel, stride = 1 } = size;
    const window = { height, width: height, kernelHeight: kernel, kernelWidth: kernel, stride };
    const shape = { batch: this.#batch, inChannels, outChannels, padding: (kernel - 1) / 2, ...window };
    const weight = this.#get(`${name}.weight`);
    return {
      y: conv2dForward(x, weight, shape),
      backward: (dy) => {
        this.gradients.set(`${name}.weight`, conv2dWeightGradient(x, dy, shape));
        const dx = conv2dInputGradient(weight, dy, shape);
        return { dx, dResidual: dx };
      },
    };
  }

  #batchNorm(name: string, x: Float64Array, residual?: Float64Array, relu = true): Layer {
    const gamma = this.#get(`${name}.weight`);
    const state = {
      gamma,
      beta: this.#get(`${name}.bias`),
      runningMean: this.#get(`${name}.running_mean`),
      runningVariance: this.#get(`${name}.running_var`),
    };
    const result = batchNormTrainingForward(x, state, { residual, relu });
    this.state.set(`${name}.running_mean`, result.runningMean);
    this.state.set(`${name}.running_var`, result.runningVariance);
    return {
      y: result.y,
      backward: (dy) => {
        const gradients = batchNormTrainingBackward(x, gamma, result, dy, relu);
        this.gradients.set(`${name}.weight`, gradients.dGamma);
        this.gradients.set(`${name}.bias`, gradients.dBeta);
        return gradients;
      },
    };
  }

  #linear(name: string, x: Float64Array, k: number, n: number): Layer {
    const shape = { m: this.#batch, n, k };
    const weight = this.#get(`${name}.weight`);
    return {
      y: matmulForward(x, weight, shape, this.#get(`${name}.bias`)),
      backward: (dy) => {
        const { da, db, dBias } = matmulBackward(x, weight, dy, shape);
        this.gradients.set(`${name}.weight`, db);
        this.gradients.set(`${name}.bias`, dBias);
        return { dx: da, dResidual: da };
      },
    };
  }

  #get(name: string): Float64Array {
    const value = this.state.get(name);
    if (!value) throw new RangeError(`the network has no ${name}`);
    return value;
  }
}

/** A tensor in this library's layout: OIHW becomes HWIO, [out, in] becomes [in, out]. */
function inOwnLayout(golden: GoldenCase, name: string): Float64Array {
  const values = golden.floats(name);
  const [out, inputs = 1, ...kernel] = golden.shape(name);
  const taps = kernel.reduce((a, b) => a * b, 1);
  return values.map((_, i) => {
    const [tap, input, output] = [Math.floor(i / (inputs * out)), Math.floor(i / out) % inputs, i % out];
    return values[(output * inputs + input) * taps + tap];
  });
}

trajectory("ten steps of a small ResNet", async () => {
  const batches = await loadCase("trajectory", "batches");
  const [steps, batch, ...pixels] = batches.shape("nhwc");
  const size = pixels.reduce((a, b) => a * b, batch);
  const initial = await loadCase("trajectory", "initial");
  const firstGradient = await loadCase("trajectory", "gradient");
  const final = await loadCase("trajectory", "final");

  const network = new SmallResNet(new Map(initial.tensors.map((name) => [name, inOwnLayout(initial, name)])), batch);
  const velocities = new Map<string, Float64Array>();
  const losses = new Float64Array(steps);
  for (let step = 0; step < steps; step++) {
    const { z, backward } = network.forward(batches.floats("nhwc").subarray(step * size, (step + 1) * size));
    const { loss, dz } = ntXent(z, 8, batches.number("temperature"));
    losses[step] = loss;
    backward(dz);
    for (const [name, gradient] of network.gradients) {
      // Terms of the gradients of the first layers are about 1; what batch norm and biases cancel may be far smaller.
      if (step === 0) assertGolden(gradient, inOwnLayout(firstGradient, name), `first gradient of ${name}`, 1);
      const next = sgdStep(
        network.state.get(name) ?? new Float64Array(),
        gradient,
        velocities.get(name) ?? new Float64Array(gradient.length),
        {
          learningRate: batches.number("learningRate"),
          momentum: batches.number("momentum"),
          nesterov: true,
          weightDecay: initial.shape(name).length > 1 ? batches.number("weightDecay") : 0,
        },
      );
      network.state.set(name, next.weight);
      velocities.set(name, next.velocity);
    }
  }

  assertGolden(losses, final.floats("loss"), "loss");
  for (const name of initial.tensors) {
    // Float32 rounding carries ten steps off by some 1e-6 (`deviation`), so float64 rounding by 2^29 times less.
    assertGolden(network.state.get(name) ?? NaN, inOwnLayout(final, name), name, 1);
  }
});

trajectory.run();
