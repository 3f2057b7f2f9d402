import { Device } from "../../src/engine/device.js";
import type { Launch } from "../../src/engine/launch.js";
import { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import type { Encoder } from "../../src/nn/module.js";
import { projectionHead } from "../../src/nn/projection-head.js";
import { resnet } from "../../src/nn/resnet.js";

/** A convolution of a net, whose stride and padding are the same along both axes. */
export interface ConvolutionLayer {
  readonly batch: number;
  readonly kernel: readonly [number, number];
  readonly stride: number;
  readonly padding: number;
  /** Height, width and channels. */
  readonly input: readonly [number, number, number];
  readonly output: readonly [number, number, number];
}

/** A matrix product of a net. */
export interface Product {
  readonly rows: number;
  readonly inner: number;
  readonly cols: number;
}

/** What a net computes, each shape once. */
export interface NetShapes {
  readonly net: string;
  readonly convolutions: readonly ConvolutionLayer[];
  /** Of the projection head. */
  readonly products: readonly Product[];
  /** The passes of batch norm, as they are launched on a GPU. */
  readonly batchNorms: readonly Launch[];
}

/** The nets that are looked at: ResNet-18 as in CIFAR experiments, ResNet-50 as in ImageNet's. Two views of each image. */
const NETS: readonly {
  readonly name: string;
  readonly encoder: Encoder;
  readonly images: number;
  readonly size: number;
}[] = [
  { name: "resnet18", encoder: resnet({ depth: 18, stem: "cifar" }), images: 256, size: 32 },
  { name: "resnet50", encoder: resnet({ depth: 50, stem: "imagenet" }), images: 64, size: 224 },
];

/** The names of the nets. */
export const NET_NAMES: readonly string[] = NETS.map(({ name }) => name);

function uniqueBy<Item>(items: readonly Item[], key: (item: Item) => string): Item[] {
  return [...new Map(items.map((item) => [key(item), item])).values()];
}

function convolutionOf({ params: v }: Launch): ConvolutionLayer {
  return {
    batch: v.batch,
    kernel: [v.KERNEL_HEIGHT, v.KERNEL_WIDTH],
    stride: v.STRIDE_Y,
    padding: v.PADDING_Y,
    input: [v.IN_HEIGHT, v.IN_WIDTH, v.IN_CHANNELS],
    output: [v.OUT_HEIGHT, v.OUT_WIDTH, v.OUT_CHANNELS],
  };
}

/** Records a net's forward and backward pass as for a GPU; nothing is compiled or run. */
export function shapesOf(device: Device, name: string): NetShapes {
  const net = NETS.find((candidate) => candidate.name === name);
  if (!net) throw new Error(`no net "${name}": there are ${NET_NAMES.join(", ")}`);
  const gpuLike = new Device(device.gpu, { ...device.adapter, software: false });
  const tape = new Tape(gpuLike);
  const head = projectionHead(net.encoder.features, { layers: 2 });
  const tensors = new Map<string, Tensor>();
  for (const spec of [...net.encoder.tensors, ...head.tensors])
    tensors.set(spec.name, tape.tensor(spec.shape, spec.name));
  tape.watch(...tensors.values());
  const pass = {
    tape,
    training: true,
    movesRunning: true,
    segment: (_: string, record: () => Tensor) => record(),
    tensor(wanted: string): Tensor {
      const tensor = tensors.get(wanted);
      if (!tensor) throw new Error(`${net.name} has no tensor ${wanted}`);
      return tensor;
    },
  };
  const h = net.encoder.forward(pass, tape.tensor([net.images, net.size, net.size, 3], "images"));
  const convolutions = tape.launches
    .filter(({ kernel }) => "KERNEL_HEIGHT" in kernel.constants)
    .filter(({ kernel }) => kernel.bindings.some((binding) => binding.name === "weight"));
  const headFrom = tape.launches.length;
  const z = head.forward(pass, h);
  const products = tape.launches.slice(headFrom).filter(({ kernel }) => kernel.name.startsWith("matmul"));
  tape.backward(z, tape.tensor(z.shape, "gradient"));
  const batchNorms = tape.launches.filter(({ kernel }) => kernel.name.startsWith("batchNorm"));
  return {
    net: net.name,
    convolutions: uniqueBy(convolutions.map(convolutionOf), JSON.stringify),
    products: uniqueBy(
      products.map(({ params: { rows, inner, cols } }) => ({ rows, inner, cols })),
      JSON.stringify,
    ),
    batchNorms: uniqueBy(batchNorms, (launch) => `${launch.kernel.name} ${JSON.stringify(launch.constants)}`),
  };
}
