import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { encode, inTemporaryFolder, picture, writeFiles } from "../data/make-files.js";
import { repository } from "../lib/repository.js";
import { onlyRun, simclr, succeeded } from "./command.js";

const limits = suite("simclr on adapters with the default limits");

const NODE_OPTIONS = `--import ${pathToFileURL(join(repository, "test/cli/default-limits.mjs"))}`;

/** More images of 224 pixels than one binding holds maps of: 84 times 112 x 112 x 32 channels are 128 MiB. */
async function photos(): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < 90; i++) {
    const rgb = picture(224, 224, i).map((value, at) => (at % 3 === i % 2 ? 200 : value / 2));
    files[`${["cat", "dog"][i % 2]}/${i}.jpg`] = await encode("jpeg", rgb, 224, 224);
  }
  return files;
}

function mebibytes(stdout: string, pattern: RegExp): number {
  return Number(pattern.exec(stdout)?.[1]?.replaceAll(",", "") ?? Number.NaN);
}

limits(
  "plans, trains, evaluates and embeds a folder of 224 pixels without an option for it, in the memory planned",
  () =>
    inTemporaryFolder(async (cwd) => {
      await writeFiles(join(cwd, "photos"), await photos());
      const run = async (...args: readonly string[]) =>
        succeeded(await simclr(args, { cwd, env: { NODE_OPTIONS } })).stdout;

      const plan = await run("train", "photos", "--plan");
      // 80 images are left to train on when a tenth is held out.
      assert.match(plan, /224 x 224 pixels, batch 80, in micro-batches of \d+/);
      const trained = await run("train", "photos", "--epochs", "1");
      const planned = mebibytes(plan, /^peak of a run.* ([\d,.]+) MiB$/m);
      const used = mebibytes(trained, /device memory: ([\d,.]+) MiB at most/);
      assert.ok(Math.abs(used / planned - 1) < 0.01, `${used} MiB, and ${planned} MiB planned`);

      const folder = await onlyRun(cwd);
      assert.match(await run("eval", folder), /linear probe/);
      assert.match(await run("embed", folder, "photos"), /90 x 256/);
      const tuned = await run("tune", "--image-size", "224", "--budget", "1");
      assert.match(tuned, /^conv2d 3x3/m);
    }),
);

limits.run();
