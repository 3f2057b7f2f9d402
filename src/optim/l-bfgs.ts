/** A smooth function at one point. */
export interface ValueAndGradient {
  /** Of the function. */
  readonly value: number;
  /** Of the function, as long as the point. */
  readonly gradient: Float64Array;
}

/** How to look for a minimum. */
export interface LbfgsOptions {
  /** Steps that the curvature is estimated from; 10 by default. */
  readonly history?: number;
  /** 1000 by default. */
  readonly maxIterations?: number;
  /** The Euclidean norm of the gradient at which it is done; 1e-8 by default. */
  readonly tolerance?: number;
  /** Share of itself that a value may be off by, from rounding; 1e-12 by default. */
  readonly noise?: number;
}

/** The best point that was found. */
export interface Minimum extends ValueAndGradient {
  /** Where it is. */
  readonly x: Float64Array;
  /** The Euclidean norm of the gradient there. */
  readonly gradientNorm: number;
  /** How many there were. */
  readonly iterations: number;
  /** True where the gradient's norm came down to the tolerance, not where no step would go further down. */
  readonly converged: boolean;
}

/** A step and the change of the gradient along it. */
interface Curvature {
  readonly step: Float64Array;
  readonly change: Float64Array;
  /** 1 / (step . change). */
  readonly rho: number;
}

interface Point extends ValueAndGradient {
  readonly x: Float64Array;
}

/** Sufficient decrease and curvature: delta and sigma of Hager and Zhang. */
const DECREASE = 0.1;
const CURVATURE = 0.9;

/** Points that a line search tries. */
const MOST_TRIALS = 60;

/**
 * Minimises a smooth function by L-BFGS (Nocedal and Wright 2006, algorithms 7.4 and 7.5), in float64.
 * @param evaluate must not keep the point that it is given
 */
export async function minimize(
  evaluate: (x: Float64Array) => Promise<ValueAndGradient>,
  start: Float64Array,
  { history = 10, maxIterations = 1000, tolerance = 1e-8, noise = 1e-12 }: LbfgsOptions = {},
): Promise<Minimum> {
  let point: Point = { x: start, ...(await evaluate(start)) };
  let gradientNorm = norm(point.gradient);
  let curvatures: Curvature[] = [];
  let iterations = 0;
  while (!(gradientNorm <= tolerance) && iterations < maxIterations) {
    const direction = descent(point.gradient, curvatures);
    // Without a history, nothing says how far to go: the first guess has length 1.
    const first = curvatures.length > 0 ? 1 : Math.min(1, 1 / gradientNorm);
    const next = await lineSearch(evaluate, point, direction, first, noise);
    if (!next && curvatures.length === 0) break;
    iterations += 1;
    if (!next) {
      curvatures = [];
      continue;
    }
    const step = next.x.map((value, i) => value - point.x[i]);
    const change = next.gradient.map((value, i) => value - point.gradient[i]);
    curvatures = [...curvatures, { step, change, rho: 1 / dot(step, change) }].slice(-history);
    point = next;
    gradientNorm = norm(point.gradient);
  }
  return { ...point, gradientNorm, iterations, converged: gradientNorm <= tolerance };
}

/** Minus the estimated inverse Hessian times the gradient: the two-loop recursion. */
function descent(gradient: Float64Array, curvatures: readonly Curvature[]): Float64Array {
  const direction = gradient.map((value) => -value);
  const shares = new Map<Curvature, number>();
  for (const curvature of curvatures.toReversed()) {
    const share = curvature.rho * dot(curvature.step, direction);
    shares.set(curvature, share);
    addScaled(direction, -share, curvature.change);
  }
  const last = curvatures.at(-1);
  if (last) {
    const scale = 1 / (last.rho * dot(last.change, last.change));
    direction.forEach((value, i) => {
      direction[i] = scale * value;
    });
  }
  for (const curvature of curvatures) {
    const share = shares.get(curvature) ?? 0;
    addScaled(direction, share - curvature.rho * dot(curvature.change, direction), curvature.step);
  }
  return direction;
}

/**
 * A point along a direction that satisfies the weak Wolfe conditions, by bracketing (Lewis and Overton 2013) with secants of
 * the slope in between; null where none is found. Near a minimum, where rounding hides the decrease of the value, the
 * approximate Wolfe conditions of Hager and Zhang (2005), which the slopes alone decide, take their place.
 */
async function lineSearch(
  evaluate: (x: Float64Array) => Promise<ValueAndGradient>,
  start: Point,
  direction: Float64Array,
  first: number,
  noise: number,
): Promise<Point | null> {
  const startSlope = dot(start.gradient, direction);
  let low = { at: 0, slope: startSlope };
  let high: { at: number; slope: number } | null = null;
  let at = first;
  for (let trial = 0; trial < MOST_TRIALS; trial++) {
    const x = start.x.map((value, i) => value + at * direction[i]);
    const point = { x, ...(await evaluate(x)) };
    const slope = dot(point.gradient, direction);
    // Written so that a value that is not a number is too high.
    const lower =
      point.value <= start.value + DECREASE * at * startSlope ||
      (point.value <= start.value + noise * Math.abs(start.value) && slope <= (2 * DECREASE - 1) * startSlope);
    if (lower && slope >= CURVATURE * startSlope) return point;
    if (lower) low = { at, slope };
    else high = { at, slope };
    if (!high) at *= 2;
    // Secants are exact for a parabola, and bisections make sure that the bracket shrinks.
    else if (trial % 2 === 0 && high.slope > 0 && Number.isFinite(high.slope))
      at = low.at - (low.slope * (high.at - low.at)) / (high.slope - low.slope);
    else at = (low.at + high.at) / 2;
  }
  return null;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function norm(a: Float64Array): number {
  return Math.sqrt(dot(a, a));
}

/** Adds `factor` times `b` to `a`. */
function addScaled(a: Float64Array, factor: number, b: Float64Array): void {
  for (let i = 0; i < a.length; i++) a[i] += factor * b[i];
}
