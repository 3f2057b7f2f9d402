/**
 * In Node: trains an encoder on a folder of photographs, without labels, and writes what it makes of each of them:
 * `embeddings.npy` (NumPy's format, a row an image) and `names.txt` (a line an image).
 *
 *     npm install webgpu-simclr
 *     node node_modules/webgpu-simclr/dist/src/examples/node.js photos/
 *
 * Without a folder it takes the 2,000 images that come with the package. To make it your own, copy `src/examples/node.ts`:
 * Node runs it as it is from 22.18 on, from 22.6 with `--experimental-strip-types`.
 */
import { writeFile } from "node:fs/promises";
import { Embedder, encodeNpy, openDevice, openImages, Trainer } from "webgpu-simclr/node";

const [folder = "node_modules/webgpu-simclr/src/data/samples/cifar-10-mini.tar.gz"] = process.argv.slice(2);

const device = await openDevice();
console.log(`adapter: ${device.adapter.name}`);

// Larger images are cut to a square around their centre and scaled.
const { train: images } = await openImages(folder, { imageSize: 32 });
console.log(`images: ${images.length} of ${images.width} x ${images.height} pixels`);

// A narrow net and two epochs, to be done soon: an encoder of worth is a "resnet18", after 100 epochs and more.
const trainer = await Trainer.create(device, images, {
  encoder: "convnet",
  width: 0.5,
  batch: Math.min(64, images.length),
  epochs: 2,
});
await trainer.train({
  onStep({ step, loss }) {
    if (step % 10 === 1) console.log(`step ${step} of ${trainer.steps}: loss ${loss.toFixed(3)}`);
  },
});

const embedder = await Embedder.create(device, trainer.model);
const { values, rows, dimension } = await embedder.embed(images);
await writeFile("embeddings.npy", encodeNpy([rows, dimension], values));
const names = Array.from({ length: images.length }, (_, i) => images.nameOf(i));
await writeFile("names.txt", `${names.join("\n")}\n`);
console.log(`embeddings.npy: ${rows} x ${dimension}`);
device.close();
