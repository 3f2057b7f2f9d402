import { attention } from "../ops/attention.js";
import {
  type AttentionShape,
  attentionBackward,
  attentionForward,
  dotProduct,
  eachHead,
} from "../reference/attention.js";
import { type Check, checkOf, evaluate, gradientOf, type KernelName, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import {
  expRoundings,
  logError,
  ROUNDINGS,
  relativeError,
  type StoredType,
  stored,
  typeText,
  UNIT,
} from "./rounding.js";

/** Self-attention of qkv [batch, tokens, 3 heads depth], and the gradient of its output. */
export interface AttentionInputs extends AttentionShape {
  /** Of qkv, y and their gradients. */
  readonly type?: StoredType;
  readonly qkv: Float64Array;
  readonly dy: Float64Array;
}

/** Keys, at the least, that are gone through at a time. */
const LEAST_COLUMNS = 4;

/** Outputs y and dqkv. */
export const attentionSubject: Subject<AttentionInputs> = {
  compute: (device, { batch, tokens, heads, depth, type, ...inputs }) =>
    evaluate(device, (tape, input) => {
      const qkv = input(inputs.qkv, [batch, tokens, 3 * heads * depth], type);
      tape.watch(qkv);
      const y = attention(tape, qkv, heads);
      tape.backward(y, input(inputs.dy, y.shape, type));
      return { y, dqkv: gradientOf(tape, qkv) };
    }),
  reference: ({ qkv, dy, ...shape }) => ({
    y: attentionForward(qkv, shape).y,
    dqkv: attentionBackward(qkv, shape, dy),
  }),
  tolerance({ qkv, dy, type, ...shape }) {
    const { tokens, depth } = shape;
    const { y, lse } = attentionForward(qkv, shape);
    const dqkv = attentionBackward(qkv, shape, dy);
    const sizes = qkv.map(Math.abs);
    const dySizes = dy.map(Math.abs);
    const yError = new Float64Array(y.length);
    const dqkvError = new Float64Array(qkv.length);
    const scale = 1 / Math.sqrt(depth);
    const dot = relativeError(depth);
    const numbers = Array.from({ length: tokens }, (_, j) => j);
    eachHead(shape, ({ part, out, row }) => {
      for (let i = 0; i < tokens; i++) {
        const scores = numbers.map((j) => scale * dotProduct(qkv, part(0, i), qkv, part(1, j), depth));
        // A dot product, the scale and its product.
        const scoreErrors = numbers.map(
          (j) => relativeError(depth + 2) * scale * dotProduct(sizes, part(0, i), sizes, part(1, j), depth),
        );
        const scoreError = Math.max(...scoreErrors);
        const largest = Math.max(...scores);
        const range = largest - Math.min(...scores);
        // An exponential of a difference, and one more for each time that the maximum moves; those differences add up to the range.
        const moves = Math.ceil(tokens / LEAST_COLUMNS) * (1 + expRoundings(0)) + expRoundings(range) + 4 * range;
        const sumError = relativeError(tokens + moves + range) + scoreError;
        const shares = scores.map((score) => Math.exp(score - lse[row(i)]));
        const lseError =
          sumError + logError(Math.exp(lse[row(i)] - largest)) + 2 * UNIT * (Math.abs(lse[row(i)]) + Math.abs(largest));
        for (let d = 0; d < depth; d++) {
          for (const j of numbers) {
            const own = shares[j] * sizes[part(2, j) + d];
            yError[out(i) + d] += own * (scoreErrors[j] + 2 * sumError + relativeError(tokens + ROUNDINGS.division));
          }
        }
        const yStored = stored(yError.subarray(out(i), out(i) + depth), y.subarray(out(i), out(i) + depth), type);
        const delta = dotProduct(dy, out(i), y, out(i), depth);
        const ySizes = y.slice(out(i), out(i) + depth).map(Math.abs);
        const deltaError =
          dot * dotProduct(dySizes, out(i), ySizes, 0, depth) + dotProduct(dySizes, out(i), yStored, 0, depth);
        for (const j of numbers) {
          const shift = UNIT * (Math.abs(scores[j]) + Math.abs(lse[row(i)]));
          const roundings = expRoundings(Math.abs(scores[j] - lse[row(i)])) + 2;
          const shareError = scoreErrors[j] + lseError + 2 * shift + relativeError(roundings);
          const difference = dotProduct(dy, out(i), qkv, part(2, j), depth) - delta;
          const differenceError = dot * dotProduct(dySizes, out(i), sizes, part(2, j), depth) + deltaError;
          const slope = Math.abs(shares[j] * difference);
          const slopeError = shares[j] * differenceError + slope * (shareError + relativeError(tokens + 5));
          for (let d = 0; d < depth; d++) {
            dqkvError[part(0, i) + d] += scale * slopeError * sizes[part(1, j) + d];
            dqkvError[part(1, j) + d] += scale * slopeError * sizes[part(0, i) + d];
            dqkvError[part(2, j) + d] += shares[j] * dySizes[out(i) + d] * (shareError + relativeError(tokens));
          }
        }
      }
    });
    return { y: stored(yError, y, type), dqkv: stored(dqkvError, dqkv, type) };
  },
};

const ATTENTION: readonly KernelName[] = ["attention", "attentionQueryGradient", "attentionKeyGradient"];

function check(
  shape: AttentionShape,
  { scale = 1, type }: { readonly scale?: number; readonly type?: StoredType } = {},
) {
  const { batch, tokens, heads, depth } = shape;
  const larger = scale === 1 ? "" : `, ${scale} times as large`;
  const text = `attention of ${batch} x ${tokens} tokens, ${heads} x ${depth} dimensions${larger}, and gradients${typeText(type)}`;
  return checkOf(ATTENTION, text, attentionSubject, () => {
    const random = randomInputs(51, type);
    const width = heads * depth;
    const elements = batch * tokens * width;
    return { ...shape, type, qkv: random.normal(3 * elements, scale), dy: random.normal(elements) };
  });
}

/** Checks of attention: more tokens than a tile and fewer, one, head sizes with and without dimensions left over, peaked shares. */
export const attentionChecks: readonly Check[] = [
  check({ batch: 2, tokens: 65, heads: 3, depth: 64 }),
  check({ batch: 3, tokens: 17, heads: 2, depth: 20 }, { scale: 4 }),
  check({ batch: 1, tokens: 1, heads: 5, depth: 20 }),
  check({ batch: 1, tokens: 131, heads: 1, depth: 20 }),
  check({ batch: 1, tokens: 9, heads: 1, depth: 96 }),
];

/** The same with f16. */
export const halfAttentionChecks: readonly Check[] = [
  check({ batch: 2, tokens: 35, heads: 2, depth: 64 }, { type: "f16" }),
];
