/**
 * In Bun: a training that goes on where it was stopped, to the bit. It writes a checkpoint every 20 steps, after Ctrl-C, and at the
 * end; started again, it begins with that. The method is BYOL, which does without negatives.
 *
 *     bun add webgpu-simclr
 *     cp node_modules/webgpu-simclr/src/examples/bun.ts .
 *     bun bun.ts photos/
 *
 * Without a folder it takes the 2,000 images that come with the package.
 */
import { decodeCheckpoint, openDevice, openImages, Trainer } from "webgpu-simclr/node";

const [folder = "node_modules/webgpu-simclr/src/data/samples/cifar-10-mini.tar.gz"] = Bun.argv.slice(2);
const file = Bun.file("checkpoint.safetensors");

const device = await openDevice();
const { train: images } = await openImages(folder, { imageSize: 32 });

const checkpoint = (await file.exists()) ? decodeCheckpoint(await file.bytes()) : null;
const config = { method: "byol", width: 0.25, batch: Math.min(64, images.length), epochs: 2, checkpointEvery: 20 };
const trainer = await Trainer.create(device, images, checkpoint?.config ?? config);
if (checkpoint) {
  trainer.restore(checkpoint);
  console.log(`going on after step ${trainer.step}`);
}

const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

const finished = await trainer.train({
  signal: stop.signal,
  onStep: ({ step, loss }) => console.log(`step ${step} of ${trainer.steps}: loss ${loss.toFixed(3)}`),
  async onCheckpoint(bytes) {
    await Bun.write(file, bytes);
  },
});
console.log(finished ? "done" : `stopped after step ${trainer.step}: run this again to go on`);
device.close();
