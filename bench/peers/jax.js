/** jax-js with its WebGPU backend as one of the engines of `bench/peers.ts`. Everything that is timed is under `jit`. */
import { readFileSync } from "node:fs";
import { embed } from "../../dist/bench/peers/nets.js";
import { distance, permute, provideGpu, serve, splitParameters } from "../../dist/bench/peers/worker.js";

const adapter = await provideGpu();
const jax = await import("@jax-js/jax");
const { lax, nn, numpy: np } = jax;
const { version } = JSON.parse(
  readFileSync(new URL("package.json", new URL("../", import.meta.resolve("@jax-js/jax"))), "utf8"),
);
if (!(await jax.init("webgpu")).includes("webgpu")) throw new Error("jax-js found no WebGPU");
jax.defaultDevice("webgpu");

const NCHW_OF_NHWC = [0, 3, 1, 2];
const NHWC_OF_NCHW = [0, 2, 3, 1];
const OIHW_OF_HWIO = [3, 2, 0, 1];
const HWIO_OF_OIHW = [2, 3, 1, 0];

// Arrays count their references, and every use of one takes a reference: `.ref` where there is another use to come.

/** As unfused operations: the matrix of all logits, the diagonal masked, and cross-entropy. */
function ntXent(z, temperature) {
  const [rows] = z.shape;
  const norms = np.sqrt(np.square(z.ref).sum(1, { keepdims: true }));
  const normalized = z.div(norms);
  const logits = np.matmul(normalized.ref, normalized.ref.transpose()).div(temperature);
  const first = normalized.ref.slice([0, rows / 2]);
  const second = normalized.slice([rows / 2, rows]);
  const positives = first.mul(second).sum(1).div(temperature);
  return nn
    .logsumexp(logits.add(np.eye(rows).mul(-1e9)), 1)
    .mean()
    .sub(positives.mean());
}

/** Batch norm of maps [views, channels, height, width]. */
function batchNorm(x, gamma, beta) {
  const column = [1, -1, 1, 1];
  const axes = [0, 2, 3];
  const centered = x.ref.sub(x.mean(axes, { keepdims: true }));
  const variance = np.square(centered.ref).mean(axes, { keepdims: true });
  const scale = gamma.reshape(column).div(np.sqrt(variance.add(1e-5)));
  return centered.mul(scale).add(beta.reshape(column));
}

async function loadStep({ net, batch, size, temperature, learningRate, momentum, parameters }, read) {
  const values = splitParameters(await read("parameters"), parameters).map((value, i) =>
    parameters[i].shape.length === 4 ? permute(value, parameters[i].shape, OIHW_OF_HWIO) : value,
  );
  const pixels = permute(await read("views"), [2 * batch, size, size, 3], NCHW_OF_NHWC);
  const shapes = parameters.map(({ shape }) => (shape.length === 4 ? OIHW_OF_HWIO.map((axis) => shape[axis]) : shape));

  const lossOf = (tree, views) => {
    const layers = {
      convolution: (x, name, stride, padding) =>
        lax.convGeneralDilated(
          x,
          tree[`${name}.weight`],
          [stride, stride],
          [
            [padding, padding],
            [padding, padding],
          ],
        ),
      norm: (x, name) => batchNorm(x, tree[`${name}.weight`], tree[`${name}.bias`]),
      relu: nn.relu,
      add: np.add,
      twice: (x) => [x.ref, x],
      averagePool: (x) => x.mean([2, 3]),
      linear: (x, name) => np.matmul(x, tree[`${name}.weight`]).add(tree[`${name}.bias`]),
    };
    return ntXent(embed(net, layers, views), temperature);
  };
  const train = jax.jit((tree, velocities, views) => {
    const [loss, gradients] = jax.valueAndGrad(lossOf)(jax.tree.ref(tree), views);
    const updated = {};
    const moved = {};
    for (const { name } of parameters) {
      moved[name] = velocities[name].mul(momentum).add(gradients[name].ref);
      const direction = gradients[name].add(moved[name].ref.mul(momentum));
      updated[name] = tree[name].sub(direction.mul(learningRate));
    }
    return { loss, tree: updated, velocities: moved };
  });
  return async () => {
    const views = np.array(pixels, { shape: [2 * batch, 3, size, size] });
    const treeOf = (initial) =>
      Object.fromEntries(parameters.map(({ name }, i) => [name, np.array(initial(i), { shape: [...shapes[i]] })]));
    let state = {
      tree: treeOf((i) => values[i]),
      velocities: treeOf((i) => new Float32Array(values[i].length)),
    };
    return {
      submit() {
        const { loss, ...next } = train(state.tree, state.velocities, views.ref);
        state = next;
        return loss;
      },
      async finish(losses) {
        // Reading the loss submits all that was compiled with it, the update of the weights as well.
        const [loss] = await losses.at(-1).data();
        return loss;
      },
      async check(loss) {
        const after = await Promise.all(parameters.map(({ name }) => state.tree[name].ref.data()));
        return { loss, updates: after.map((value, i) => distance(value, values[i])) };
      },
    };
  };
}

