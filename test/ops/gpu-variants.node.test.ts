import { suite } from "uvu";
import { testDevice } from "../lib/device.js";
import { variantChecks } from "./check-variants.js";

const correct = suite("variants for the other kind of adapter");

const { gpu, adapter } = await testDevice();
for (const { title, run } of variantChecks(gpu, { ...adapter, software: !adapter.software })) correct(title, run);

correct.run();
