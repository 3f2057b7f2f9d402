/** Everything that reads bytes from elsewhere, with valid inputs of each. */
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { augmentationPolicies, checkPolicies, policyList } from "../../src/augment/policy.js";
import { augmentation } from "../../src/cli/augmentation-option.js";
import type { Dataset } from "../../src/data/dataset.js";
import { openImages } from "../../src/data/open-images.js";
import type { Device } from "../../src/engine/device.js";
import { CheckpointError } from "../../src/errors.js";
import { loadFrom, saveTo } from "../../src/io/choice-store.js";
import { readImageList } from "../../src/io/image-list-file.js";
import { parseObject } from "../../src/io/json.js";
import { decodeNpy, encodeNpy } from "../../src/io/npy.js";
import { decodeSafetensors, encodeSafetensors, type TensorData } from "../../src/io/safetensors.js";
import { RunFolder } from "../../src/runs/run-folder.js";
import { imagesOfRun, sharesImages } from "../../src/runs/run-images.js";
import { decodeCheckpoint, parseConfig } from "../../src/training/checkpoint.js";
import { checkConfig } from "../../src/training/config.js";
import { readEncoder } from "../../src/training/encoder-file.js";
import { gzipped, jpegs, picture, tar, writeFiles, zip } from "../data/make-files.js";
import { IMAGES, trainIn } from "./small-run.js";

/** A reader of bytes. */
export interface Reader {
  readonly name: string;
  /** Valid ones. */
  readonly inputs: readonly Uint8Array[];
  /** Of all inputs, how many go to it, beside those of the others: it takes longer than others, or less long. */
  readonly share: number;
  /** MiB that any input may take, beside some times its size. */
  readonly memory: number;
  /** Reads all that there is to read. @throws an error of the library's own, and nothing else */
  read(bytes: Uint8Array): unknown;
}

/** MiB for readers: what others have left is collected late. For pictures: one of as many pixels as are decoded takes 800. */
const [FEW, MANY] = [96, 1024];
/** Bytes that decoded images may take in these tests. */
const BUDGET = 2 ** 24;
const SIDE = 16;
const text = new TextEncoder();

async function readAll(dataset: Dataset | null | undefined): Promise<void> {
  if (!dataset) return;
  const out = new Uint8Array(dataset.width * dataset.height * 4);
  for (let i = 0; i < Math.min(dataset.length, 4); i++) await dataset.fetch([i], out);
  Array.from({ length: dataset.length }, (_, i) => dataset.nameOf(i));
}

/** Opens images as the command line does, and reads some. */
async function open(path: string, imageSize: number | undefined): Promise<void> {
  const { train, test, unlabelled } = await openImages(path, { imageSize, memoryBudget: BUDGET, maxBroken: 1 });
  for (const part of [train, test, unlabelled]) await readAll(part);
}

/** IDX: a magic number and extents of 4 bytes each, big-endian, then bytes. */
function idx(extents: readonly number[]): Uint8Array {
  const header = [0, 0, 8, extents.length, ...extents.flatMap((extent) => [0, 0, extent >> 8, extent & 255])];
  const data = Array.from({ length: extents.reduce((product, extent) => product * extent, 1) }, (_, i) => i % 10);
  return Uint8Array.from([...header, ...data]);
}

/** A .npy file of bytes. */
function bytesNpy(shape: readonly number[]): Uint8Array {
  const floats = encodeNpy(shape, new Float32Array(shape.reduce((product, extent) => product * extent, 1)));
  const header = new TextDecoder("latin1").decode(floats.subarray(0, 128)).replace("<f4", "|u1");
  return Uint8Array.from([
    ...Array.from(header, (letter) => letter.charCodeAt(0)),
    ...idx(shape).subarray(4 + 4 * shape.length),
  ]);
}

/** A bitmap of 24 bits. */
function bmp(width: number, height: number): Uint8Array {
  const row = 4 * Math.ceil((3 * width) / 4);
  const bytes = new Uint8Array(54 + row * height).fill(100, 54);
  const view = new DataView(bytes.buffer);
  bytes.set([0x42, 0x4d]);
  const words = [bytes.length, 0, 54, 40, width, height];
  words.forEach((value, i) => {
    view.setUint32(2 + 4 * i, value, true);
  });
  view.setUint16(26, 1, true);
  view.setUint16(28, 24, true);
  return bytes;
}

