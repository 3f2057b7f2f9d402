import { randomUniform } from "./random.js";

/** Keeps the draws of directions apart from others: see kernels/random-directions.wgsl. */
const DIRECTIONS = 0xc0000000;

/** The radii that the normal numbers of a row are made of (Box and Muller 1958), and the numbers, [cols] each. */
export function normalRow(counter: readonly [number, number], row: number, cols: number) {
  const [radii, normals] = [new Float64Array(cols), new Float64Array(cols)];
  for (let c = 0; c < cols; c++) {
    const u = randomUniform([...counter, DIRECTIONS + row, Math.floor(c / 4)]);
    const pair = Math.floor((c % 4) / 2);
    const angle = 2 * Math.PI * (u[2 + pair] - 0.5);
    radii[c] = Math.sqrt(-2 * Math.log(1 - u[pair]));
    normals[c] = radii[c] * (c % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
  }
  return { radii, normals };
}

/** Random directions [rows, cols], rows of length 1. */
export function randomDirections(counter: readonly [number, number], rows: number, cols: number): Float64Array {
  const all = Array.from({ length: rows }, (_, row) => {
    const { normals } = normalRow(counter, row, cols);
    return normals.map((value) => value / Math.hypot(...normals));
  });
  return Float64Array.from(all.flatMap((row) => [...row]));
}

/** The knots above 0 of the integral over [0, 3], their weights for both sides, and exp(-t^2 / 2). */
export const KNOTS = Array.from({ length: 16 }, (_, i) => {
  const t = (3 * (i + 1)) / 16;
  const normal = Math.exp(-(t ** 2) / 2);
  return { t, normal, weight: ((i < 15 ? 2 : 1) * 3 * normal) / 16 };
});

/** What the columns of some rows make, at each knot. */
export interface CharacteristicFunction {
  /** Mean of the cosines less exp(-t^2 / 2). */
  readonly real: number;
  /** Mean of the sines. */
  readonly imaginary: number;
}

/** A column of y [views * rows, cols] in one of the views. */
function columnOf(y: Float64Array, views: number, cols: number, view: number, column: number): Float64Array {
  const rows = y.length / cols / views;
  return Float64Array.from({ length: rows }, (_, row) => y[(view * rows + row) * cols + column]);
}

/** For each knot, what a column makes. */
export function characteristicFunction(column: Float64Array): CharacteristicFunction[] {
  const mean = (of: (value: number) => number) => column.reduce((sum, value) => sum + of(value) / column.length, 0);
  return KNOTS.map(({ t, normal }) => ({
    real: mean((value) => Math.cos(t * value)) - normal,
    imaginary: mean((value) => Math.sin(t * value)),
  }));
}

/** Each column of y [views * rows, cols], view by view: in the order of the statistics [views, cols]. */
export function columnsOf(y: Float64Array, views: number, cols: number): Float64Array[] {
  return Array.from({ length: views * cols }, (_, i) => columnOf(y, views, cols, Math.floor(i / cols), i % cols));
}

/** The Epps-Pulley statistics [views, cols] of y [views * rows, cols]. */
export function eppsPulleyForward(y: Float64Array, views: number, cols: number): Float64Array {
  const statistics = columnsOf(y, views, cols).map((column) => {
    const squares = characteristicFunction(column).map(({ real, imaginary }) => real ** 2 + imaginary ** 2);
    return column.length * squares.reduce((sum, square, k) => sum + KNOTS[k].weight * square, 0);
  });
  return Float64Array.from(statistics);
}

/** The gradient of y from that of the statistics. */
export function eppsPulleyBackward(
  y: Float64Array,
  dStatistics: Float64Array,
  views: number,
  cols: number,
): Float64Array {
  const dy = new Float64Array(y.length);
  columnsOf(y, views, cols).forEach((column, i) => {
    const first = Math.floor(i / cols) * column.length;
    const found = characteristicFunction(column);
    column.forEach((value, row) => {
      const slope = found.reduce((sum, { real, imaginary }, k) => {
        const { t, weight } = KNOTS[k];
        return sum + 2 * weight * t * (imaginary * Math.cos(t * value) - real * Math.sin(t * value));
      }, 0);
      dy[(first + row) * cols + (i % cols)] = dStatistics[i] * slope;
    });
  });
  return dy;
}
