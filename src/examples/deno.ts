/**
 * In Deno: trains on a folder of images, and finds those that resemble each other most.
 *
 *     npm install webgpu-simclr
 *     cp node_modules/webgpu-simclr/src/examples/deno.ts .
 *     deno run --allow-read --allow-env --allow-sys --allow-ffi deno.ts photos/
 *
 * The GPU takes no permission. It is sharp, which decodes JPEG, PNG and WebP, that asks for the environment, the number of cores and,
 * being machine code, for --allow-ffi. Without a folder it takes the images that come with the package.
 */
import { argv } from "node:process";
import { Embedder, nearest, openDevice, openImages, Trainer } from "webgpu-simclr/node";

const [folder = "node_modules/webgpu-simclr/src/data/samples/cifar-10-mini.tar.gz"] = argv.slice(2);

const device = await openDevice();
const { train: images } = await openImages(folder, { imageSize: 32 });
const trainer = await Trainer.create(device, images, { width: 0.25, batch: Math.min(64, images.length), epochs: 1 });
await trainer.train();

const embedder = await Embedder.create(device, trainer.model);
const features = await embedder.embed(images);

// An image is nearest to itself: what we look for is the other one of two.
const { indices, similarities } = await nearest(device, features, features, 2);
const pairs = Array.from({ length: images.length }, (_, image) => {
  const at = indices[2 * image] === image ? 2 * image + 1 : 2 * image;
  return { image, other: indices[at], similarity: similarities[at] };
});
pairs.sort((a, b) => b.similarity - a.similarity);
for (const { image, other, similarity } of pairs.slice(0, 10)) {
  console.log(`${images.nameOf(image)} resembles ${images.nameOf(other)} (${similarity.toFixed(3)})`);
}
device.close();
