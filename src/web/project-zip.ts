import { type Zippable, zipSync } from "fflate";
import { parsePolicies } from "../augment/parse-policy.js";
import { policyList } from "../augment/policy.js";
import { datasetFromImages } from "../data/from-images.js";
import { DataError, namingFile } from "../errors.js";
import { isRecord, parseObject } from "../io/json.js";
import { isOptionValue } from "../methods/options.js";
import { decodeCheckpoint } from "../training/checkpoint.js";
import type { StepEvent } from "../training/trainer.js";
import { VERSION } from "../version.js";
import { counted } from "../wording.js";
import type { Unpacked } from "./archives.js";
import type { Accuracy, NamedFile, Settings } from "./messages.js";
import { PROJECT_VERSION, type Project, type StoredImages, type StoredPictures } from "./project.js";

// A project is a run folder of the command line, with its images beside it and what the page shows in a file more.
const PAGE_FILE = "page.json";
const CHECKPOINT = "checkpoint.safetensors";
const METRICS = "metrics.jsonl";

const encoder = new TextEncoder();
const json = (value: unknown) => encoder.encode(`${JSON.stringify(value, null, 1)}\n`);

async function pngOf(pixels: Uint8Array, size: number, canvas: OffscreenCanvas): Promise<Uint8Array> {
  const context = canvas.getContext("2d", { alpha: false });
  if (!context) throw new DataError("this browser draws no pictures in a worker");
  context.putImageData(new ImageData(new Uint8ClampedArray(pixels), size, size), 0, 0);
  return new Uint8Array(await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer());
}

/** Where the images of a part go: folders of classes, in folders of parts where there are two. */
function pathsOf({ names, labels }: StoredImages, classes: readonly string[], part: string): string[] {
  return names.map((_, i) => {
    const folder = labels ? `${classes[labels[i]]}/` : "";
    return `${part}${folder}${String(i).padStart(6, "0")}.png`;
  });
}

/** What `encodeProject` takes besides a project. */
export interface ProjectExtras {
  /** Of the encoder as it is; null where nothing is learned yet. */
  readonly encoder: Uint8Array | null;
  readonly adapter: string;
  /** Called as images are packed. */
  readonly report: (done: number, total: number) => void;
}

/**
 * A project as one zip: `simclr resume <folder> --images <folder>/images` goes on with it where it is unpacked, and the page where it is
 * dropped. Images are those that the network sees, as PNG.
 */
export async function encodeProject(
  { pictures, settings, training }: Project,
  { encoder: weights, adapter, report }: ProjectExtras,
): Promise<Uint8Array<ArrayBuffer>> {
  const { train, test, classes, imageSize, name } = pictures;
  const files: Zippable = {};
  const canvas = new OffscreenCanvas(imageSize, imageSize);
  const total = train.names.length + (test?.names.length ?? 0);
  let done = 0;
  const add = async (images: StoredImages, paths: readonly string[]) => {
    const bytes = imageSize * imageSize * 4;
    const lengths: [string, number][] = [];
    for (const [i, path] of paths.entries()) {
      const png = await pngOf(images.pixels.subarray(i * bytes, (i + 1) * bytes), imageSize, canvas);
      files[`images/${path}`] = [png, { level: 0 }];
      lengths.push([path, png.length]);
      report(++done, total);
    }
    return lengths;
  };
  const [trainPaths, testPaths] = [
    pathsOf(train, classes, test ? "train/" : ""),
    test ? pathsOf(test, classes, "test/") : [],
  ];
  const lists = { train: await add(train, trainPaths), test: test ? await add(test, testPaths) : [] };
  const page = {
    ...{ version: PROJECT_VERSION, name, imageSize, classes, settings },
    begunWith: training?.settings ?? null,
    ...{ skipped: pictures.skipped, notes: pictures.notes },
    train: trainPaths.map((path, i) => [path, train.names[i], train.labels?.[i] ?? null]),
    test: test && testPaths.map((path, i) => [path, test.names[i], test.labels?.[i] ?? null]),
    accuracies: training?.accuracies ?? [],
  };
  files[PAGE_FILE] = json(page);
  if (training) {
    const { config, choices } = decodeCheckpoint(training.checkpoint);
    files[CHECKPOINT] = [training.checkpoint, { level: 0 }];
    files[METRICS] = encoder.encode(training.history.map((event) => `${JSON.stringify(event)}\n`).join(""));
    files["images.json"] = json({ train: lists.train, unlabelled: [], test: lists.test, unused: [] });
    files["config.json"] = json({
      ...{ version: VERSION, adapter, source: null, dataset: name, license: null, initial: null, imageSize },
      ...{ trainImages: train.names.length, testImages: test?.names.length ?? 0, classes, training: config, choices },
    });
  }
  if (weights) files["encoder.safetensors"] = [weights, { level: 0 }];
  return new Uint8Array(zipSync(files));
}

/** Where a project's files are among others; null where there is none. */
export function projectFolder(files: readonly NamedFile[]): string | null {
  const page = files.find(({ path }) => path === PAGE_FILE || path.endsWith(`/${PAGE_FILE}`));
  return page && files.some(({ path }) => path.includes("images/")) ? page.path.slice(0, -PAGE_FILE.length) : null;
}

const damaged = (what: string) => new DataError(`this project is damaged, or of another version of the page: ${what}`);

