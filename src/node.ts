/**
 * Everything of `webgpu-simclr`, and what needs files: folders of images, runs with their reports, lists of images, and tuned
 * choices that are kept in the user's cache folder. For Node, Bun and Deno. Import it as `webgpu-simclr/node`.
 * @module webgpu-simclr/node
 */
export type { CachePlace } from "./data/image-cache.js";
export { type OpenImagesOptions, openImages } from "./data/open-images.js";
export type { OpenProgress } from "./data/source-file.js";
export {
  type EmbeddedImage,
  hasEmbeddings,
  readEmbeddings,
  type StoredEmbeddings,
  writeEmbeddings,
} from "./embeddings/folder.js";
export { type EmbeddingChanges, type UpdateOptions, updateEmbeddings } from "./embeddings/update.js";
export * from "./index.js";
// In place of those of the same names above, which keep them in a browser.
export { clearChoices, loadChoices, saveChoices } from "./io/choice-file.js";
export { readImageList, writeImageList } from "./io/image-list-file.js";
export { encodeOnnx, type OnnxOptions } from "./nn/onnx.js";
export { type ExportOptions, type ExportSummary, exportEncoder } from "./runs/export.js";
export type { RunHooks, RunSummary, RunWarning } from "./runs/hooks.js";
export {
  checkOnnx,
  loadOnnxRuntime,
  type OnnxCheck,
  type OnnxRuntime,
  type OnnxSession,
  type OnnxTensor,
} from "./runs/onnx-check.js";
export { type ImageSource, type ResumeOptions, type RunOptions, resumeRun, startRun } from "./runs/run.js";
export type { TrainingPart } from "./runs/run-images.js";
