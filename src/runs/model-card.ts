import { METHODS } from "../methods/catalogue.js";
import type { Model } from "../nn/model.js";
import { printable } from "../printable.js";
import { isTransformer } from "../training/config.js";
import { type Preprocessing, preprocessingOf } from "../training/encoder-file.js";
import { counted } from "../wording.js";
import type { OnnxCheck } from "./onnx-check.js";
import type { MetricsLine } from "./run-folder.js";

/** What a model card is written from. */
export interface CardFacts {
  readonly model: Model;
  /** Of encoder.safetensors: see `encodeEncoder`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The run's config.json and metrics.jsonl; null for a file of which no run is known. */
  readonly run: { readonly config: Readonly<Record<string, unknown>>; readonly metrics: readonly MetricsLine[] } | null;
  /** The ONNX file beside it, what comes out of it, and how it was checked; null where there is none. */
  readonly onnx: {
    readonly path: string;
    readonly output: string;
    readonly outputs: number;
    readonly withPreprocessing: boolean;
    readonly check: OnnxCheck | null;
  } | null;
}

/** Text of somebody else's in a cell of a table or a sentence: on one line, and as it is. */
function plain(text: unknown): string {
  return printable(String(text))
    .replace(/\s+/g, " ")
    .replace(/[\\`*_<>|[\]]/g, "\\$&");
}

function table(rows: readonly (readonly string[])[]): string {
  const [heading, ...rest] = rows;
  return [heading, heading.map(() => "---"), ...rest].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** The model card of an encoder, as the README.md of a repository on Hugging Face's Hub. */
export function modelCard(facts: CardFacts): string {
  const { model, metadata, onnx } = facts;
  const { license = "unknown", method } = metadata;
  const labelled = METHODS.find(({ name }) => name === method)?.labels === true;
  const learned = method === undefined ? [] : [method, ...(labelled ? [] : ["self-supervised-learning"])];
  const tags = ["webgpu-simclr", ...learned, ...(onnx ? ["onnx"] : [])];
  const front = [
    "---",
    `license: ${JSON.stringify(license)}`,
    ...(onnx ? ["library_name: transformers.js"] : []),
    `pipeline_tag: ${onnx?.output === "logits" ? "image-classification" : "image-feature-extraction"}`,
    "tags:",
    ...tags.map((tag) => `- ${JSON.stringify(tag)}`),
    "---",
  ].join("\n");
  return `${[
    front,
    `# ${plain(model.encoder.name)}${method ? ` (${plain(method)})` : ""}`,
    introduction(facts),
    "## Numbers",
    numbers(facts),
    "## Data",
    data(facts),
    "## Recipe",
    recipe(facts),
    "## Use",
    use(facts),
    "## Limits",
    limits(facts),
  ].join("\n\n")}\n`;
}

function introduction({ model, metadata }: CardFacts): string {
  const { encoder, imageSize, tensors } = model;
  const summary = METHODS.find(({ name }) => name === metadata["method"])?.summary;
  const own = new Set(encoder.tensors.map(({ name }) => name));
  const trained = tensors.parameters.filter(({ spec }) => own.has(spec.name));
  const weights = trained.reduce((sum, { value }) => sum + value.size, 0);
  return `An image encoder with ${counted(weights, "weight")}: pictures of ${imageSize} x ${imageSize} pixels to vectors of ${encoder.features} numbers, whose cosine similarity says how much pictures resemble each other${summary ? `. The method, ${plain(metadata["method"])}: ${plain(summary)}` : ""}.`;
}

/** The last line of an evaluation after so many epochs. */
function evaluationAt(metrics: readonly MetricsLine[], epoch: unknown): MetricsLine | undefined {
  return metrics.findLast((line) => line["kind"] === "evaluation" && line["epoch"] === epoch);
}

/** What is measured, and how. */
const MEASURES = [
  ["classifier", "its own classifier"],
  ["knn", "kNN, k = 200"],
  ["knn20", "kNN, k = 20"],
  ["probe", "linear probe"],
] as const;

function share(line: MetricsLine | undefined, name: string): string {
  const value = line?.[name];
  if (typeof value !== "number") return "not measured";
  const [low, high] = [line?.[`${name}Low`], line?.[`${name}High`]];
  const percent = (part: number) => (100 * part).toFixed(1);
  const interval = typeof low === "number" && typeof high === "number" ? ` (${percent(low)} to ${percent(high)})` : "";
  return `${percent(value)} %${interval}`;
}

function numbers({ run, metadata }: CardFacts): string {
  if (!run) return "No run came with the file: nothing is known of how good it is.";
  const steps = run.metrics.filter((line) => line["kind"] === "step");
  const loss = steps.at(-1)?.["loss"];
  const last = `The loss of the last of ${counted(steps.length, "step")} was ${typeof loss === "number" ? loss.toFixed(4) : "not kept"}.`;
  const after = evaluationAt(run.metrics, Number(metadata["epochs"]));
  if (!after) return `The images had no labels, so no accuracy was measured. ${last}`;
  const before = evaluationAt(run.metrics, 0);
  const measured = MEASURES.filter(([name]) => typeof after[name] === "number");
  const rows = measured.map(([name, text]) => [text, share(before, name), share(after, name)]);
  const start = typeof run.config["initial"] === "string" ? "the encoder it started from" : "random weights";
  return [
    `Accuracy on ${counted(Number(after["testImages"]), "test image")} that it was not trained on, with 95 % intervals (Wilson):`,
    table([["", start, "trained"], ...rows]),
    last,
  ].join("\n\n");
}

function data({ metadata, run, model }: CardFacts): string {
  const { dataset, images } = metadata;
  if (dataset === undefined) return "The file does not say what it was trained on.";
  const classes = run?.config["classes"];
  const labels =
    Array.isArray(classes) && classes.length > 0
      ? ` The images have ${counted(classes.length, "class", "classes")}: ${classes.slice(0, 20).map(plain).join(", ")}${classes.length > 20 ? ", ..." : ""}.`
      : "";
  const count = images === undefined ? "" : `, ${counted(Number(images), "image")}`;
  return `${plain(dataset)}${count}, brought to ${model.imageSize} x ${model.imageSize} pixels.${labels}`;
}

/** Settings of a run with such an encoder and optimizer that say how it was trained, in the order of the table. */
function settingsOf(encoder: unknown, optimizer: unknown): string[] {
  const isVit = typeof encoder === "string" && isTransformer(encoder);
  const net = isVit ? ["patch", "pooling", "positions", "dropPath", "layerScale"] : ["stem", "norm"];
  return [
    ...["method", "encoder", "width", ...net, "precision", "batch", "epochs", "optimizer", "learningRate"],
    ...["learningRateScaling", "warmupEpochs", "weightDecay", "decay"],
    ...(optimizer === "lars" ? ["nesterov", "larsEta", "larsClip"] : []),
    ...["augmentation", "seed"],
  ];
}

function settingText(value: unknown): string {
  return typeof value === "object" ? `\`${JSON.stringify(value).replaceAll("|", "\\|")}\`` : plain(value);
}

function recipe({ metadata, run }: CardFacts): string {
  const training = run?.config["training"];
  const { library, method, steps, epochs } = metadata;
  if (typeof training !== "object" || training === null) {
    if (method === undefined) return "The file does not say how it was trained.";
    return `${plain(method)}, ${counted(Number(steps), "step")}${epochs ? ` in ${counted(Number(epochs), "epoch")}` : ""}, by ${plain(library)}.`;
  }
  const found = new Map(Object.entries(training));
  // In place of the 0 that leaves it open: the one that was taken.
  if (metadata["patch"] !== undefined) found.set("patch", metadata["patch"]);
  const options: unknown = found.get("options");
  const initial = run?.config["initial"];
  const rows = [
    ...settingsOf(found.get("encoder"), found.get("optimizer")).flatMap((name) =>
      found.has(name) ? [[name, settingText(found.get(name))]] : [],
    ),
    ...(typeof options === "object" && options !== null
      ? Object.entries(options).map(([name, value]) => [`${plain(method)}: ${name}`, settingText(value)])
      : []),
    ["starts from", typeof initial === "string" ? plain(initial.split(/[\\/]/).at(-1)) : "random weights"],
    ["steps", plain(steps)],
    ["adapter", plain(run?.config["adapter"])],
    ["library", plain(library)],
  ];
  return table([["setting", "value"], ...rows]);
}

function preprocessingText({ size, mean, std }: Preprocessing): string {
  const plainMeans = mean.every((value) => value === 0) && std.every((value) => value === 1);
  const normalized = plainMeans
    ? "not normalised further: no mean is subtracted"
    : `normalised by the means ${mean.join(", ")} and the deviations ${std.join(", ")} of red, green and blue`;
  return `Pictures are scaled until their shorter side has ${size} pixels (Lanczos), cut to ${size} x ${size} around the centre, divided by 255, and ${normalized}. With other preprocessing the vectors are others.`;
}

function use({ model, onnx }: CardFacts): string {
  const { name } = model.encoder;
  const named = /^resnet(?!.*-gn$)/.test(name)
    ? "torchvision's ResNet"
    : /^vit-/.test(name)
      ? "timm's VisionTransformer"
      : "";
  const torch = named && `\`encoder.safetensors\` has the names and layouts of ${named}, for PyTorch.`;
  const parts = [
    preprocessingText(preprocessingOf(model)),
    `With \`npx webgpu-simclr embed encoder.safetensors photos/\`. ${torch}`.trimEnd(),
  ];
  if (onnx) {
    const { path, output, outputs, withPreprocessing, check } = onnx;
    const pixels = withPreprocessing ? "pixels from 0 to 255" : "pixel values, scaled and normalised as above";
    const task = output === "logits" ? "image-classification" : "image-feature-extraction";
    parts.push(
      `\`${path}\` takes \`pixel_values\`, f32 [batch, 3, ${model.imageSize}, ${model.imageSize}] of ${pixels}, and gives \`${output}\`, f32 [batch, ${outputs}]. With transformers.js:`,
      `\`\`\`js\nimport { pipeline } from "@huggingface/transformers";\nconst extract = await pipeline("${task}", "<this repository>", { dtype: "fp32" });\nconst result = await extract("photo.jpg");\n\`\`\``,
      check
        ? `On ${check.images} made-up pictures its outputs differ from webgpu-simclr's by at most ${check.largestDifference.toExponential(1)}, the largest being ${check.largestValue.toPrecision(3)}.`
        : "It has not been compared with webgpu-simclr's outputs: no ONNX runtime was there when it was written.",
    );
  }
  return parts.join("\n\n");
}

function limits({ model, metadata, run }: CardFacts): string {
  const { images } = metadata;
  const few = images !== undefined && Number(images) < 10_000;
  return [
    `- It was made for pictures of ${model.imageSize} x ${model.imageSize} pixels: what is smaller than that in a photograph it cannot see.`,
    ...(few
      ? [`- ${counted(Number(images), "image")} to learn from are few; expect little of pictures of another kind.`]
      : []),
    ...(run ? ["- The numbers are of test images of the same set; on others nothing was measured."] : []),
    "- Whatever leanings the training images have, it has; none were looked for. Do not decide about people by it.",
  ].join("\n");
}
