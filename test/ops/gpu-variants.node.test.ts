import { suite } from "uvu";
import { testDevice } from "../lib/device.js";
import { variantChecks } from "./check-variants.js";

const correct = suite("variants for the other kind of adapter");

const { gpu, adapter } = await testDevice();
// With vectors of four, all tiles are checked in test/kernels/workgroup-tiles.
const checks = variantChecks(gpu, { ...adapter, software: !adapter.software }, [[69, 67]]);
// Every third: the code without vectors is the same in all of them.
for (const [i, { title, run }] of checks.entries()) if (i % 3 === 0) correct(title, run);

correct.run();
