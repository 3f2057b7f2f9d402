import type { Device } from "../engine/device.js";
import { Tape } from "../engine/tape.js";
import { Tensor } from "../engine/tensor.js";
import { withPrograms } from "../engine/with-programs.js";
import { ConfigError } from "../errors.js";
import { columnStatistics } from "../ops/batch-norm.js";
import { mean } from "../ops/elementwise.js";
import { matmul } from "../ops/matmul.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { gatherRows, meanStandardDeviation, pairPotentials, squaredDistances } from "../ops/rows.js";
import { type Embeddings, shapeOf } from "./embed.js";
import { symmetricEigenvalues } from "./symmetric-eigenvalues.js";

/** What tells a good embedding from a collapsed one, without labels. */
export interface QualityIndicators {
  /** See `alignment`. */
  readonly alignment: number;
  /** See `uniformity`. */
  readonly uniformity: number;
  /** See `standardDeviation`. */
  readonly standardDeviation: number;
  /** See `effectiveRank`. */
  readonly effectiveRank: number;
}

/** The t of the Gaussian potential, as in the paper. */
const T = 2;

/** Rows that are compared with all others in one go. */
const CHUNK = 256;

/** Rows whose products are added up in f32; their sums are added in float64. */
const SCATTER_ROWS = 512;

/** The share of the variance from which on a direction is more than rounding. */
const LEAST_VARIANCE = 2 ** -28;

/**
 * All indicators of the embeddings of two views; rows at the same place are a positive pair. All but the alignment are means
 * over the two views.
 * @throws ConfigError where the shapes differ or there are fewer than two rows.
 */
export async function qualityIndicators(
  device: Device,
  first: Embeddings,
  second: Embeddings,
): Promise<QualityIndicators> {
  const both = async (indicator: (device: Device, embeddings: Embeddings) => Promise<number>) =>
    ((await indicator(device, first)) + (await indicator(device, second))) / 2;
  return {
    alignment: await alignment(device, first, second),
    uniformity: await both(uniformity),
    standardDeviation: await both(standardDeviation),
    effectiveRank: await both(effectiveRank),
  };
}

/**
 * Mean squared distance of positive pairs on the unit sphere (Wang and Isola 2020, section 4.1, alpha = 2): 0 where views of
 * an image are embedded alike, 2 where they are as far apart as random points. Rows at the same place are a pair; they need
 * not be normalised.
 * @throws ConfigError where the shapes differ.
 */
export async function alignment(device: Device, first: Embeddings, second: Embeddings): Promise<number> {
  const [rows, dimension] = shapeOf(first);
  const [otherRows, otherDimension] = shapeOf(second);
  if (rows !== otherRows || dimension !== otherDimension) {
    throw new ConfigError(
      `the views have ${rows} x ${dimension} and ${otherRows} x ${otherDimension} embeddings: each row needs its pair`,
    );
  }
  return evaluate(device, [first, second], (tape, [a, b]) => {
    const distances = squaredDistances(tape, normalizeRows(tape, a), normalizeRows(tape, b));
    return mean(tape, distances, "alignment");
  });
}

/**
 * Log of the mean Gaussian potential exp(-2 |z_i - z_j|^2) over all pairs of rows on the unit sphere (Wang and Isola 2020,
 * section 4.1, t = 2): 0 where all are one point, about -4 where they are spread evenly over many dimensions. Rows need not
 * be normalised. The similarities of 256 rows are held at a time.
 * @throws ConfigError for fewer than two rows.
 */
export async function uniformity(device: Device, embeddings: Embeddings): Promise<number> {
  const [rows] = checkRows(embeddings);
  const chunk = Math.min(CHUNK, rows);
  const record = () => {
    const preparing = new Tape(device);
    const normalized = normalizeRows(preparing, onDevice(device, embeddings));
    const own = device.indices([chunk], "rows");
    const tape = new Tape(device);
    const similarities = matmul(tape, gatherRows(tape, normalized, own), normalized, { transposeB: true });
    const potentials = pairPotentials(tape, similarities, own, T);
    return {
      own,
      potentials,
      tapes: [
        { tape: preparing, keep: [normalized] },
        { tape, keep: [potentials] },
      ],
    };
  };
  return withPrograms(device, "embeddings", record, async ({ own, potentials }, [prepare, compare]) => {
    prepare.run();
    let sum = 0;
    for (let start = 0; start < rows; start += chunk) {
      const count = Math.min(chunk, rows - start);
      // Past the end, the last row again, whose potentials are not read.
      device.write(
        own,
        Uint32Array.from({ length: chunk }, (_, i) => Math.min(start + i, rows - 1)),
      );
      for (const potential of (await compare.runAndRead(potentials)).subarray(0, count)) sum += potential;
    }
    return Math.log(sum / (rows * (rows - 1)));
  });
}

/**
 * Mean over the dimensions of the standard deviation of rows on the unit sphere: about 1 / sqrt(dimension) where they spread
 * over it, near 0 where they have collapsed. Rows need not be normalised.
 * @throws ConfigError for fewer than two rows.
 */
export async function standardDeviation(device: Device, embeddings: Embeddings): Promise<number> {
  checkRows(embeddings);
  return evaluate(device, [embeddings], (tape, [x]) =>
    meanStandardDeviation(tape, columnStatistics(tape, normalizeRows(tape, x))),
  );
}

