import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { expectShape, expectType, type Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";

/** What a dropout draws by. */
export interface DropoutOptions {
  /** That an element becomes 0; from 0 up to, but not, 1. */
  readonly probability: number;
  /** u32 [2], such as seed and step: the same two numbers draw the same. They must not change before the gradients are there. */
  readonly counter: Tensor;
  /** A number of its own for each dropout of a net, or two would draw the same; from 0 to 2^31 - 1. */
  readonly site: number;
}

/** Sites from here on are not told apart. */
const SITES = 2 ** 31;

/**
 * Dropout (Srivastava et al. 2014): each element becomes 0 with a probability p, and is divided by 1 - p otherwise. What is drawn
 * follows from the counter, the site and the place of the element alone: a step repeated, and a segment computed again by
 * `tape.checkpoint`, draw the same. Without a chance to drop anything, x itself.
 * @throws ConfigError for a probability or a site out of range, ShapeError for another counter.
 */
export function dropout(tape: Tape, x: Tensor, { probability, counter, site }: DropoutOptions): Tensor {
  if (!(probability >= 0 && probability < 1))
    throw new ConfigError(`the probability of a dropout is ${probability}: it must be at least 0 and below 1`);
  if (!Number.isInteger(site) || site < 0 || site >= SITES)
    throw new ConfigError(`the site of a dropout is ${site}: it must be a whole number from 0 to ${SITES - 1}`);
  expectShape(counter, [2], "to draw a dropout by");
  expectType(counter, "u32", "to draw a dropout by");
  if (probability === 0) return x;
  const params = { elements: x.size, site, probability, scale: 1 / (1 - probability) };
  const draw = (from: Tensor, label: string) => {
    const y = tape.tensor(x.shape, label, x.type);
    tape.launch(kernels.dropout, { x: from, counter, y }, params);
    return y;
  };
  const y = draw(x, `dropout of ${x.label}`);
  tape.differentiate([x], y, (dy) => [draw(dy, `gradient of ${x.label}`)]);
  return y;
}
