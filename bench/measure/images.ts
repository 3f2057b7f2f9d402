import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Dataset } from "../../src/data/dataset.js";
import { openImages } from "../../src/data/open-images.js";
import { originalsOf } from "../../src/data/originals.js";
import { sampleOrder } from "../../src/data/sample-order.js";
import { ConfigError } from "../../src/errors.js";
import { type Benchmark, ROUNDS, runtimeName, wholeNumber } from "./benchmark.js";
import { median } from "./statistics.js";
import { digits, resultText } from "./text.js";

/** What `bench/images` gives. */
export interface ImagesResult {
  readonly runtime: string;
  readonly images: number;
  readonly imageSize: number;
  /** The most of an original. */
  readonly pixels: number;
  /** Of opening the folder for the first time. */
  readonly coldSeconds: number;
  /** With the decoded images in the cache. */
  readonly warmSeconds: number;
  /** Of batches in random order; medians. */
  readonly fetched: { readonly imagesPerSecond: number; readonly megabytesPerSecond: number };
}

async function timed<Result>(work: () => Promise<Result>): Promise<{ result: Result; seconds: number }> {
  const began = performance.now();
  const result = await work();
  return { result, seconds: (performance.now() - began) / 1000 };
}

/** Reads whole epochs in random order, batch by batch, one after another; images a second of each. */
async function fetchEpochs(dataset: Dataset, batch: number, rounds: number): Promise<number[]> {
  const originals = originalsOf(dataset);
  const [out, sizes] = [new Uint8Array(batch * originals.pixels * 4), new Uint32Array(2 * batch)];
  const rates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const order = sampleOrder(dataset.length, 1, round);
    const { seconds } = await timed(async () => {
      for (let start = 0; start + batch <= order.length; start += batch)
        await originals.fetch(order.subarray(start, start + batch), out, sizes);
    });
    rates.push((Math.floor(order.length / batch) * batch) / seconds);
  }
  return rates;
}

export const images: Benchmark = {
  name: "images",
  description:
    "opening a folder of photographs for the first and for the second time, and reading batches of originals for views to be cut from",
  arguments: [
    { name: "folder", description: "of images, as for simclr train" },
    { name: "size", description: "pixels of an image's side", standard: "64" },
  ],
  options: [
    ROUNDS,
    { name: "batch", description: "images that are read at once", standard: "256" },
    { name: "crop", description: "share of an image that the smallest crop takes", standard: "0.08" },
  ],
  async run(settings, progress) {
    const { folder } = settings;
    if (!folder) throw new ConfigError("name a folder of images");
    const imageSize = wholeNumber(settings, "size");
    const cache = { folder: await mkdtemp(join(tmpdir(), "simclr-images-")) };
    const onProgress = (done: number, total: number | null) => progress(`image ${done} of ${total ?? "?"}`);
    const open = () => openImages(folder, { imageSize, smallestCrop: Number(settings["crop"]), cache, onProgress });
    try {
      const cold = await timed(open);
      const { result: set, seconds: warmSeconds } = await timed(open);
      progress("reading batches");
      const batch = Math.min(wholeNumber(settings, "batch"), set.train.length);
      const rates = await fetchEpochs(set.train, batch, wholeNumber(settings, "rounds"));
      const total = [set.train, set.test, set.unlabelled].reduce((sum, part) => sum + (part?.length ?? 0), 0);
      const { pixels } = originalsOf(set.train);
      const imagesPerSecond = median(rates);
      const megabytesPerSecond = (imagesPerSecond * pixels * 4) / 1e6;
      const data: ImagesResult = {
        runtime: runtimeName(),
        images: total,
        imageSize,
        pixels,
        coldSeconds: cold.seconds,
        warmSeconds,
        fetched: { imagesPerSecond, megabytesPerSecond },
      };
      const rows = [
        [`${total} images of ${imageSize} x ${imageSize}, originals of up to ${pixels} pixels`, ""],
        ["opened first", `${digits(cold.seconds)} s, ${digits(total / cold.seconds)} images/s`],
        ["opened again", `${digits(warmSeconds)} s, ${digits(total / warmSeconds)} images/s`],
        [`batches of ${batch}`, `${digits(imagesPerSecond)} images/s, ${digits(megabytesPerSecond)} MB/s at most`],
      ];
      return { data, text: resultText({ runtime: data.runtime, adapter: "no device" }, rows) };
    } finally {
      await rm(cache.folder, { recursive: true, force: true });
    }
  },
};
