import { CheckpointError } from "../errors.js";
import type { RunHooks } from "../runs/hooks.js";
import { resumeRun } from "../runs/run.js";
import { leastEpochs } from "../training/checkpoint.js";
import type { Command } from "../vendor/commander.js";
import { counted } from "../wording.js";
import { checkOptions } from "./check-options.js";
import { number } from "./numbers.js";
import { addOutputOptions } from "./output.js";
import { heedInterruption, withDevice } from "./session.js";
import { openRunImages, openStoredRun } from "./stored-run.js";
import { suggested } from "./suggested.js";
import { withProgress } from "./training-progress.js";

interface ResumeCommandOptions {
  readonly images?: string;
  readonly epochs?: number;
  readonly tensorboard?: string;
}

/** `simclr resume <run>` */
export function addResumeCommand(program: Command): void {
  addOutputOptions(program.command("resume"))
    .description(
      "go on with an interrupted run, bit for bit as if it had never stopped (on the same adapter), or with a finished one and more epochs",
    )
    .argument("<run>", "the run's folder")
    .option("--images <images>", "where the images are now (default: where they were)")
    .option(
      "--epochs <count>",
      "of the whole training, in place of those that it was begun with: from here on the learning rate is where the schedule of that length is",
      number,
    )
    .option("--tensorboard <folder>", "write a file of events there too, for TensorBoard, beside those that are there")
    .action(resume);
}

async function resume(path: string, { images: named, epochs, tensorboard }: ResumeCommandOptions): Promise<void> {
  const interruption = heedInterruption();
  await withDevice(async (device) => {
    const run = await openStoredRun(path, device);
    const { config, step } = run.checkpoint;
    if (epochs !== undefined) checkOptions(device, { ...config, epochs });
    const [wanted, least] = [epochs ?? config.epochs, leastEpochs(run.checkpoint)];
    if (wanted < least) {
      throw new CheckpointError(
        `${path} has ${counted(step, "step")} behind it, and ${counted(wanted, "epoch")} would be over before: go on with ${least} or more\n  ${suggested(["resume", path, "--epochs", String(least)])}`,
      );
    }
    const images = await openRunImages(run, named, {}, "views");
    const goOn = (hooks: RunHooks) => resumeRun(device, path, images, { ...hooks, epochs });
    await withProgress(interruption, goOn, tensorboard);
  });
}
