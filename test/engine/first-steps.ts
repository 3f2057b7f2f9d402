import { matmul, openDevice, relu, Tape } from "webgpu-simclr/engine";

const device = await openDevice();
const x = device.tensor([1, 3], [1, 2, 3]); // persistent: there until it is freed
const w = device.tensor([3, 1], [1, 0, 1]);

const tape = new Tape(device); // records, and runs nothing
tape.watch(w);
const y = relu(tape, matmul(tape, x, w)); // intermediate: planned, and gone after a run
tape.backward(y);
const gradient = tape.gradientOf(w);

const program = await tape.compile({ keep: [y, gradient] });
program.run(); // any number of times
export const results = [await device.read(y), await device.read(gradient)]; // [4] and [1, 2, 3]
device.close();
