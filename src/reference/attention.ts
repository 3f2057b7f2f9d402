/** Self-attention of qkv[batch, tokens, 3 heads depth]: queries of all heads, then keys, then values. */
export interface AttentionShape {
  readonly batch: number;
  readonly tokens: number;
  readonly heads: number;
  readonly depth: number;
}

/** Calls `visit` for each head of each image, with places of elements: of part 0, 1 or 2 of qkv, of y, and of what is a number a token. */
export function eachHead(
  { batch, tokens, heads, depth }: AttentionShape,
  visit: (places: {
    readonly part: (part: number, token: number) => number;
    readonly out: (token: number) => number;
    readonly row: (token: number) => number;
  }) => void,
): void {
  const width = heads * depth;
  for (let image = 0; image < batch; image++) {
    for (let head = 0; head < heads; head++) {
      visit({
        part: (part, token) => (image * tokens + token) * 3 * width + part * width + head * depth,
        out: (token) => (image * tokens + token) * width + head * depth,
        row: (token) => (image * heads + head) * tokens + token,
      });
    }
  }
}

/** The sum of products of runs of elements. */
export function dotProduct(a: Float64Array, aAt: number, b: Float64Array, bAt: number, depth: number): number {
  let sum = 0;
  for (let d = 0; d < depth; d++) sum += a[aAt + d] * b[bAt + d];
  return sum;
}

/** y[batch, tokens, heads depth], and the log-sum-exp of each query's scores [batch, heads, tokens]. */
export function attentionForward(qkv: Float64Array, shape: AttentionShape) {
  const { batch, tokens, heads, depth } = shape;
  const y = new Float64Array(batch * tokens * heads * depth);
  const lse = new Float64Array(batch * heads * tokens);
  eachHead(shape, ({ part, out, row }) => {
    for (let i = 0; i < tokens; i++) {
      const scores = Array.from(
        { length: tokens },
        (_, j) => dotProduct(qkv, part(0, i), qkv, part(1, j), depth) / Math.sqrt(depth),
      );
      const largest = scores.reduce((a, b) => Math.max(a, b));
      const all = largest + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - largest), 0));
      lse[row(i)] = all;
      scores.forEach((score, j) => {
        for (let d = 0; d < depth; d++) y[out(i) + d] += Math.exp(score - all) * qkv[part(2, j) + d];
      });
    }
  });
  return { y, lse };
}

/** The gradient of {@link attentionForward} to qkv, in its layout. */
export function attentionBackward(qkv: Float64Array, shape: AttentionShape, dy: Float64Array): Float64Array {
  const { tokens, depth } = shape;
  const { y, lse } = attentionForward(qkv, shape);
  const dqkv = new Float64Array(qkv.length);
  const scale = 1 / Math.sqrt(depth);
  eachHead(shape, ({ part, out, row }) => {
    for (let i = 0; i < tokens; i++) {
      const delta = dotProduct(dy, out(i), y, out(i), depth);
      for (let j = 0; j < tokens; j++) {
        const share = Math.exp(scale * dotProduct(qkv, part(0, i), qkv, part(1, j), depth) - lse[row(i)]);
        const slope = share * (dotProduct(dy, out(i), qkv, part(2, j), depth) - delta);
        for (let d = 0; d < depth; d++) {
          dqkv[part(0, i) + d] += scale * slope * qkv[part(1, j) + d];
          dqkv[part(1, j) + d] += scale * slope * qkv[part(0, i) + d];
          dqkv[part(2, j) + d] += share * dy[out(i) + d];
        }
      }
    }
  });
  return dqkv;
}
