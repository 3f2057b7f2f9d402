/**
 * A method of your own: two views of an image are to lie close together, and all images are to spread evenly over the sphere
 * (Wang and Isola 2020, "alignment and uniformity"). The trainer gives it micro-batches, checkpoints, plans and mixed precision.
 *
 *     npm install webgpu-simclr
 *     node node_modules/webgpu-simclr/dist/src/examples/own-method.js photos/
 *
 * Without a folder it takes some of the images that come with the package.
 */
import {
  add,
  augmentationPolicies,
  balancedSubset,
  defineMethod,
  headOf,
  headOptions,
  logSumExp,
  matmul,
  mean,
  normalizeRows,
  number,
  openDevice,
  openImages,
  projectionHead,
  scale,
  slice,
  squaredDistances,
  Trainer,
} from "webgpu-simclr/node";

const evenSphere = defineMethod({
  name: "even-sphere",
  summary: "views close together, images spread over the sphere (Wang and Isola 2020)",
  // Checked, with these defaults; `options: { sharpness: 3 }` in a configuration sets one.
  options: {
    ...headOptions({ layers: 2, output: 64 }),
    sharpness: number(2, { above: 0 }, "t of the Gaussian potential exp(-t distance^2)"),
    weight: number(1, { from: 0 }, "of uniformity, beside alignment"),
  },
  policies: () => augmentationPolicies.cifar,
  design(options, { encoder, imageSize }) {
    const head = projectionHead(encoder.features, headOf(options));
    return {
      head,
      classes: 0,
      start: ({ policies }) => ({
        views: [{ views: 2, size: imageSize, policies }],
        // The loss of an image depends on the other images of the batch.
        coupled: true,
        embed: (pass, [views]) => ({ z: head.forward(pass, encoder.forward(pass, views)) }),
        // z holds the first views of all images, and then the second ones.
        loss({ tape }, { z }, { size }) {
          const u = normalizeRows(tape, z);
          const [first, second] = [slice(tape, u, 0, 0, size), slice(tape, u, 0, size)];
          const alignment = mean(tape, squaredDistances(tape, first, second));
          // log of the mean of exp(-t |u - v|^2), where |u - v|^2 = 2 - 2 u v.
          const cosines = matmul(tape, first, first, { transposeB: true });
          const potentials = logSumExp(tape, scale(tape, cosines, 2 * options.sharpness, -2 * options.sharpness));
          const uniformity = scale(tape, potentials, 1, -2 * Math.log(size));
          const loss = add(tape, alignment, scale(tape, uniformity, options.weight));
          return { loss, alignment, uniformity };
        },
        state: new Map(),
        collapse: ({ uniformity }) => (uniformity > -0.01 ? "all images lie on one point of the sphere" : null),
        description: { loss: "alignment and uniformity", chance: null, rows: [["sharpness", `${options.sharpness}`]] },
      }),
    };
  },
});

const [folder] = process.argv.slice(2);
const samples = "node_modules/webgpu-simclr/src/data/samples/cifar-10-mini.tar.gz";
const { train: all } = await openImages(folder ?? samples, { imageSize: 32 });
const images = folder ? all : balancedSubset(all, { perClass: 50 }).images;

const device = await openDevice();
const config = { width: 0.5, batch: 50, epochs: 4, options: { sharpness: 2 } };
const trainer = await Trainer.create(device, images, config, { method: evenSphere });
await trainer.train({
  onStep({ step, loss, alignment, uniformity }) {
    const numbers = Object.entries({ loss, alignment, uniformity }).map(
      ([name, value]) => `${name} ${value.toFixed(3)}`,
    );
    if (step % 10 === 1 || step === trainer.steps)
      console.log(`step ${step} of ${trainer.steps}: ${numbers.join(", ")}`);
  },
});
device.close();