/** @throws DataError where a project lacks something, or what it says cannot be. */
export async function decodeProject(
  { files, skipped: unread }: Unpacked,
  folder: string,
  report: (done: number, total: number) => void,
): Promise<Project> {
  const beside = files.filter(({ path }) => !path.startsWith(folder)).length;
  const blobs = new Map(files.map(({ path, blob }) => [path, blob]));
  const page = parseObject((await blobs.get(folder + PAGE_FILE)?.text()) ?? "");
  if (page?.["version"] !== PROJECT_VERSION) throw damaged(`${PAGE_FILE} says version ${String(page?.["version"])}`);
  const { name, imageSize, classes, skipped, notes, train, test, accuracies } = page;
  if (
    typeof name !== "string" ||
    typeof imageSize !== "number" ||
    !isTexts(classes) ||
    !isTexts(notes) ||
    !isSkipped(skipped)
  )
    throw damaged(`${PAGE_FILE} lacks something`);
  const settings = settingsOf(page["settings"]);
  const total = isRows(train) ? train.length + (isRows(test) ? test.length : 0) : 0;
  let before = 0;
  const read = async (rows: unknown): Promise<StoredImages> => {
    if (!isRows(rows)) throw damaged("its list of images is none");
    const names = rows.map(([, own]) => own);
    const labels = rows.map(([, , label]) => label);
    const labelled = labels.filter((label) => label !== null);
    if (labelled.length !== 0 && labelled.length !== rows.length) throw damaged("some of its images have no label");
    const images = rows.map(([path]) => blobs.get(`${folder}images/${path}`) ?? new Blob());
    const set = await datasetFromImages(images, {
      ...{ imageSize, name, names, maxBroken: 0 },
      ...(labelled.length > 0 && { labels: labelled, classes }),
      onProgress: (done) => report(before + done, total),
    }).catch((cause: unknown) => {
      throw damaged(cause instanceof Error ? cause.message : String(cause));
    });
    before += rows.length;
    const pixels = new Uint8Array(rows.length * imageSize ** 2 * 4);
    await set.fetch(
      rows.map((_, i) => i),
      pixels,
    );
    return { pixels, names, labels: set.labels };
  };
  const pictures: StoredPictures = {
    ...{ version: PROJECT_VERSION, name, imageSize, classes },
    skipped: [...skipped, ...unread],
    notes: [...notes, ...(beside > 0 ? [`${counted(beside, "file")} beside the project left alone`] : [])],
    train: await read(train),
    test: test === null ? null : await read(test),
  };
  const checkpoint = blobs.get(folder + CHECKPOINT);
  if (!checkpoint) return { pictures, settings, training: null };
  const bytes = new Uint8Array(await checkpoint.arrayBuffer());
  const { images, config } = namingFile(CHECKPOINT, () => decodeCheckpoint(bytes));
  if (images !== pictures.train.names.length) throw damaged(`its checkpoint is of ${images} images`);
  const history = historyOf((await blobs.get(folder + METRICS)?.text()) ?? "");
  const known = Array.isArray(accuracies) ? accuracies.filter(isAccuracy) : [];
  // The command line may have gone on with it for more epochs.
  const begunWith = { ...settingsOf(page["begunWith"] ?? page["settings"]), epochs: config.epochs };
  const training = {
    ...{ version: PROJECT_VERSION, settings: begunWith },
    ...{ checkpoint: bytes, history, accuracies: known },
  };
  return { pictures, settings, training };
}

type Row = readonly [path: string, name: string, label: number | null];

function isRows(value: unknown): value is Row[] {
  return (
    Array.isArray(value) &&
    value.every(
      (row) =>
        Array.isArray(row) &&
        typeof row[0] === "string" &&
        typeof row[1] === "string" &&
        (row[2] === null || typeof row[2] === "number"),
    )
  );
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((text) => typeof text === "string");
}

function isSkipped(value: unknown): value is { name: string; reason: string }[] {
  return (
    Array.isArray(value) &&
    value.every((one) => isRecord(one) && typeof one["name"] === "string" && typeof one["reason"] === "string")
  );
}

function isAccuracy(value: unknown): value is Accuracy {
  return isRecord(value) && typeof value["step"] === "number" && typeof value["knn"] === "number";
}

function isStep(value: unknown): value is StepEvent {
  return (
    isRecord(value) &&
    ["step", "epoch", "loss", "lossScale", "learningRate", "imagesPerSecond"].every(
      (key) => typeof value[key] === "number",
    )
  );
}

/** The steps that lines of metrics tell of. */
function historyOf(text: string): StepEvent[] {
  return text
    .split("\n")
    .map((line) => parseObject(line))
    .filter(isStep);
}

/** @throws DataError where they are none */
function settingsOf(value: unknown): Settings {
  const given: Readonly<Record<string, unknown>> = isRecord(value) ? value : {};
  const { method, options, encoder: net, width, batch, microBatch, epochs, learningRate, augmentation } = given;
  const isOptions = (all: unknown): all is Settings["options"] =>
    isRecord(all) && Object.values(all).every(isOptionValue);
  if (
    typeof method !== "string" ||
    !isOptions(options) ||
    typeof net !== "string" ||
    typeof width !== "number" ||
    typeof batch !== "number" ||
    (microBatch !== "auto" && typeof microBatch !== "number") ||
    typeof epochs !== "number" ||
    typeof learningRate !== "number"
  )
    throw damaged("its settings are none");
  const [policy] = policyList(parsePolicies(augmentation));
  return { method, options, encoder: net, width, batch, microBatch, epochs, learningRate, augmentation: policy };
}
