import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { ShapeError } from "../errors.js";
import { attentionTile } from "./tiles.js";

/** Head sizes that `attention` takes: multiples of the first, up to the last. */
const HEAD_SIZES = { step: 4, most: 128 };

/**
 * Self-attention of several heads (Vaswani et al. 2017, section 3.2.2): qkv [batch, tokens, 3 heads depth], whose rows hold the queries
 * of all heads, then their keys, then their values -> [batch, tokens, heads depth], of each head
 * softmax(q k^T / sqrt(depth)) v. The scores, a matrix of tokens x tokens for each head of each image, are not stored, neither on
 * the way there nor back: memory is in proportion to the tokens, of which there may be any number. The result has the type of qkv.
 * @throws ShapeError where qkv has not three dimensions, or its last one is not 3 heads of a multiple of 4 dimensions, 128 at most.
 */
export function attention(tape: Tape, qkv: Tensor, heads: number): Tensor {
  const [batch, tokens, columns] = qkv.shape;
  const depth = columns / (3 * heads);
  const fits = Number.isInteger(heads) && heads >= 1 && depth % HEAD_SIZES.step === 0 && depth <= HEAD_SIZES.most;
  if (qkv.shape.length !== 3 || !fits) {
    throw new ShapeError(
      `${qkv} cannot be queries, keys and values of ${heads} heads: it must be [batch, tokens, 3 heads depth], with a depth that is a multiple of ${HEAD_SIZES.step} and at most ${HEAD_SIZES.most}`,
    );
  }
  const y = tape.tensor([batch, tokens, heads * depth], `attention of ${qkv.label}`, qkv.type);
  const lse = tape.tensor([batch, heads, tokens], `log-sum-exp of ${qkv.label}`);
  const params = { batch, tokens, heads, scale: 1 / Math.sqrt(depth) };
  const constants = { ...attentionTile(tape.device, tokens), DEPTH: depth, VECTOR: 4 };
  tape.launch(kernels.attention, { qkv, y, lse }, params, constants);
  tape.differentiate([qkv], y, (dy) => {
    const deltas = tape.tensor(lse.shape, `deltas of ${qkv.label}`);
    const dqkv = tape.tensor(qkv.shape, `gradient of ${qkv.label}`, qkv.type);
    tape.launch(kernels.attentionQueryGradient, { qkv, y, dy, lse, deltas, dqkv }, params, constants);
    tape.launch(kernels.attentionKeyGradient, { qkv, dy, lse, deltas, dqkv }, params, constants);
    return [dqkv];
  });
  return y;
}
