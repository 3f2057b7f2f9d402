import { CheckpointError } from "../errors.js";
import type { TensorData } from "../io/safetensors.js";
import { NORMALIZATIONS } from "../nn/normalized-input.js";

/** Blocks of the four stages, and whether they are bottlenecks, of the nets that there are here. */
const NETS = [
  { encoder: "resnet18", blocks: [2, 2, 2, 2], bottleneck: false },
  { encoder: "resnet34", blocks: [3, 4, 6, 3], bottleneck: false },
  { encoder: "resnet50", blocks: [3, 4, 6, 3], bottleneck: true },
] as const;

/**
 * Which ResNet a state dict of torchvision's names holds, from names and shapes: `conv1.weight`, `layer1.0.conv1.weight` and so on,
 * all of them behind a common prefix or none ("module.", "backbone."). A first convolution of 7 x 7 is the stem for ImageNet, one of
 * 3 x 3 that for CIFAR-10. torchvision's weights take images that are normalised by ImageNet's means and deviations; others may
 * not.
 * @throws CheckpointError for names and shapes of another net.
 */
export function architectureOfResNet(tensors: ReadonlyMap<string, TensorData>, name: string) {
  const names = [...tensors.keys()];
  const first = names.find((key) => /(^|\.)conv1\.weight$/.test(key) && !/layer\d/.test(key));
  if (first === undefined) {
    throw new CheckpointError(
      `${name} was not written by this library, and holds no ResNet of torchvision's names: there is no conv1.weight among ${names.slice(0, 4).join(", ") || "no tensors"}${names.length > 4 ? ", ..." : ""}`,
    );
  }
  const prefix = first.slice(0, -"conv1.weight".length);
  const has = (key: string) => tensors.has(`${prefix}${key}`);
  const [channels = 0, colours = 0, kernel = 0] = tensors.get(first)?.shape ?? [];
  const blocks = [1, 2, 3, 4].map((stage) => {
    let count = 0;
    while (has(`layer${stage}.${count}.conv1.weight`)) count++;
    return count;
  });
  const bottleneck = has("layer1.0.conv3.weight");
  const net = NETS.find((known) => known.bottleneck === bottleneck && known.blocks.join() === blocks.join());
  if (!net || colours !== 3 || (kernel !== 7 && kernel !== 3)) {
    throw new CheckpointError(
      `${name} holds a ResNet that there is not here: ${blocks.join(" + ")} ${bottleneck ? "bottlenecks" : "blocks"} behind a first convolution of ${kernel} x ${kernel} for ${colours} channels; there are ${NETS.map(({ encoder }) => encoder).join(", ")}`,
    );
  }
  if (!has("bn1.running_mean"))
    throw new CheckpointError(`${name} holds a ResNet without batch norm's running statistics: it cannot be used here`);
  const architecture = {
    encoder: net.encoder,
    width: channels / 64,
    stem: kernel === 7 ? "imagenet" : "cifar",
    norm: "batch",
    normalization: NORMALIZATIONS.imagenet,
  } as const;
  return { architecture, imageSize: null, prefix };
}
