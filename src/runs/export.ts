import type { Device } from "../engine/device.js";
import { CheckpointError, ConfigError, namingFile, UsageError } from "../errors.js";
import { writeError, writeFileAtomic } from "../io/atomic.js";
import { decodeSafetensors, encodeSafetensors } from "../io/safetensors.js";
import type { Model } from "../nn/model.js";
import { encodeOnnx, onnxOutput } from "../nn/onnx.js";
import { decodeCheckpoint, restoreModel } from "../training/checkpoint.js";
import { encoderModel, encodeStored, preprocessingOf, readEncoder } from "../training/encoder-file.js";
import { createModel } from "../training/model.js";
import { type CardFacts, modelCard } from "./model-card.js";
import { checkOnnx, loadOnnxRuntime, type OnnxCheck, type OnnxRuntime } from "./onnx-check.js";
import { readFile } from "./run.js";
import { RunFolder } from "./run-folder.js";

/** What is exported, and how. */
export interface ExportOptions {
  /** A folder, by default `export` in the run's folder or beside the encoder's file; or, where it ends in ".onnx", that file alone. */
  readonly out?: string;
  /** With an ONNX file, and what transformers.js needs beside it; false by default, and true where `out` ends in ".onnx". */
  readonly onnx?: boolean;
  /** Of the ONNX file, see `OnnxOptions`; of a run only, for an encoder's file has no head. False by default. */
  readonly head?: boolean;
  /** Of the ONNX file, see `OnnxOptions`; false by default. */
  readonly withPreprocessing?: boolean;
  /** Under which licence the weights are given away, as an SPDX identifier; what the run says by default. */
  readonly license?: string;
  /** Pixels, for a file that does not say it, as those of torchvision. */
  readonly imageSize?: number;
  /** What the ONNX file is compared by; the package `onnxruntime-node` by default, where it is installed, and null for nothing. */
  readonly runtime?: OnnxRuntime | null;
}

/** What was exported. */
export interface ExportSummary {
  /** Paths of the files. */
  readonly files: readonly string[];
  /** How far the ONNX file is from this library; null without one, and without a runtime. */
  readonly check: OnnxCheck | null;
  /** What a file of others holds beside the encoder, as a head, and is not in the files: "fc", "module.encoder_k". */
  readonly leftOut: readonly string[];
}

/** The largest difference, as a share of the largest output, that is taken for one of rounding: a thousand times what there is. */
const ROUNDING = 1e-3;

/** The files of an exported folder. */
const FILES = {
  encoder: "encoder.safetensors",
  onnx: "onnx/model.onnx",
  config: "config.json",
  preprocessor: "preprocessor_config.json",
  card: "README.md",
} as const;

/** A model to be exported, with what is known of it. */
interface Source extends Pick<CardFacts, "model" | "metadata" | "run"> {
  /** Of encoder.safetensors. */
  readonly bytes: Uint8Array;
  /** Names of what a classifier tells apart. */
  readonly classes: readonly string[];
  /** See `ExportSummary`. */
  readonly leftOut: readonly string[];
}

/**
 * Writes what others need to use a trained encoder: a folder as Hugging Face's Hub has them, with `encoder.safetensors`, a model card
 * (`README.md`) written from the run, and, with `onnx`, an ONNX file (see `encodeOnnx`) with the `config.json` and
 * `preprocessor_config.json` by which transformers.js loads it as an image feature extractor. The ONNX file is compared with this
 * library's own outputs where the package `onnxruntime-node` is installed. Node, Bun and Deno.
 * @param from a run's folder, an encoder.safetensors, or a ResNet of torchvision's names
 * @throws CheckpointError where that cannot be read, the run is not finished, a file cannot be written, or the ONNX file gives other
 * numbers; UsageError where there is such an output already; ConfigError for a head that a file has not, for an operation that has no
 * counterpart in ONNX here, and where the image size is not known. Then nothing is written, but for what a full disk leaves.
 */
export async function exportEncoder(device: Device, from: string, options: ExportOptions = {}): Promise<ExportSummary> {
  const { dirname, join } = await import("node:path");
  const isRun = await isFolder(from);
  const { out = join(isRun ? from : dirname(from), "export") } = options;
  const alone = out.endsWith(".onnx");
  const { onnx = alone, head = false, withPreprocessing = false } = options;
  if (!onnx && (alone || head || withPreprocessing))
    throw new ConfigError(
      "a head, preprocessing and a name in .onnx are for an ONNX file: ask for one, by onnx (--onnx)",
    );
  await expectNothing(alone ? [out] : Object.values(FILES).map((name) => join(out, name)));
  const {
    model,
    bytes,
    metadata: said,
    run,
    classes,
    leftOut,
  } = await (isRun ? openRun : openFile)(device, from, options);
  try {
    const license = options.license ?? said["license"];
    const metadata = { ...said, ...(license !== undefined && { license }) };
    const shape = { head, withPreprocessing };
    const net = onnx ? await encodeOnnx(model, { ...shape, metadata }) : null;
    const check = net && (await compare(device, model, net, shape, options.runtime));
    const contents = new Map<string, Uint8Array | string>();
    if (net && alone) contents.set(out, net);
    else {
      const output = onnxOutput(model, head);
      const outputs = head ? model.head.output : model.encoder.features;
      const file = net && { path: FILES.onnx, output, outputs, withPreprocessing, check };
      contents.set(join(out, FILES.encoder), options.license === undefined ? bytes : withMetadata(bytes, metadata));
      if (net) {
        contents.set(join(out, FILES.onnx), net);
        contents.set(join(out, FILES.config), json(configOf(model, output, classes)));
        contents.set(join(out, FILES.preprocessor), json(preprocessorOf(model, withPreprocessing)));
      }
      contents.set(join(out, FILES.card), modelCard({ model, metadata, run, onnx: file }));
    }
    for (const [path, content] of contents) {
      await makeFolder(dirname(path));
      await writeFileAtomic(path, content);
    }
    return { files: [...contents.keys()], check, leftOut };
  } finally {
    model.tensors.dispose();
  }
}

