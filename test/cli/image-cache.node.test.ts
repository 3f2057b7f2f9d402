import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { inTemporaryFolder, writeFiles } from "../data/make-files.js";
import { failed, metricsOf, onlyRun, SMALL, simclr, succeeded } from "./command.js";
import { classFolders } from "./pictures.js";

const command = suite("simclr: originals and their cache");

const TRAIN = ["train", "set", ...SMALL, "--image-size", "8", "--epochs", "1", "--augmentation", "imagenet"];

command("views are cut from originals, which the next command finds, and a run resumed as well", () =>
  inTemporaryFolder(async (cwd) => {
    await writeFiles(join(cwd, "set"), await classFolders(40));
    const env = { SIMCLR_IMAGE_CACHE: join(cwd, "decoded") };
    const first = succeeded(await simclr(TRAIN, { cwd, env }));
    assert.match(first.stdout, /views are cut from the originals, of up to 256 pixels each/);
    const run = await onlyRun(cwd);
    const config = JSON.parse(await readFile(join(cwd, run, "config.json"), "utf8"));
    assert.ok(Math.abs(config.source.smallestCrop - 0.08) < 1e-9);
    assert.is((await readdir(join(cwd, "decoded"))).length, 1);
    succeeded(await simclr(["resume", run], { cwd, env }));
    assert.is((await readdir(join(cwd, "decoded"))).length, 1, "the same pack");

    const shown = succeeded(await simclr(["cache"], { cwd, env })).stdout;
    assert.match(shown, /decoded: 1 MB, of 1 set of images/);
    succeeded(await simclr(["cache", "--clear"], { cwd, env }));
    assert.equal(await readdir(join(cwd, "decoded")), []);

    // Without a cache, the same training.
    succeeded(await simclr([...TRAIN, "--out", "others"], { cwd }));
    const [other] = await readdir(join(cwd, "others"));
    const losses = async (folder: string) =>
      (await metricsOf(folder)).filter(({ kind }) => kind === "step").map(({ loss }) => loss);
    assert.equal(await losses(join(cwd, "others", other)), await losses(join(cwd, run)));
    assert.match(succeeded(await simclr(["cache"], { cwd })).stdout, /not kept: SIMCLR_IMAGE_CACHE is "none"/);
  }),
);

command("a limit that is none is refused", () =>
  inTemporaryFolder(async (cwd) => {
    await writeFiles(join(cwd, "set"), await classFolders(20));
    for (const gigabytes of ["0", "lots"]) {
      const env = { SIMCLR_IMAGE_CACHE: "decoded", SIMCLR_IMAGE_CACHE_GB: gigabytes };
      failed(await simclr(TRAIN, { cwd, env }), new RegExp(`SIMCLR_IMAGE_CACHE_GB is ${gigabytes}`));
    }
  }),
);

command.run();