async function pictures(): Promise<Uint8Array[]> {
  const raw = sharp(picture(24, 20, 1), { raw: { width: 24, height: 20, channels: 3 } });
  const files = [
    raw.clone().jpeg(),
    raw.clone().jpeg({ progressive: true }),
    raw.clone().png({ palette: true }),
    raw.clone().png(),
    raw.clone().webp(),
    raw.clone().webp({ lossless: true }),
    raw.clone().gif(),
    raw.clone().tiff({ compression: "lzw" }),
    raw.clone().avif({ effort: 0 }),
  ];
  return Promise.all(files.map((file) => file.toBuffer()));
}

/** The readers of files in a folder of their own, which a run is in. @param folder made for this */
export async function makeReaders(folder: string, device: Device): Promise<readonly Reader[]> {
  const run = join(folder, "run");
  await trainIn(run, device);
  const stored = async (name: string) => new Uint8Array(await readFile(join(run, name)));
  const [checkpoint, encoder] = [await stored("checkpoint.safetensors"), await stored("encoder.safetensors")];
  const runFolder = await RunFolder.open(run);
  const tensors = new Map<string, TensorData>([
    ["a", { shape: [2, 3], data: new Float32Array(6) }],
    ["b", { shape: [], data: BigInt64Array.of(1n) }],
    ["c", { shape: [4], data: new Uint8Array(4) }],
  ]);
  const small = encodeSafetensors(tensors, { format: "x" });
  const { config = "" } = decodeSafetensors(checkpoint).metadata;
  const files = await jpegs("cat/", 3);
  const archive = await tar([
    ...Object.entries(files).map(([name, content]) => ({ name, content })),
    { name: "dog/link.jpg", linkname: "../cat/000.jpg" },
    { name: "dog/hard.jpg", linkname: "cat/001.jpg", type: "link" as const },
  ]);
  const picturesOf = Object.values(files);
  const zipped = await zip(Object.entries(files).map(([name, content], i) => ({ name, content, stored: i > 0 })));
  const arrays = [
    { name: "train_images.npy", content: bytesNpy([4, 8, 8]) },
    { name: "train_labels.npy", content: bytesNpy([4]) },
  ];
  const shard = await tar(
    picturesOf.flatMap((content, i) => [
      { name: `00${i}.jpg`, content },
      { name: `00${i}.cls`, content: text.encode(String(i)) },
      { name: `00${i}.json`, content: text.encode(`{"label": ${i}}`) },
    ]),
  );
  const policies = ["simclr", "byol"].flatMap((name) =>
    Object.entries(augmentationPolicies).flatMap(([known, policy]) => (known.startsWith(name) ? [policy] : [])),
  );
  device.choices.set("matmul", "64 x 64 x 64", "tiled");
  const kept: string[] = [];
  const store = { place: "memory", read: async () => null, write: async (choices: string) => void kept.push(choices) };
  await saveTo(store, device);

  /** Writes the bytes to a file, alone in its folder, and reads it. */
  const inFile = (name: string, read: (path: string) => unknown) => async (bytes: Uint8Array) => {
    const own = join(folder, "files", name.replaceAll("/", "-"));
    const path = join(own, name);
    if (!existsSync(path)) await mkdir(join(path, ".."), { recursive: true });
    await writeFile(path, bytes);
    return read(path);
  };
  const inRun = (name: string, read: () => unknown) => async (bytes: Uint8Array) => {
    await writeFile(join(run, name), bytes);
    return read();
  };
  const images = (name: string, imageSize: number | undefined = SIDE) => inFile(name, (path) => open(path, imageSize));
  const checkedConfig = (bytes: Uint8Array) => {
    const value = parseObject(new TextDecoder().decode(bytes));
    if (value === null) throw new CheckpointError("no JSON object");
    checkConfig(parseConfig(value), 1000, device);
  };

  return [
    { name: "safetensors", inputs: [small], share: 20, memory: FEW, read: decodeSafetensors },
    {
      name: "checkpoint",
      inputs: [checkpoint.slice(0), shortened(checkpoint)],
      share: 4,
      memory: FEW,
      read: decodeCheckpoint,
    },
    { name: "encoder", inputs: [encoder], share: 4, memory: FEW, read: (bytes) => readEncoder(bytes) },
    {
      name: "npy",
      inputs: [encodeNpy([2, 3], new Float32Array(6)), encodeNpy([4], new Float32Array(4))],
      share: 20,
      memory: FEW,
      read: decodeNpy,
    },
    { name: "configuration", inputs: [text.encode(config)], share: 20, memory: FEW, read: checkedConfig },
    {
      name: "augmentation",
      inputs: [...policies, policyList(augmentationPolicies.byol)].map((policy) => text.encode(JSON.stringify(policy))),
      share: 8,
      memory: FEW,
      read: inFile("policy.json", (path) => {
        const read = augmentation(path);
        if (typeof read === "object") checkPolicies(read);
      }),
    },
    {
      name: "choices",
      inputs: kept.map((choices) => text.encode(choices)),
      share: 8,
      memory: FEW,
      read: (bytes) =>
        loadFrom({ place: "memory", read: async () => new TextDecoder().decode(bytes), write: async () => {} }, device),
    },
    {
      name: "image list",
      inputs: [text.encode("a.jpg\n# b\n./c.jpg\n")],
      share: 4,
      memory: FEW,
      read: inFile("list.txt", readImageList),
    },
    {
      name: "config.json",
      inputs: [await stored("config.json")],
      share: 4,
      memory: FEW,
      read: inRun("config.json", () => runFolder.readConfig()),
    },
    {
      name: "images.json",
      inputs: [await stored("images.json")],
      share: 4,
      memory: FEW,
      read: inRun("images.json", async () => {
        await sharesImages(runFolder, IMAGES);
        await imagesOfRun(runFolder, IMAGES);
      }),
    },
    {
      name: "metrics.jsonl",
      inputs: [await stored("metrics.jsonl")],
      share: 4,
      memory: FEW,
      read: inRun("metrics.jsonl", () => runFolder.readMetrics()),
    },
    { name: "tar", inputs: [archive], share: 2, memory: MANY, read: images("set.tar") },
    { name: "tar.gz", inputs: [await gzipped(archive)], share: 2, memory: MANY, read: images("set.tar.gz") },
    { name: "idx", inputs: [idx([6, 8, 8])], share: 2, memory: FEW, read: images("train-images-idx3-ubyte") },
    {
      name: "idx.gz",
      inputs: [await gzipped(idx([6, 8, 8]))],
      share: 2,
      memory: FEW,
      read: images("train-images-idx3-ubyte.gz", undefined),
    },
    {
      name: "cifar",
      inputs: [new Uint8Array(3 * 3073)],
      share: 2,
      memory: FEW,
      read: images("data_batch_1.bin", undefined),
    },
    {
      name: "cifar.gz",
      inputs: [await gzipped(new Uint8Array(3 * 3073))],
      share: 2,
      memory: FEW,
      read: images("train.bin.gz", undefined),
    },
    { name: "zip", inputs: [zipped, await zip(arrays)], share: 3, memory: MANY, read: images("set.zip") },
    { name: "npz", inputs: [await zip(arrays)], share: 2, memory: FEW, read: images("set.npz") },
    {
      name: "npy of images",
      inputs: [bytesNpy([3, 8, 8]), bytesNpy([2, 8, 8, 3])],
      share: 2,
      memory: FEW,
      read: images("set.npy"),
    },
    {
      name: "list",
      inputs: ["path,label,split\na.jpg,cat,train\nb.jpg,dog,test\n", "a.jpg\nb.jpg\n"].map((list) =>
        text.encode(list),
      ),
      share: 2,
      memory: MANY,
      read: inFile("list.csv", async (path) => {
        await writeFiles(join(path, ".."), { "a.jpg": picturesOf[0], "b.jpg": picturesOf[1] });
        await open(path, SIDE);
      }),
    },
    { name: "shard", inputs: [shard], share: 2, memory: MANY, read: images("set-000000.tar") },
    {
      name: "bmp",
      inputs: [bmp(6, 5)],
      share: 2,
      memory: MANY,
      read: inFile("bitmaps/1.bmp", (path) => open(join(path, ".."), SIDE)),
    },
    { name: "stl10", inputs: [new Uint8Array(2 * 27648)], share: 1, memory: FEW, read: images("train_X.bin") },
    {
      name: "pictures",
      inputs: await pictures(),
      share: 4,
      memory: MANY,
      read: inFile("photos/1.jpg", (path) => open(join(path, ".."), SIDE)),
    },
  ];
}

/** A checkpoint of two tensors: most of its bytes are a header. */
function shortened(checkpoint: Uint8Array): Uint8Array {
  const { metadata } = decodeSafetensors(checkpoint);
  return encodeSafetensors(new Map([["model.a", { shape: [1], data: new Float32Array(1) }]]), metadata);
}

/** Removes what readers left. */
export async function removeReaders(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}