/** A compiled operation that gives one array, and how to bring that into the layout of the inputs. */
function operation(compute, toResult) {
  return {
    submit: compute,
    async finish(results) {
      await jax.blockUntilReady(results);
      jax.tree.dispose(results);
      return null;
    },
    check: async () => toResult(await compute().data()),
  };
}

async function loadConvolution({ direction, batch, size, channels }, read) {
  const mapShape = [batch, size, size, channels];
  const filterShape = [3, 3, channels, channels];
  const xValues = permute(await read("x"), mapShape, NCHW_OF_NHWC);
  const weightValues = permute(await read("weight"), filterShape, OIHW_OF_HWIO);
  const dyValues = permute(await read("dy"), mapShape, NCHW_OF_NHWC);
  return async () => {
    const maps = [batch, channels, size, size];
    const x = np.array(xValues, { shape: maps });
    const weight = np.array(weightValues, { shape: [channels, channels, 3, 3] });
    const dy = np.array(dyValues, { shape: maps });
    const convolve = (input, filter) =>
      lax.convGeneralDilated(
        input,
        filter,
        [1, 1],
        [
          [1, 1],
          [1, 1],
        ],
      );
    // `jit` leaves out the convolution itself, whose result is not used.
    const pullBack = (f, at, gradient) => {
      const [y, back] = jax.vjp(f, [at]);
      y.dispose();
      return back(gradient)[0];
    };
    const forward = jax.jit(convolve);
    const inputGradient = jax.jit((input, filter, gradient) =>
      pullBack((value) => convolve(value, filter.ref), input, gradient),
    );
    const weightGradient = jax.jit((input, filter, gradient) =>
      pullBack((value) => convolve(input.ref, value), filter, gradient),
    );
    const toMaps = (data) => permute(data, maps, NHWC_OF_NCHW);
    const toFilter = (data) => permute(data, [channels, channels, 3, 3], HWIO_OF_OIHW);
    switch (direction) {
      case "forward":
        return operation(() => forward(x.ref, weight.ref), toMaps);
      case "input gradient":
        return operation(() => inputGradient(x.ref, weight.ref, dy.ref), toMaps);
      default:
        return operation(() => weightGradient(x.ref, weight.ref, dy.ref), toFilter);
    }
  };
}

async function loadMatmul({ size }, read) {
  const [aValues, bValues] = [await read("a"), await read("b")];
  return async () => {
    const a = np.array(aValues, { shape: [size, size] });
    const b = np.array(bValues, { shape: [size, size] });
    const multiply = jax.jit((left, right) => np.matmul(left, right));
    return operation(
      () => multiply(a.ref, b.ref),
      (data) => data,
    );
  };
}

async function loadNtXent({ rows, dimension, temperature }, read) {
  const values = await read("z");
  return async () => {
    const z = np.array(values, { shape: [rows, dimension] });
    const lossAndGradient = jax.jit((embeddings) => {
      const [loss, gradient] = jax.valueAndGrad((inner) => ntXent(inner, temperature))(embeddings);
      return { loss, gradient };
    });
    return {
      submit: () => lossAndGradient(z.ref),
      async finish(results) {
        await jax.blockUntilReady(results);
        const [loss] = await results.at(-1).loss.ref.data();
        jax.tree.dispose(results);
        return loss;
      },
      async check() {
        const { loss, gradient } = lossAndGradient(z.ref);
        loss.dispose();
        return gradient.data();
      },
    };
  };
}

const loaders = { step: loadStep, convolution: loadConvolution, matmul: loadMatmul, "nt-xent": loadNtXent };
await serve(
  { name: `jax-js ${version}, WebGPU backend`, load: (task, read) => loaders[task.kind](task, read) },
  adapter,
);
