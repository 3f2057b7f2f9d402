import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fillDisks } from "./full-disk.js";
import { killTrainings } from "./kills.js";
import { loseDevices } from "./lost-devices.js";
import { soak } from "./soak.js";

/** The long forms of these are those of `long.ts`. */
const interruptions = suite("trainings");

interruptions("that are killed at any moment leave whole files, and resume gives the same to the bit", async () => {
  const { killed, whileWriting, resumed } = await killTrainings(20, 1);
  assert.ok(killed >= 20 && whileWriting > 3 && resumed > 10, `${killed}, ${whileWriting}, ${resumed}`);
});

interruptions("whose disk is full name the file, and go on to the same when there is space", async () => {
  assert.ok((await fillDisks(8)) >= 4);
});

interruptions("whose device is lost say so, and go on to the same on another one", async () => {
  assert.ok((await loseDevices(60)) >= 2);
});

interruptions("of many steps take the same memory and time all along", async () => {
  const parts = await soak(300);
  const [first, middle, last] = [parts[1], parts[5], parts[9]];
  assert.is(last.deviceBytes, first.deviceBytes);
  // Of 30 steps in 90, other tests and the machine have their share; a leak of a step's tensors would be 300 MiB.
  assert.ok(last.hostMemory < first.hostMemory + 60, `${first.hostMemory} MiB, then ${last.hostMemory}`);
  const fastest = Math.min(first.stepTime, middle.stepTime);
  assert.ok(last.stepTime < 5 * fastest, `${fastest} ms a step, then ${last.stepTime}`);
});

interruptions.run();
