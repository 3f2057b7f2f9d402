/**
 * The long forms of the tests beside it, one at a time; each prints what it counts, and ends with exit code 1 where something did not
 * hold:
 *
 *     node dist/test/faults/long.js kills 500 [seed]       trainings that are killed
 *     node dist/test/faults/long.js inputs 1000000 [seed]  damaged inputs of all readers; those that are dealt with wrongly are kept
 *     node dist/test/faults/long.js disks [stride]         a disk that is full from every write on, in turn
 *     node dist/test/faults/long.js devices [stride]       a device that is lost at every submit in turn
 *     node dist/test/faults/long.js faults [stride]        every buffer and every compilation failing in turn
 *     node --expose-gc dist/test/faults/long.js soak 10000 steps whose memory and time stay the same
 */
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv, exit } from "node:process";
import { counted } from "../../src/wording.js";
import { fillDisks } from "./full-disk.js";
import { fuzz } from "./fuzz.js";
import { CREATIONS, failInTurn, USES } from "./half-way.js";
import { killTrainings } from "./kills.js";
import { loseDevices } from "./lost-devices.js";
import { soak } from "./soak.js";

/** How often something is told of what takes long. */
const TOLD = { kills: 10, inputs: 10_000 };

const forms: Readonly<Record<string, (count: number | undefined, seed: number | undefined) => Promise<boolean>>> = {
  async kills(count = 500, seed = 1) {
    let told = 0;
    const kills = await killTrainings(count, seed, (now) => {
      if (now.killed < told + TOLD.kills) return;
      told = now.killed;
      console.log(JSON.stringify(now));
    });
    console.log(JSON.stringify(kills));
    return true;
  },
  async inputs(count = 1_000_000, seed = 1) {
    let kept = 0;
    const { inputs, refused, findings } = await fuzz(count, seed, async (now) => {
      if (now.inputs % TOLD.inputs === 0) console.log(`${now.inputs} inputs, ${now.refused} refused`);
      for (const { reader, problem, input } of now.findings.slice(kept)) {
        kept += 1;
        const path = join(tmpdir(), `simclr-finding-${seed}-${kept}`);
        console.log(`${reader}, ${counted(input.length, "byte")}, kept as ${path}: ${problem}`);
        await writeFile(path, input);
      }
    });
    console.log(`${inputs} inputs, ${refused} refused, ${findings.length} dealt with wrongly`);
    return findings.length === 0;
  },
  async disks(stride = 1) {
    console.log(`${counted(await fillDisks(stride), "write")} on a full disk`);
    return true;
  },
  async devices(stride = 1) {
    console.log(`${counted(await loseDevices(stride), "submit")} at which the device was lost`);
    return true;
  },
  async faults(stride = 1) {
    for (const [name, work] of Object.entries({ ...CREATIONS, ...USES }))
      console.log(`${name}: ${counted(await failInTurn(name, work, stride), "fault")}`);
    return true;
  },
  async soak(steps = 10_000) {
    const parts = await soak(steps);
    for (const { hostMemory, deviceBytes, stepTime } of parts)
      console.log(`${hostMemory.toFixed(1)} MiB, ${deviceBytes} bytes on the device, ${stepTime.toFixed(2)} ms a step`);
    const [first, last] = [parts[1], parts[parts.length - 1]];
    return last.deviceBytes === first.deviceBytes && last.hostMemory < first.hostMemory + 30;
  },
};

const [, , name = "", ...numbers] = argv;
const form = Object.hasOwn(forms, name) ? forms[name] : null;
if (!form) throw new Error(`choose one of ${Object.keys(forms).join(", ")}`);
const [count, seed] = numbers.map(Number);
exit((await form(count, seed)) ? 0 : 1);
