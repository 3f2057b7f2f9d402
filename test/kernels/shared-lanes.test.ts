import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as kernels from "../../kernels/generated.js";
import { Tape } from "../../src/engine/tape.js";
import { conv2dForward, conv2dWeightGradient } from "../../src/reference/conv2d.js";
import { matmulForward } from "../../src/reference/matmul.js";
import { testDevice } from "../lib/device.js";

const sharing = suite("lanes that hand on what they load");

const device = await testDevice();
const lanes = device.has("subgroups") ? Math.min(32, device.gpu.adapterInfo.subgroupMinSize ?? 1) : 1;
// The software adapter has subgroups in every runtime but browsers, Deno among them, whether the compiler takes the directive or not.
sharing("are there", () => {
  assert.ok(lanes > 1 || !device.adapter.software || typeof process === "undefined", "no subgroups");
});

/** Small whole numbers, so that no sum is rounded. */
function wholes(count: number, seed: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => ((i * 7 + seed * 3 + (i >> 3)) % 9) - 4);
}

/** All lanes load, or three in four, as in the tile for GPUs; the others get everything from them. */
for (const SHARE of lanes >= 4 ? [lanes, (3 * lanes) / 4] : []) {
  const tile = { LANES: lanes, GROUPS: 1, ROWS: 2 * SHARE, COLS: 2, SHARE, VECTOR: 1 };
  const tape = new Tape(device);
  const input = (shape: readonly number[], values: Float64Array) =>
    device.tensor(shape, new Float32Array(values), "input");

  sharing(`${SHARE} of ${lanes}, in a matrix product`, async () => {
    const [m, k, n] = [4 * SHARE + 3, 5, 3 * lanes + 1];
    const [a, b] = [wholes(m * k, 1), wholes(k * n, 2)];
    const y = tape.tensor([m, n], "y");
    const params = { rows: m, inner: k, cols: n };
    tape.launch(kernels.matmul, { a: input([m, k], a), b: input([k, n], b), y }, params, tile);
    const program = await tape.compile({ keep: [y] });
    assert.equal(Array.from(await program.runAndRead(y)), Array.from(matmulForward(a, b, { m, n, k })));
  });

  sharing(`${SHARE} of ${lanes}, in a convolution and the gradient of its weights`, async () => {
    const own = new Tape(device);
    const [batch, height, width, inChannels, outChannels] = [2, 7, 5, 3, 2 * lanes + 3];
    const shape = {
      ...{ batch, height, width, inChannels, outChannels },
      ...{ kernelHeight: 3, kernelWidth: 3, stride: 1, padding: 1 },
    };
    const [x, weight] = [wholes(batch * height * width * inChannels, 3), wholes(9 * inChannels * outChannels, 4)];
    const dy = wholes(batch * height * width * outChannels, 5);
    const images = input([batch, height, width, inChannels], x);
    const y = own.tensor([batch, height, width, outChannels], "y");
    const parts = own.tensor([3, 3, inChannels, outChannels], "gradient");
    const constants = {
      ...{ STRIDE_Y: 1, STRIDE_X: 1, PADDING_Y: 1, PADDING_X: 1, KERNEL_HEIGHT: 3, KERNEL_WIDTH: 3 },
      ...{ IN_HEIGHT: height, IN_WIDTH: width, IN_CHANNELS: inChannels },
      ...{ OUT_HEIGHT: height, OUT_WIDTH: width, OUT_CHANNELS: outChannels },
      ...tile,
    };
    const kernelShape = [3, 3, inChannels, outChannels];
    own.launch(kernels.conv2d, { x: images, weight: input(kernelShape, weight), y }, { batch }, constants);
    const gradients = { x: images, dy: input([batch, height, width, outChannels], dy), parts };
    own.launch(kernels.conv2dWeightGradient, gradients, { batch, splits: 1 }, constants);
    const program = await own.compile({ keep: [y, parts] });
    assert.equal(Array.from(await program.runAndRead(y)), Array.from(conv2dForward(x, weight, shape)));
    assert.equal(Array.from(await device.read(parts)), Array.from(conv2dWeightGradient(x, dy, shape)));
  });
}

sharing.run();
