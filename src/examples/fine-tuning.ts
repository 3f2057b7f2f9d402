/**
 * Few labels: trains an encoder on all images without their labels, then fine-tunes it on the labels of a few, and compares it with the
 * same net from random weights (Chen et al. 2020, section 6).
 *
 *     npm install webgpu-simclr
 *     node node_modules/webgpu-simclr/dist/src/examples/fine-tuning.js photos/
 *
 * Without a folder of class folders it takes the images that come with the package.
 */
import {
  accuracy,
  balancedSubset,
  classify,
  encodeEncoder,
  fineTuningConfig,
  labelled,
  openDevice,
  openImages,
  readEncoder,
  type StoredEncoder,
  Trainer,
  withTestSet,
} from "webgpu-simclr/node";

const [folder = "node_modules/webgpu-simclr/src/data/samples/cifar-10-mini.tar.gz"] = process.argv.slice(2);
const device = await openDevice();
const images = labelled(withTestSet(await openImages(folder, { imageSize: 32 })));
if (images === null) throw new Error(`${folder} has no class folders`);
const { train, test } = images;

const architecture = { encoder: "convnet", width: 0.5 } as const;
const pretraining = await Trainer.create(device, train, { ...architecture, batch: 50, epochs: 3, learningRate: 0.003 });
await pretraining.train({ onEpoch: (epoch) => console.log(`pre-training, epoch ${epoch}`) });
// As it would be in a file: `writeFile("encoder.safetensors", bytes)`.
const bytes = await encodeEncoder(pretraining.model, pretraining.config, pretraining.step);
const encoder = readEncoder(bytes);

const { images: few } = balancedSubset(train, { perClass: 10 });
const config = { ...architecture, ...fineTuningConfig(few.length, train.length), epochs: 20 };

/** Share of the test images that are classified rightly after training on the few labels. */
async function trained(initial?: StoredEncoder): Promise<number> {
  const trainer = await Trainer.create(device, few, config, { initial });
  await trainer.train();
  const { predictions } = await classify(device, trainer.model, test);
  trainer.dispose();
  return accuracy(predictions, test.labels);
}

const share = (value: number) => `${(100 * value).toFixed(1)} %`;
console.log(
  `${few.length} labels of ${train.length} images; chance is ${share(1 / train.classes.length)} of ${test.length}`,
);
console.log(`from random weights: ${share(await trained())} of the test images right`);
console.log(`fine-tuned:          ${share(await trained(encoder))}`);
device.close();
