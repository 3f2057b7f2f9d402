import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ntXentSubject } from "../../src/doctor/loss-checks.js";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { UNIT } from "../../src/doctor/rounding.js";
import { ntXent as ntXentReference } from "../../src/reference/nt-xent.js";
import { testDevice } from "../lib/device.js";

// In Node alone: the reference takes most of a minute, and the kernels are checked at smaller sizes in every runtime.
const contrast = suite("accuracy of NT-Xent");

/** A third of the images is easy, with next to no loss; a third is hard to tell from others of its cluster; a third is noise. */
function mixedEmbeddings(images: number, dimension: number): Float64Array {
  const random = randomInputs(34);
  const clusters = random.normal(64 * dimension);
  const own = random.normal(images * dimension);
  const noise = random.normal(2 * images * dimension);
  return noise.map((value, i) => {
    const [image, d] = [Math.floor(i / dimension) % images, i % dimension];
    const base = own[image * dimension + d];
    if (image % 3 === 0) return Math.fround(base + 0.3 * value);
    return Math.fround(image % 3 === 1 ? clusters[(image % 64) * dimension + d] + 0.5 * base + 0.1 * value : value);
  });
}

contrast(
  "2N = 4096, dimension 128, temperature 0.05: the gradient is float64's to 5e-5, however small the loss",
  async () => {
    const [rows, dimension, temperature] = [4096, 128, 0.05];
    const z = mixedEmbeddings(rows / 2, dimension);
    const device = await testDevice();
    const { loss, dz } = await ntXentSubject.compute(device, { rows, dimension, temperature, z });
    const kinds = ["easy", "clustered", "noise"].map((name, kind) => {
      // Both views of every 50th image.
      const images = Array.from({ length: rows / 2 }, (_, i) => i).filter((i) => i % 3 === kind && i % 50 < 3);
      return { name, anchors: [...images, ...images.map((i) => i + rows / 2)] };
    });
    const anchors = kinds.flatMap((kind) => kind.anchors);
    const expected = ntXentReference(z, dimension, temperature, anchors);
    assert.ok(Math.abs(loss[0] - expected.loss) < 1e-5 * expected.loss, `the loss is ${loss[0]}, not ${expected.loss}`);
    // A factor in the gradient is as exact as its logit, a dot product whose n roundings come to about sqrt(n) of one (Higham and Mary
    // 2019), the two norms in it, and the log-sum-exp that it is compared with.
    const allowed = (4 * Math.sqrt(dimension) * UNIT) / temperature;
    assert.ok(allowed < 1e-4);
    for (const { name, anchors: own } of kinds) {
      let [error, size, worst, largest] = [0, 0, 0, 0];
      for (const anchor of own) {
        for (let i = anchor * dimension; i < (anchor + 1) * dimension; i++) {
          const off = Math.abs(dz[i] - expected.dz[i]);
          error += off ** 2;
          size += expected.dz[i] ** 2;
          worst = Math.max(worst, off);
          largest = Math.max(largest, Math.abs(expected.dz[i]));
        }
      }
      const [relative, most] = [Math.sqrt(error / size), worst / largest];
      assert.ok(own.length > 40 && relative <= allowed, `${name}: off by ${relative} in the Euclidean norm`);
      assert.ok(most <= allowed, `${name}: off by ${most} of the largest element`);
    }
  },
);

contrast.run();
