/**
 * The engine alone: tensors, a tape that records kernel launches and differentiates them, programs that run them, every
 * operation, and what trains a net made of them: layers, the tensors of a model, optimizers and schedules. It knows nothing of
 * images. Import it as `webgpu-simclr/engine`.
 * @module webgpu-simclr/engine
 */
export type {
  KernelBinding,
  KernelConstant,
  KernelDefinition,
  KernelParameter,
  KernelValues,
} from "../kernels/definition.js";
/** All kernels of the library, each by its name: for `Tape.launch`. */
export * as kernels from "../kernels/generated.js";
export type { AdapterOptions, AdapterSummary } from "./engine/adapter.js";
export { Choices, type ChoiceTable, type Site, type Variant } from "./engine/choices.js";
export { type Copy, Device, type DeviceOptions, openDevice, type Slab } from "./engine/device.js";
export type { HostData } from "./engine/host-data.js";
export { kernelFrom } from "./engine/kernel-from.js";
export type { BindingNames, ConstantNames, ParamNames } from "./engine/kernel-names.js";
export type { Launch, Recorder } from "./engine/launch.js";
export type { MatrixUnits } from "./engine/matrix-units.js";
export type { DeviceMemory, ScratchLease } from "./engine/memory.js";
export type { CompiledKernel, ConstantValues, PipelineCache } from "./engine/pipelines.js";
export type { Lifetime, MemoryPlan } from "./engine/planner.js";
export type { KernelProfile } from "./engine/profiler.js";
export type { CompileOptions, Program } from "./engine/program.js";
export type { Step } from "./engine/submits.js";
export { type Backward, Tape } from "./engine/tape.js";
export { type ElementType, type Kept, type Place, Tensor } from "./engine/tensor.js";
export { type Timing, type TuneOptions, type TuneProgress, tune } from "./engine/tuner.js";
export * from "./errors.js";
export { type BarlowTwinsOptions, barlowTwins } from "./losses/barlow-twins.js";
export { type Anchors, type Contrast, contrast, type Keys } from "./losses/contrast.js";
export { RELATIONS, type Relation, type RelationRule } from "./losses/contrast-relations.js";
export { CONTRASTIVE_LOSSES, type ContrastiveSettings, MININGS } from "./losses/contrast-rows.js";
export {
  type ContrastiveLossOptions,
  type ContrastOptions,
  contrastiveLoss,
  DEFAULT_MARGIN,
  denseNtXent,
  marginTriplet,
  ntLogistic,
} from "./losses/contrastive.js";
export { type Debiased, type DebiasedOptions, debiased } from "./losses/debiased.js";
export { type WeightedDecoupledOptions, weightedDecoupled } from "./losses/decoupled.js";
export { eppsPulley, randomDirections } from "./losses/epps-pulley.js";
export { type Lejepa, type LejepaOptions, lejepaLoss } from "./losses/lejepa.js";
export { type NegativeLogSumExp, negativeLogSumExp } from "./losses/log-sum-exp.js";
export { momentSquares, participationRatio } from "./losses/moments.js";
export { nPairs } from "./losses/n-pairs.js";
export {
  type NoiseContrast,
  type NoiseContrastInputs,
  type Normalizer,
  noiseContrast,
} from "./losses/noise-contrast.js";
export { cosineSimilarity, type NtXent, ntXent } from "./losses/nt-xent.js";
export { pairLogits } from "./losses/pair-logits.js";
export { type SinkhornOptions, sinkhorn } from "./losses/sinkhorn.js";
export { type LossAndAccuracy, softmaxCrossEntropy } from "./losses/softmax-cross-entropy.js";
export { semiHardTriplets, type TripletOptions } from "./losses/triplets.js";
export { type Vicreg, type VicregOptions, vicregLoss } from "./losses/vicreg.js";
export { viewGroups } from "./losses/view-groups.js";
export { initialValues } from "./nn/initial-values.js";
export {
  BatchNorm,
  type BatchNormLayerOptions,
  Convolution,
  type ConvolutionLayerOptions,
  GroupNorm,
  Linear,
  type NormOptions,
} from "./nn/layers.js";
export { ModelTensors, type Parameter, type ParameterSlab } from "./nn/model-tensors.js";
export type { ForwardPass, Initial, Module, PassOptions, TensorSpec } from "./nn/module.js";
export { MovingAverage } from "./nn/moving-average.js";
export { attention } from "./ops/attention.js";
export { type BatchNormOptions, type BatchNormTensors, batchNorm, columnStatistics } from "./ops/batch-norm.js";
export { batchedMatmul } from "./ops/batched-matmul.js";
export { broadcast, divide, multiply, subtract } from "./ops/binary.js";
export type { Channels } from "./ops/channel-scale.js";
export { columnSums } from "./ops/column-sums.js";
export { type ConvolutionOptions, conv2d } from "./ops/conv2d.js";
export { type DropoutOptions, dropout } from "./ops/dropout.js";
export { add, mean, relu, transpose } from "./ops/elementwise.js";
export { type GroupNormOptions, type GroupNormTensors, groupNorm } from "./ops/group-norm.js";
export { type LayerNormOptions, layerNorm } from "./ops/layer-norm.js";
export { addBias, type MatmulOptions, matmul, type Transposition } from "./ops/matmul.js";
export type { Operands } from "./ops/matrix-tiles.js";
export { type Nearest, nearestRows } from "./ops/nearest-rows.js";
export { normalizeRows } from "./ops/normalize-rows.js";
export { globalAveragePool, maxPool, type PoolingOptions } from "./ops/pooling.js";
export { toFloat, toHalf } from "./ops/precision.js";
export {
  columnLogSumExp,
  columnMaxima,
  columnMeans,
  logSumExp,
  maximum,
  rowLogSumExp,
  rowMaxima,
  rowMeans,
  rowSums,
  sum,
} from "./ops/reductions.js";
export { resample } from "./ops/resample.js";
export {
  gatherIndices,
  gatherRows,
  meanStandardDeviation,
  pairPotentials,
  scatterAddRows,
  squaredDistances,
  standardize,
  topK,
} from "./ops/rows.js";
export { concatenate, permute, reshape, slice } from "./ops/shape.js";
export { logSoftmax, softmax } from "./ops/softmax.js";
export { type DrawnImages, stochasticDepth } from "./ops/stochastic-depth.js";
export { stopGradient } from "./ops/stop-gradient.js";
export {
  absolute,
  clamp,
  ELEMENTWISE_FUNCTIONS,
  type ElementwiseFunction,
  elementwise,
  exp,
  gelu,
  log,
  negate,
  scale,
  sigmoid,
  softplus,
  sqrt,
  square,
  tanh,
} from "./ops/unary.js";
export { forceVariant, variantNames } from "./ops/variants.js";
export { standardizeWeight } from "./ops/weight-standardization.js";
export type { PerAxis } from "./ops/window.js";
export { type AdamWOptions, adamW } from "./optim/adamw.js";
export { type LbfgsOptions, type Minimum, minimize, type ValueAndGradient } from "./optim/l-bfgs.js";
export { type LarsOptions, lars } from "./optim/lars.js";
export { type LossScaleOptions, withLossScale } from "./optim/loss-scale.js";
export type { Decay, Optimizer } from "./optim/optimizer.js";
export { cosine, type LearningRateScaling, scaledLearningRate, warmupCosine } from "./optim/schedule.js";
export { type SgdOptions, sgd } from "./optim/sgd.js";
export { normals, sfc32 } from "./random.js";
