/**
 * An encoder of your own: a ConvMixer (Trockman and Kolter 2022), which cuts an image into patches, and then mixes each channel over
 * the places and the channels at each place in turn. Trained by SimCLR as it stands, and compared with its random weights by a vote of
 * the nearest neighbours.
 *
 *     npm install webgpu-simclr
 *     node node_modules/webgpu-simclr/dist/src/examples/own-encoder.js photos/
 *
 * Without a folder of class folders it takes the images that come with the package.
 */
import {
  BatchNorm,
  Convolution,
  type Encoder,
  Evaluator,
  globalAveragePool,
  labelled,
  openDevice,
  openImages,
  Trainer,
  withTestSet,
} from "webgpu-simclr/node";

/** @param channels of all maps, and of the representation */
function convMixer(channels: number, depth: number): Encoder {
  const patches = new Convolution("patches", 3, channels, 4, { stride: 4 });
  const patchNorm = new BatchNorm("patches.norm", channels, { relu: true });
  const blocks = Array.from({ length: depth }, (_, i) => ({
    name: `blocks.${i}`,
    // A group a channel: each goes its own way.
    places: new Convolution(`blocks.${i}.places`, channels, channels, 5, { padding: 2, groups: channels }),
    placesNorm: new BatchNorm(`blocks.${i}.places.norm`, channels, { relu: true }),
    mixer: new Convolution(`blocks.${i}.mixer`, channels, channels, 1),
    mixerNorm: new BatchNorm(`blocks.${i}.mixer.norm`, channels, { relu: true }),
  }));
  const layers = blocks.flatMap(({ places, placesNorm, mixer, mixerNorm }) => [places, placesNorm, mixer, mixerNorm]);
  return {
    name: `convmixer-${channels}-${depth}`,
    features: channels,
    stem: "cifar",
    tensors: [patches, patchNorm, ...layers].flatMap(({ tensors }) => tensors),
    // Images [batch, height, width, 3] with values in [0, 1] to [batch, channels].
    forward(pass, images) {
      let x = pass.segment("patches", () => patchNorm.forward(pass, patches.forward(pass, images)));
      for (const { name, places, placesNorm, mixer, mixerNorm } of blocks) {
        const before = x;
        x = pass.segment(name, () => {
          const mixed = placesNorm.forward(pass, places.forward(pass, before), before);
          return mixerNorm.forward(pass, mixer.forward(pass, mixed));
        });
      }
      return globalAveragePool(pass.tape, x);
    },
  };
}

const [folder = "node_modules/webgpu-simclr/src/data/samples/cifar-10-mini.tar.gz"] = process.argv.slice(2);
const device = await openDevice();
const images = labelled(withTestSet(await openImages(folder, { imageSize: 32 })));
if (images === null) throw new Error(`${folder} has no class folders`);

const encoder = convMixer(32, 2);
const config = { batch: 50, epochs: 2, learningRate: 0.003, options: { temperature: 0.2 } };
const trainer = await Trainer.create(device, images.train, config, { encoder });
console.log(`${encoder.name}: ${trainer.model.tensors.parameterCount} weights`);

const evaluator = await Evaluator.create(device, trainer.model, images);
const before = await evaluator.knn();
await trainer.train({ onEpoch: (epoch) => console.log(`epoch ${epoch} of ${trainer.config.epochs}`) });
const after = await evaluator.knn();

const share = (value: number) => `${(100 * value).toFixed(1)} %`;
console.log(
  `random weights: ${share(before.knn)} of ${images.test.length} test images right, by the nearest neighbours`,
);
console.log(`trained:        ${share(after.knn)} (chance: ${share(1 / images.train.classes.length)})`);
device.close();