/**
 * Number of dimensions that rows take up (Roy and Vetterli 2007): exp of the entropy of the singular values, scaled to a sum
 * of 1, of the rows less their mean; between 1 and the dimension, and 0 where all rows are equal. The rows are taken as they
 * are, not normalised. Directions with less than 2^-28 of the variance cannot be told from rounding and count as zero. The
 * covariance is computed on the device, its eigenvalues on the host: a second for 1,024 dimensions, ten for 2,048.
 * @throws ConfigError for fewer than two rows.
 */
export async function effectiveRank(device: Device, embeddings: Embeddings): Promise<number> {
  const [, dimension] = checkRows(embeddings);
  const values = embeddings instanceof Tensor ? await device.read(embeddings) : embeddings.values;
  const scatter = await scatterOf(device, values, dimension);
  let variance = 0;
  for (let c = 0; c < dimension; c++) variance += scatter[c * (dimension + 1)];
  if (variance === 0) return 0;
  const singularValues = symmetricEigenvalues(scatter, dimension).map((value) =>
    value > LEAST_VARIANCE * variance ? Math.sqrt(value) : 0,
  );
  const sum = singularValues.reduce((total, value) => total + value, 0);
  const entropy = singularValues.reduce(
    (total, value) => (value > 0 ? total - (value / sum) * Math.log(value / sum) : total),
    0,
  );
  return Math.exp(entropy);
}

/**
 * Products x^T x of the rows less their mean, [dimension, dimension], up to a factor. In f32 their rounding would pass for
 * small singular values, which are roots of it. So each value is split, x = h + l: h is a multiple of 2^-7 of the column's
 * largest power of two, so that sums of 512 products of them are exact; with b = h + l / 2, what is left is b^T l + l^T b,
 * 2^-8 as large, and so is its rounding.
 */
async function scatterOf(device: Device, values: Float32Array, dimension: number): Promise<Float64Array> {
  const { rows, steps } = centred(values, dimension);
  const chunk = Math.min(SCATTER_ROWS, rows.length / dimension);
  const record = () => {
    const parts = ["h", "b", "l"].map((label) => device.tensor([chunk, dimension], undefined, label));
    const [coarse, middle, fine] = parts;
    const tape = new Tape(device);
    const exact = matmul(tape, coarse, coarse, { transposeA: true });
    const rest = matmul(tape, middle, fine, { transposeA: true });
    return { parts, exact, rest, tapes: [{ tape, keep: [exact, rest] }] };
  };
  return withPrograms(device, "rows of a covariance", record, async ({ parts, exact, rest }, [multiply]) => {
    const scatter = new Float64Array(dimension * dimension);
    for (let start = 0; start < rows.length; start += chunk * dimension) {
      // Past the end, zeros, which add nothing.
      const [h, b, l] = parts.map(({ size }) => new Float32Array(size));
      rows.subarray(start, start + chunk * dimension).forEach((value, i) => {
        const step = steps[i % dimension];
        h[i] = step > 0 ? Math.round(value / step) * step : 0;
        l[i] = value - h[i];
        b[i] = h[i] + l[i] / 2;
      });
      [h, b, l].forEach((values, i) => {
        device.write(parts[i], values);
      });
      multiply.run();
      const [products, remainders] = await Promise.all([device.read(exact), device.read(rest)]);
      for (let i = 0; i < dimension; i++) {
        for (let j = 0; j <= i; j++) {
          const at = i * dimension + j;
          scatter[at] += products[at] + (remainders[at] + remainders[j * dimension + i]);
        }
      }
    }
    return scatter;
  });
}

/**
 * Rows less their mean, by their largest value, which keeps squares within the range of f32; and for each column the step of
 * its coarse part, 0 for a column of zeros.
 */
function centred(values: Float32Array, dimension: number): { rows: Float64Array; steps: Float64Array } {
  const sums = new Float64Array(dimension);
  values.forEach((value, i) => {
    sums[i % dimension] += value;
  });
  // Sums of equal values are exact in float64, so that rows that are equal become zeros.
  const means = sums.map((sum) => sum / (values.length / dimension));
  const rows = Float64Array.from(values, (value, i) => value - means[i % dimension]);
  const largest = rows.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const reaches = new Float64Array(dimension);
  rows.forEach((value, i) => {
    rows[i] = largest > 0 ? value / largest : 0;
    reaches[i % dimension] = Math.max(reaches[i % dimension], Math.abs(rows[i]));
  });
  const steps = reaches.map((reach) => (reach > 0 ? 2 ** (Math.ceil(Math.log2(reach)) - 7) : 0));
  return { rows, steps };
}

function checkRows(embeddings: Embeddings): [rows: number, dimension: number] {
  const [rows, dimension] = shapeOf(embeddings);
  if (rows < 2) throw new ConfigError(`${rows} embeddings say nothing about how they spread: give two or more`);
  return [rows, dimension];
}

/** Embeddings as a tensor. */
function onDevice(device: Device, embeddings: Embeddings): Tensor {
  if (embeddings instanceof Tensor) return embeddings;
  return device.tensor([embeddings.rows, embeddings.dimension], embeddings.values, "embeddings");
}

/** Records a number that embeddings give, runs it once, and reads it. */
function evaluate(
  device: Device,
  embeddings: readonly Embeddings[],
  record: (tape: Tape, tensors: readonly Tensor[]) => Tensor,
): Promise<number> {
  const recorded = () => {
    const tape = new Tape(device);
    const tensors = embeddings.map((given) => onDevice(device, given));
    const number = record(tape, tensors);
    return { number, tapes: [{ tape, keep: [number] }] };
  };
  return withPrograms(device, "embeddings", recorded, async ({ number }, [program]) => {
    const [value] = await program.runAndRead(number);
    return value;
  });
}
