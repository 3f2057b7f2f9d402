/** TensorFlow.js with its WebGPU backend as one of the engines of `bench/peers.ts`. */
import { createRequire } from "node:module";
import { embed } from "../../dist/bench/peers/nets.js";
import { distance, provideGpu, serve, splitParameters } from "../../dist/bench/peers/worker.js";

const adapter = await provideGpu();
const require = createRequire(import.meta.url);
const tf = require("@tensorflow/tfjs-core");
require("@tensorflow/tfjs-backend-webgpu");
// Nothing of it is used, but it is what registers the gradients of core's operations in Node.
require("@tensorflow/tfjs-layers");
await tf.setBackend("webgpu");
await tf.ready();
const backend = tf.backend();

/** Waits for the GPU without reading anything. */
async function idle() {
  backend.ensureCommandEncoderReady();
  backend.endComputePassEncoder();
  backend.submitQueue();
  await backend.device.queue.onSubmittedWorkDone();
}

/** As unfused operations: the matrix of all logits, the diagonal masked, and cross-entropy. */
function ntXent(z, mask, temperature) {
  const rows = z.shape[0];
  const dimension = z.shape[1];
  const normalized = tf.div(z, tf.sqrt(tf.sum(tf.square(z), 1, true)));
  const logits = tf.div(tf.matMul(normalized, normalized, false, true), temperature);
  const first = tf.slice(normalized, [0, 0], [rows / 2, dimension]);
  const second = tf.slice(normalized, [rows / 2, 0], [rows / 2, dimension]);
  const positives = tf.div(tf.sum(tf.mul(first, second), 1), temperature);
  return tf.sub(tf.mean(tf.logSumExp(tf.add(logits, mask), 1)), tf.mean(positives));
}

/** What is added to the logits so that no row is compared with itself. */
function diagonalMask(rows) {
  return tf.tidy(() => tf.mul(tf.eye(rows), -1e9));
}

async function loadStep({ net, batch, size, temperature, learningRate, momentum, parameters }, read) {
  const values = splitParameters(await read("parameters"), parameters);
  const pixels = await read("views");
  return async () => {
    const views = tf.tensor(pixels, [2 * batch, size, size, 3]);
    const mask = diagonalMask(2 * batch);
    const variables = new Map(
      parameters.map(({ name, shape }, i) => [name, tf.variable(tf.tensor(values[i], shape), true, name)]),
    );
    const optimizer = tf.train.momentum(learningRate, momentum, true);
    const layers = {
      convolution: (x, name, stride, padding) => tf.conv2d(x, variables.get(`${name}.weight`), stride, padding),
      norm(x, name) {
        const { mean, variance } = tf.moments(x, [0, 1, 2]);
        return tf.batchNorm(x, mean, variance, variables.get(`${name}.bias`), variables.get(`${name}.weight`), 1e-5);
      },
      relu: tf.relu,
      add: tf.add,
      twice: (x) => [x, x],
      averagePool: (x) => tf.mean(x, [1, 2]),
      linear: (x, name) => tf.add(tf.matMul(x, variables.get(`${name}.weight`)), variables.get(`${name}.bias`)),
    };
    const lossOf = () => ntXent(embed(net, layers, views), mask, temperature);
    return {
      submit: () => optimizer.minimize(lossOf, true, [...variables.values()]),
      async finish(losses) {
        const [loss] = await losses.at(-1).data();
        tf.dispose(losses);
        return loss;
      },
      async check(loss) {
        const after = await Promise.all([...variables.values()].map((variable) => variable.data()));
        return { loss, updates: after.map((value, i) => distance(value, values[i])) };
      },
    };
  };
}

/** An operation that gives one tensor. */
function operation(compute) {
  return {
    submit: () => tf.tidy(compute),
    async finish(results) {
      await idle();
      tf.dispose(results);
      return null;
    },
    async check() {
      const result = tf.tidy(compute);
      const data = await result.data();
      result.dispose();
      return data;
    },
  };
}

async function loadConvolution({ direction, batch, size, channels }, read) {
  const [xValues, weightValues, dyValues] = [await read("x"), await read("weight"), await read("dy")];
  return async () => {
    const mapShape = [batch, size, size, channels];
    const filterShape = [3, 3, channels, channels];
    const x = tf.tensor(xValues, mapShape);
    const weight = tf.tensor(weightValues, filterShape);
    const dy = tf.tensor(dyValues, mapShape);
    const attributes = { strides: [1, 1], pad: 1, dataFormat: "NHWC" };
    // The gradients' kernels by their names: a gradient by automatic differentiation would run the convolution, too.
    const computations = {
      forward: () => tf.conv2d(x, weight, 1, 1),
      "input gradient": () =>
        tf.engine().runKernel("Conv2DBackpropInput", { dy, filter: weight }, { ...attributes, inputShape: mapShape }),
      "weight gradient": () => tf.engine().runKernel("Conv2DBackpropFilter", { x, dy }, { ...attributes, filterShape }),
    };
    return operation(computations[direction]);
  };
}

async function loadMatmul({ size }, read) {
  const [aValues, bValues] = [await read("a"), await read("b")];
  return async () => {
    const a = tf.tensor(aValues, [size, size]);
    const b = tf.tensor(bValues, [size, size]);
    return operation(() => tf.matMul(a, b));
  };
}

async function loadNtXent({ rows, dimension, temperature }, read) {
  const values = await read("z");
  return async () => {
    const z = tf.tensor(values, [rows, dimension]);
    const mask = diagonalMask(rows);
    const lossAndGradient = tf.valueAndGrad((embeddings) => ntXent(embeddings, mask, temperature));
    return {
      submit: () => lossAndGradient(z),
      async finish(results) {
        const [loss] = await results.at(-1).value.data();
        tf.dispose(results);
        return loss;
      },
      async check() {
        const result = lossAndGradient(z);
        const gradient = await result.grad.data();
        tf.dispose(result);
        return gradient;
      },
    };
  };
}

const loaders = { step: loadStep, convolution: loadConvolution, matmul: loadMatmul, "nt-xent": loadNtXent };
await serve(
  { name: `TensorFlow.js ${tf.version_core}, WebGPU backend`, load: (task, read) => loaders[task.kind](task, read) },
  adapter,
);
