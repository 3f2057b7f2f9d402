import { resumeRun } from "../runs/run.js";
import type { Command } from "../vendor/commander.js";
import { interruptSignal, withDevice } from "./session.js";
import { openRunImages, openStoredRun } from "./stored-run.js";
import { withProgress } from "./training-progress.js";

/** `simclr resume <run>` */
export function addResumeCommand(program: Command): void {
  program
    .command("resume")
    .description("go on with an interrupted run, bit for bit as if it had never stopped (on the same adapter)")
    .argument("<run>", "the run's folder")
    .option("--images <images>", "where the images are now (default: where they were)")
    .action(async (path: string, options: { readonly images?: string }) => {
      const signal = interruptSignal();
      await withDevice(async (device) => {
        const images = await openRunImages(await openStoredRun(path), options.images, undefined, "views");
        await withProgress((hooks) => resumeRun(device, path, images, { ...hooks, signal }));
      });
    });
}
