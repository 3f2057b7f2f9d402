import { CheckpointError } from "../errors.js";
import type { TensorData } from "../io/safetensors.js";
import { NORMALIZATIONS } from "../nn/normalized-input.js";

/** Blocks of the four stages, and whether they are bottlenecks, of the nets that there are here. */
const NETS = [
  { encoder: "resnet18", blocks: [2, 2, 2, 2], bottleneck: false },
  { encoder: "resnet34", blocks: [3, 4, 6, 3], bottleneck: false },
  { encoder: "resnet50", blocks: [3, 4, 6, 3], bottleneck: true },
] as const;

/** What blocks are made of. */
const BLOCK_TENSOR =
  /^layer\d\.\d+\.((conv[123]|downsample\.0)\.weight|(bn[123]|downsample\.1)\.(weight|bias|running_mean|running_var|num_batches_tracked))$/;

/** Segments of names under which methods keep a second encoder, a moving average or the keys' one: it is not the one that was trained. */
const AVERAGED = /(^|[._])(momentum|target|teacher|ema|k|key)([._]|$)/;

/** Children of a ResNet in a `torch.nn.Sequential`, as lightly's examples keep it: 2 and 3 are the rectifier and the pooling. */
const CHILDREN = ["conv1", "bn1", "", "", "layer1", "layer2", "layer3", "layer4"];

/** A state dict with names in place of the numbers that a Sequential has for a ResNet's children. */
function withNamedChildren(tensors: ReadonlyMap<string, TensorData>): ReadonlyMap<string, TensorData> {
  const prefixes = [...tensors.keys()].flatMap((key) => {
    const [, prefix] = /^(.*?)4\.0\.conv1\.weight$/.exec(key) ?? [];
    return prefix !== undefined && tensors.get(`${prefix}0.weight`)?.shape.length === 4 ? [prefix] : [];
  });
  const named = (key: string) => {
    const prefix = prefixes.find((known) => key.startsWith(known));
    if (prefix === undefined) return key;
    const [, child = "", rest] = /^(\d)(\..*)$/.exec(key.slice(prefix.length)) ?? [];
    return CHILDREN[Number(child)] && rest ? `${prefix}${CHILDREN[Number(child)]}${rest}` : key;
  };
  return prefixes.length === 0 ? tensors : new Map([...tensors].map(([key, value]) => [named(key), value]));
}

/** What the first convolution's name has before it: of several encoders, of the one that was trained. */
function prefixOf(names: readonly string[], name: string): string {
  const prefixes = names
    .filter((key) => /(^|\.)conv1\.weight$/.test(key) && !/layer\d/.test(key))
    .map((key) => key.slice(0, -"conv1.weight".length));
  const trained = prefixes.filter((prefix) => !AVERAGED.test(prefix));
  const [prefix, ...others] = trained.length > 0 ? trained : prefixes;
  if (prefix === undefined) {
    const deep = names.find((key) => /(^|\.)conv1\.0\.weight$/.test(key));
    if (deep) {
      throw new CheckpointError(
        `${name} holds a ResNet that begins with several convolutions, ${deep} and others, as timm's "d" ones: those here begin with one`,
      );
    }
    throw new CheckpointError(
      `${name} was not written by this library, and holds no ResNet of torchvision's names: there is no conv1.weight among ${names.slice(0, 4).join(", ") || "no tensors"}${names.length > 4 ? ", ..." : ""}`,
    );
  }
  if (others.length > 0) {
    throw new CheckpointError(
      `${name} holds several encoders, ${[prefix, ...others].map((one) => `${one}conv1.weight`).join(", ")}: keep one of them in the file`,
    );
  }
  return prefix;
}

/**
 * Which ResNet a state dict of torchvision's names holds, from names and shapes: `conv1.weight`, `layer1.0.conv1.weight` and so on,
 * all of them behind a common prefix or none ("module.", "backbone."), as timm (its plain ResNets), MoCo ("module.encoder_q.",
 * "module.base_encoder."), solo-learn and lightly have them too. Of a second encoder that follows the first, a moving average or that
 * of the keys, nothing is taken, and no head. A first convolution of 7 x 7 is the stem for ImageNet, one of
 * 3 x 3 that for CIFAR-10. torchvision's weights take images that are normalised by ImageNet's means and deviations; others may
 * not.
 * @returns with the tensors under torchvision's names, without the prefix
 * @throws CheckpointError for names and shapes of another net.
 */
export function architectureOfResNet(given: ReadonlyMap<string, TensorData>, name: string) {
  const all = withNamedChildren(given);
  const prefix = prefixOf([...all.keys()], name);
  const own = [...all].filter(([key]) => key.startsWith(prefix));
  const tensors = new Map(own.map(([key, value]) => [key.slice(prefix.length), value]));
  const has = (key: string) => tensors.has(key);
  const [channels = 0, colours = 0, kernel = 0] = tensors.get("conv1.weight")?.shape ?? [];
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
  const other = [...tensors.keys()].find((key) => /^layer\d/.test(key) && !BLOCK_TENSOR.test(key));
  if (other !== undefined)
    throw new CheckpointError(`${name} holds a ResNet with ${other} in its blocks: those here have nothing like it`);
  if (!has("bn1.running_mean"))
    throw new CheckpointError(`${name} holds a ResNet without batch norm's running statistics: it cannot be used here`);
  const architecture = {
    encoder: net.encoder,
    width: channels / 64,
    stem: kernel === 7 ? "imagenet" : "cifar",
    norm: "batch",
    normalization: NORMALIZATIONS.imagenet,
  } as const;
  return { architecture, imageSize: null, prefix, tensors };
}
