/**
 * A program that trains in a folder: `training.js <folder> [step of writing]`. With a number, it kills itself in the midst of that
 * step of what it writes.
 */
import { openDevice } from "../../src/engine/device.js";
import { trainIn } from "./small-run.js";
import { interceptWrites } from "./writes.js";

const [folder, number] = process.argv.slice(2);
const device = await openDevice();
if (number !== undefined) {
  let left = Number(number);
  interceptWrites(
    () => {
      left -= 1;
      return left === 0 ? "half" : "done";
    },
    () => {
      process.kill(process.pid, "SIGKILL");
      // A signal takes a moment to come.
      for (;;);
    },
  );
}
await trainIn(folder, device, { onFolder: () => process.stdout.write("begun\n") });
device.close();
