/** WebGPU's feature for matrix units (tensor cores, as NVIDIA calls them): in Dawn, and in Chromium behind a flag. */
export const MATRIX_FEATURE = "chromium-experimental-subgroup-matrix";

/** Products of fragments that an adapter's matrix units compute at once: rows x terms by terms x cols. */
export interface MatrixUnits {
  /** What the operands hold, as WebGPU names it: "f16", "f32", "u8", ... */
  readonly operands: string;
  /** What the product holds and is added up in. */
  readonly sums: string;
  /** Of the left operand, and of the product. */
  readonly rows: number;
  /** Columns of the right operand, and of the product. */
  readonly cols: number;
  /** Columns of the left operand, and rows of the right one. */
  readonly terms: number;
}

/** The subgroups that matrix units are used by. */
export interface SubgroupSize {
  readonly lanes: number;
  /** Whether a kernel has to ask for this size, for others are possible. */
  readonly pinned: boolean;
  /** The largest size possible, of which the threads of a workgroup have to be a multiple. */
  readonly largest: number;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** The types that a configuration is of, and its extents; null for what is none. */
function unitsOf(configuration: unknown): MatrixUnits | null {
  if (!isRecord(configuration)) return null;
  const { componentType, resultComponentType, M, N, K } = configuration;
  if (typeof componentType !== "string" || typeof resultComponentType !== "string") return null;
  if (typeof M !== "number" || typeof N !== "number" || typeof K !== "number") return null;
  return { operands: componentType, sums: resultComponentType, rows: M, cols: N, terms: K };
}

/** What of a `GPUDevice` tells of its matrix units. */
interface DeviceFacts {
  readonly features: ReadonlySet<string>;
  readonly adapterInfo: {
    readonly subgroupMinSize?: number;
    readonly subgroupMaxSize?: number;
    readonly subgroupMatrixConfigs?: unknown;
  };
}

/** The matrix units of a device, in the order of its adapter; none where it does not have the feature. */
export function matrixUnitsOf({ features, adapterInfo }: DeviceFacts): readonly MatrixUnits[] {
  const { subgroupMatrixConfigs: all } = adapterInfo;
  if (!features.has(MATRIX_FEATURE) || !Array.isArray(all)) return [];
  return all.flatMap((configuration) => unitsOf(configuration) ?? []);
}

/** "f16 x f16 -> f32 16x16x16": rows, columns and terms. */
export function matrixUnitsText({ operands, sums, rows, cols, terms }: MatrixUnits): string {
  return `${operands} x ${operands} -> ${sums} ${rows}x${cols}x${terms}`;
}

/** Threads of a wave of most GPUs with matrix units. */
const USUAL = 32;

/** The subgroups of a device that kernels for matrix units can rely on; null where their size varies and cannot be asked for. */
export function subgroupSizeOf({ features, adapterInfo }: DeviceFacts): SubgroupSize | null {
  const { subgroupMinSize: least, subgroupMaxSize: largest } = adapterInfo;
  if (!features.has("subgroups") || !least || !largest) return null;
  if (least === largest) return { lanes: least, pinned: false, largest };
  if (!features.has("subgroup-size-control") || least > USUAL || largest < USUAL) return null;
  return { lanes: USUAL, pinned: true, largest };
}