async function isFolder(path: string): Promise<boolean> {
  const { stat } = await import("node:fs/promises");
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function makeFolder(path: string): Promise<void> {
  const { mkdir } = await import("node:fs/promises");
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw writeError(path, error);
  }
}

/** @throws UsageError where one of these is there already */
async function expectNothing(paths: readonly string[]): Promise<void> {
  const { stat } = await import("node:fs/promises");
  for (const path of paths) {
    const found = await stat(path).catch(() => null);
    if (found) throw new UsageError(`${path} is there already: remove it, or choose another place with --out`);
  }
}

async function openFile(device: Device, path: string, { head, imageSize }: ExportOptions): Promise<Source> {
  if (head) throw new ConfigError(`${path} is a file of an encoder, without a head: name its run's folder`);
  const bytes = await readFile(path);
  const stored = readEncoder(bytes, { name: path });
  const { metadata, leftOut, imageSize: own } = stored;
  if (imageSize !== undefined && own !== null && imageSize !== own)
    throw new ConfigError(
      `${path} says that it is for images of ${own} pixels: an image size is for files that do not`,
    );
  const model = encoderModel(device, stored, imageSize);
  const source = { model, run: null, classes: [], leftOut };
  if ("encoder" in metadata) return { ...source, bytes, metadata };
  // Others' names, perhaps behind a prefix and beside a head, do not say what is needed to read the file again.
  const rewritten = await encodeStored(model, stored);
  return { ...source, bytes: rewritten, metadata: readEncoder(rewritten, { name: path }).metadata };
}

async function openRun(device: Device, path: string, { head = false, imageSize }: ExportOptions): Promise<Source> {
  if (imageSize !== undefined)
    throw new ConfigError(`${path} is a run, which knows its image size: it is given for files of encoders only`);
  const folder = await RunFolder.open(path);
  if (!(await folder.has("encoder")))
    throw new CheckpointError(`${path} has no encoder yet: finish its training first, with simclr resume`);
  const file = folder.file("encoder");
  const bytes = await readFile(file);
  const stored = readEncoder(bytes, { name: file });
  const { metadata, leftOut } = stored;
  const run = { config: await folder.readConfig(), metrics: await folder.readMetrics() };
  if (!head) return { model: encoderModel(device, stored), bytes, metadata, run, classes: [], leftOut };

  // The head is in the checkpoint alone.
  const kept = folder.file("checkpoint");
  const checkpoint = namingFile(kept, decodeCheckpoint.bind(null, await readFile(kept)));
  const { config, imageSize: size, classes, step } = checkpoint;
  if (metadata["steps"] !== undefined && metadata["steps"] !== String(step)) {
    throw new CheckpointError(
      `${path} has gone on to step ${step}, and its encoder is of step ${metadata["steps"]}: finish its training first, with simclr resume`,
    );
  }
  const model = device.memory.allOrNothing(() => {
    const made = createModel(device, config, size, classes.length);
    restoreModel(made, checkpoint);
    return made;
  });
  return { model, bytes, metadata, run, classes, leftOut: [] };
}

/** @throws CheckpointError where the difference cannot come from rounding */
async function compare(
  device: Device,
  model: Model,
  bytes: Uint8Array,
  shape: Readonly<Record<"head" | "withPreprocessing", boolean>>,
  given: OnnxRuntime | null | undefined,
): Promise<OnnxCheck | null> {
  const runtime = given === undefined ? await loadOnnxRuntime() : given;
  if (!runtime) return null;
  const check = await checkOnnx(device, model, bytes, shape, runtime);
  const { largestDifference, largestValue } = check;
  if (!(largestDifference <= ROUNDING * largestValue)) {
    throw new CheckpointError(
      `the ONNX file gives other numbers than this library: ${check.output} of made-up image ${check.image} differs by ${largestDifference}, and the largest number is ${largestValue}; nothing was written`,
    );
  }
  return check;
}

function withMetadata(bytes: Uint8Array, metadata: Readonly<Record<string, string>>): Uint8Array {
  return encodeSafetensors(decodeSafetensors(bytes).tensors, metadata);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** By this transformers.js knows what kind of net it loads. */
function configOf({ encoder, imageSize }: Model, output: string, classes: readonly string[]): object {
  const labels = Object.fromEntries(classes.map((name, i) => [i, name]));
  const classifies = output === "logits";
  return {
    model_type: "resnet",
    architectures: [classifies ? "ResNetForImageClassification" : "ResNetModel"],
    hidden_sizes: [encoder.features],
    num_channels: 3,
    image_size: imageSize,
    ...(classifies && { id2label: labels }),
  };
}

/** The preprocessing as image processors of Hugging Face take it: see `preprocessingOf`. */
function preprocessorOf(model: Model, withPreprocessing: boolean): object {
  const { size, scale, mean, std } = preprocessingOf(model);
  return {
    image_processor_type: "CLIPImageProcessor",
    do_convert_rgb: true,
    do_resize: true,
    size: { shortest_edge: size },
    // Lanczos, as PIL numbers its filters.
    resample: 1,
    do_center_crop: true,
    crop_size: { height: size, width: size },
    do_rescale: !withPreprocessing,
    rescale_factor: scale,
    do_normalize: !withPreprocessing,
    image_mean: mean,
    image_std: std,
  };
}
