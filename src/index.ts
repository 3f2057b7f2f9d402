/**
 * Self-supervised learning on images on WebGPU: everything of the engine, and the learning on top of it. Touches no file and no
 * package: it runs in pages and workers as it does in Node, Bun and Deno. Import it as `webgpu-simclr`.
 * @module webgpu-simclr
 */
export {
  augment,
  blurWindow,
  drawViews,
  type ImageBatch,
  renderViews,
  toFloatImages,
  VIEW_FIELDS,
  type ViewGroup,
} from "./augment/augment.js";
export { parsePolicies } from "./augment/parse-policy.js";
export {
  AUGMENTATION_PART_NAMES,
  type AugmentationPartName,
  ablationPolicies,
  augmentationParts,
  composePolicy,
} from "./augment/parts.js";
export {
  AUGMENTATION_POLICY_NAMES,
  type AugmentationPolicies,
  type AugmentationPolicy,
  type AugmentationPolicyName,
  augmentationPolicies,
  noAugmentation,
} from "./augment/policy.js";
export { type Clips, clipsOfPaths } from "./data/clips.js";
export type { Dataset, ImageSet, ImageSize, Originals, SkippedImage } from "./data/dataset.js";
export { type DatasetFromImagesOptions, type Drawable, datasetFromImages, type PageImage } from "./data/from-images.js";
export { datasetFromPixels, type PixelsInput } from "./data/pixels.js";
export type { PixelData } from "./data/resize.js";
export { sampleOrder } from "./data/sample-order.js";
export type { OpenProgress } from "./data/source-file.js";
export {
  balancedSubset,
  type ImageSubset,
  namedSubset,
  type SubsetSize,
  splitHoldOut,
  subset,
} from "./data/views.js";
export {
  type ChosenClusters,
  type ClusterOptions,
  type Clusters,
  cluster,
  clusterByRule,
  type KAndDistance,
  kneeOf,
  numbersOfClusters,
} from "./embeddings/clusters.js";
export {
  type Described,
  type Duplicate,
  type DuplicateGroup,
  type DuplicateOptions,
  type Duplicates,
  findDuplicates,
  isSamePicture,
  type Likeness,
} from "./embeddings/duplicates.js";
export { type EncoderIdentity, encoderIdentity } from "./embeddings/identity.js";
export {
  createLayout,
  edgeWeights,
  Layout,
  type LayoutOptions,
  spectralPositions,
  type WeightedEdges,
} from "./embeddings/layout.js";
export { looksDistance, looksOf } from "./embeddings/looks.js";
export {
  type NeighbourGraph,
  type NeighbourOptions,
  neighbourGraph,
} from "./embeddings/neighbour-graph.js";
export {
  type Contradiction,
  NO_LABEL,
  type PropagateOptions,
  type Propagation,
  propagate,
} from "./embeddings/propagate.js";
export { type Selected, selectDiverse, selectOutliers, selectToLabel } from "./embeddings/select.js";
export { type PairModel, pairModel, type Threshold, thresholdAt, thresholdOf } from "./embeddings/threshold.js";
export * from "./engine.js";
export { type Classification, classify, classifyFeatures } from "./evaluation/classify.js";
export { Embedder, type EmbedderOptions, type Embeddings, type Features } from "./evaluation/embed.js";
export {
  type Accuracies,
  type Evaluation,
  Evaluator,
  type LabelledDataset,
  type LabelledImageSet,
  labelled,
  withTestSet,
} from "./evaluation/evaluation.js";
export {
  alignment,
  effectiveRank,
  type QualityIndicators,
  qualityIndicators,
  standardDeviation,
  uniformity,
} from "./evaluation/indicators.js";
export { accuracy, type KnnOptions, type KnnResult, knn, type Neighbours, nearest } from "./evaluation/knn.js";
export {
  type LabelledFeatures,
  type LinearProbeOptions,
  type LinearProbeResult,
  linearProbe,
} from "./evaluation/linear-probe.js";
export {
  L2_GRID,
  type LogisticOptimization,
  type LogisticRegressionOptions,
  type LogisticRegressionResult,
  type LogisticSearchOptions,
  type LogisticSearchResult,
  logisticRegression,
  searchLogisticRegression,
} from "./evaluation/logistic-regression.js";
export { adjustedRandIndex } from "./evaluation/rand-index.js";
export { clearChoices, loadChoices, saveChoices } from "./io/choice-database.js";
export type { LoadedChoices } from "./io/choice-store.js";
export { decodeImageList, encodeImageList } from "./io/image-list.js";
export { decodeNpy, encodeNpy, type NpyArray } from "./io/npy.js";
export { decodeSafetensors, encodeSafetensors, type TensorData, type TensorElements } from "./io/safetensors.js";
export { barlow } from "./methods/barlow.js";
export { byol } from "./methods/byol.js";
export { METHODS, methodNamed } from "./methods/catalogue.js";
export {
  collapseOf,
  collapseOfScale,
  collapseToPoint,
  type SignsOfCollapse,
  signsOfCollapse,
} from "./methods/collapse.js";
export { dino } from "./methods/dino.js";
export { headOf, headOptions, headText } from "./methods/heads.js";
export { instdisc } from "./methods/instdisc.js";
export { lejepa } from "./methods/lejepa.js";
export {
  type Description,
  type Design,
  defineMethod,
  type Facts,
  type Learner,
  type LearnerParts,
  type LossBatch,
  type Measured,
  type Method,
  type MethodText,
  type Numbers,
  type Outputs,
  type ViewSpec,
} from "./methods/method.js";
export { moco } from "./methods/moco.js";
export { mocoV3 } from "./methods/moco-v3.js";
export { nnclr } from "./methods/nnclr.js";
export {
  choice,
  flag,
  type NumberRange,
  number,
  type Option,
  type OptionTable,
  type OptionValue,
  type OptionValues,
  whole,
} from "./methods/options.js";
export { simclr } from "./methods/simclr.js";
export { simsiam } from "./methods/simsiam.js";
export { supcon } from "./methods/supcon.js";
export { supervised } from "./methods/supervised.js";
export { swav } from "./methods/swav.js";
export { tcn } from "./methods/tcn.js";
export { momentumText, Teacher, type TeacherOptions, teacherOptions } from "./methods/teacher.js";
export { vicreg } from "./methods/vicreg.js";
export { classifier } from "./nn/classifier.js";
export { convnet } from "./nn/convnet.js";
export type { Model } from "./nn/model.js";
export type { Encoder, Head, Normalization } from "./nn/module.js";
export { NORMS, type Norm } from "./nn/normalized-convolution.js";
export { isNormalization, NORMALIZATIONS, normalizedInput } from "./nn/normalized-input.js";
export { type HeadOptions, projectionHead } from "./nn/projection-head.js";
export { type ResNetDepth, type ResNetOptions, resnet } from "./nn/resnet.js";
export { fromTorch, torchShape, toTorch } from "./nn/torch-layout.js";
export {
  VIT_POOLINGS,
  VIT_POSITIONS,
  VIT_SIZES,
  type VitOptions,
  type VitSettings,
  type VitShape,
  type VitSize,
  vit,
} from "./nn/vit.js";
export type { Channels } from "./ops/channel-scale.js";
export { type Checkpoint, decodeCheckpoint } from "./training/checkpoint.js";
export {
  DECAYS,
  DEFAULT_CONFIG,
  ENCODERS,
  OPTIMIZERS,
  type OwnParts,
  PRECISIONS,
  SCALINGS,
  type TrainingConfig,
} from "./training/config.js";
export {
  type Architecture,
  decodeEncoder,
  type EncoderOrigin,
  encodeEncoder,
  loadEncoder,
  type Preprocessing,
  preprocessingOf,
  type ReadEncoderOptions,
  readEncoder,
  type StoredEncoder,
} from "./training/encoder-file.js";
export { type FineTuningConfig, fineTuningConfig } from "./training/fine-tuning.js";
export { createModel, createOptimizer, type StepParts } from "./training/model.js";
export { type PlannedImages, type PlannedLayer, planTraining, type TrainingPlan } from "./training/plan.js";
export { PRESETS, type Preset, presetNamed } from "./training/presets.js";
export { smallestCrop } from "./training/smallest-crop.js";
export type { DividedStep } from "./training/step.js";
export { type StepEvent, Trainer, type TrainerOptions, type TrainingHooks } from "./training/trainer.js";
export type { Fed, Feed, MicroBatch, StepInputs, StepMetrics, TrainingStep } from "./training/training-step.js";
export { tuneFor } from "./training/tune.js";
export { VERSION } from "./version.js";
