import type { StepTask } from "./task.js";

/** What the nets are made of, in an engine's own operations. Parameters go by their names in the task. */
export interface Layers<T> {
  /** Convolution 3x3 or 1x1 without bias. */
  convolution(x: T, name: string, stride: number, padding: number): T;
  /** Batch norm over the batch's own statistics. */
  norm(x: T, name: string): T;
  relu(x: T): T;
  add(a: T, b: T): T;
  /** Twice the same, for engines that count references. */
  twice(x: T): [T, T];
  /** The average of each map: [views, channels]. */
  averagePool(x: T): T;
  /** Linear layer with bias. */
  linear(x: T, name: string): T;
}

function convnet<T>(layers: Layers<T>, views: T): T {
  let x = views;
  for (let i = 0; i < 4; i++) {
    x = layers.relu(layers.norm(layers.convolution(x, `layers.${i}.conv`, 2, 1), `layers.${i}.bn`));
  }
  return x;
}

function resnet18<T>(layers: Layers<T>, views: T): T {
  let x = layers.relu(layers.norm(layers.convolution(views, "conv1", 1, 1), "bn1"));
  for (let stage = 1; stage <= 4; stage++) {
    for (let block = 0; block < 2; block++) {
      const name = `layer${stage}.${block}`;
      const shrinks = stage > 1 && block === 0;
      const [path, rest] = layers.twice(x);
      const first = layers.norm(layers.convolution(path, `${name}.conv1`, shrinks ? 2 : 1, 1), `${name}.bn1`);
      const second = layers.norm(layers.convolution(layers.relu(first), `${name}.conv2`, 1, 1), `${name}.bn2`);
      const residual = shrinks
        ? layers.norm(layers.convolution(rest, `${name}.downsample.0`, 2, 0), `${name}.downsample.1`)
        : rest;
      x = layers.relu(layers.add(second, residual));
    }
  }
  return x;
}

/** Encoder and projection head: views to embeddings [views, 128]. */
export function embed<T>(net: StepTask["net"], layers: Layers<T>, views: T): T {
  const maps = net === "convnet" ? convnet(layers, views) : resnet18(layers, views);
  return layers.linear(layers.relu(layers.linear(layers.averagePool(maps), "head.0")), "head.2");
}
