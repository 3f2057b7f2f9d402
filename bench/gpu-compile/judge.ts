import { byEstimate, type GpuVariant } from "../../src/ops/gpu-tiles.js";
import { type InstructionCounts, innerLoop } from "./assembly.js";
import type { Case } from "./cases.js";
import type { Geometry } from "./geometry.js";
import type { Compiled } from "./toolchain.js";

/**
 * Families that are looked at, and the waves on a SIMD that are needed there. Kernels with tiles load a round ahead: waves have to hide
 * no more than the barriers.
 */
export const FAMILIES: Readonly<Record<string, { readonly gpu: string; readonly waves: number }>> = {
  // Counted as waves of 32 threads; half as many of 64.
  navi31: { gpu: "RDNA 3", waves: 8 },
  navi21: { gpu: "RDNA 2", waves: 6 },
  // A SIMD holds 10 waves of 64 threads at most, and issues an instruction in 4 cycles.
  vega10: { gpu: "GCN 5", waves: 1 },
};

/** What a family's compiler made of a case. */
export interface Verdict {
  readonly case: Case;
  readonly family: string;
  readonly registers: number;
  readonly spilled: number;
  readonly scratchBytes: number;
  readonly workgroupBytes: number;
  readonly waves: number;
  readonly instructions: number;
  readonly latency: number;
  readonly inverseThroughput: number;
  readonly loop: InstructionCounts;
  /** What keeps it from being used; empty where nothing does. */
  readonly faults: readonly string[];
}

/** Reads a compiler's report. */
export function judge(subject: Case, family: string, { statistics, assembly }: Compiled): Verdict {
  const value = (name: string) => {
    const found = statistics[name];
    if (found === undefined) throw new Error(`${family} reports no "${name}": there are ${Object.keys(statistics)}`);
    return found;
  };
  const spilled = value("Spilled VGPRs") + value("Spilled SGPRs");
  const scratchBytes = value("Scratch size");
  const waves = value("Subgroups per SIMD");
  const least = FAMILIES[family].waves;
  return {
    case: subject,
    family,
    registers: value("VGPRs"),
    spilled,
    scratchBytes,
    workgroupBytes: value("LDS size"),
    waves,
    instructions: value("Instructions"),
    latency: value("Latency"),
    inverseThroughput: value("Inverse Throughput"),
    loop: innerLoop(assembly, subject.fmaPerRound),
    faults: [
      ...(spilled > 0 ? [`${spilled} registers spilled`] : []),
      ...(scratchBytes > 0 ? [`${scratchBytes} bytes of scratch`] : []),
      ...(waves < least ? [`${waves} waves on a SIMD, and ${least} are needed`] : []),
    ],
  };
}

/** Multiply-adds among the vector instructions of the inner loop. */
export function fmaShare({ loop }: Verdict): number {
  return loop.vector === 0 ? 0 : loop.fma / loop.vector;
}

/** FLOPs a byte of global memory; none where the kernel does not say how many bytes it moves. */
export function intensity({ kernel, values }: Case): number | undefined {
  const bytes = kernel.bytes?.(values);
  return bytes === undefined ? undefined : kernel.flops(values) / bytes;
}

/** Bytes of workgroup memory that a compute unit loads in the time of a FLOP: 128 a clock, and 128 multiply-adds a clock. */
const WORKGROUP_BYTES_PER_FLOP = 0.5;

/** The share of a thread's multiply-adds that workgroup memory feeds: a thread loads a row and a column for each term. */
function fedProduct(rows: number, cols: number, bankConflicts: number): number {
  const bytesPerFlop = (4 * (rows + cols)) / (2 * rows * cols);
  return Math.min(1, WORKGROUP_BYTES_PER_FLOP / (bytesPerFlop * bankConflicts));
}

/** The same for a variant; the gradient of NT-Xent consists of two products with as many multiply-adds. */
export function fedShare({ tile }: GpuVariant<unknown>, { bankConflicts }: Geometry): number {
  const first = fedProduct(tile.ROWS, tile.COLS, bankConflicts);
  if (!("DIMS" in tile) || typeof tile.DIMS !== "number") return first;
  return 2 / (1 / first + 1 / fedProduct(tile.ROWS, tile.DIMS / tile.COL_THREADS, bankConflicts));
}

/** The share of a GPU's multiply-add rate that a variant can reach: the mean over shapes and families. */
export function rateOf(verdicts: readonly Verdict[], fed: number): number {
  return (fed * verdicts.reduce((sum, verdict) => sum + fmaShare(verdict), 0)) / verdicts.length;
}

/**
 * The variant for a shape, by this rule: of those without a fault on any family, the one with the shortest estimated time
 * (see src/ops/gpu-tiles.ts), from its rate, the tiles that the shape fills and the compute units that they occupy.
 */
export function bestVariant(cases: readonly Case[], faulty: ReadonlySet<string>): string | undefined {
  const tiled = cases.flatMap((candidate) =>
    candidate.tiled && !faulty.has(candidate.variant) ? [candidate.tiled] : [],
  );
  const product = tiled.at(0)?.product;
  return (
    product &&
    byEstimate(
      tiled.map(({ variant }) => variant),
      product,
      "amd",
    )[0].name
  );
}
