import type { Device } from "../engine/device.js";
import type { Timing, TuneOptions } from "../engine/tuner.js";
import { ConfigError, SimclrError } from "../errors.js";
import { clearChoices, loadChoices, saveChoices } from "../io/choice-file.js";
import { forceVariant, variantNames } from "../ops/variants.js";
import type { TrainingConfig } from "../training/config.js";
import { tuneFor } from "../training/tune.js";
import type { Command } from "../vendor/commander.js";
import { addModelOptions, type ModelOptions, modelConfig } from "./model-options.js";
import { number } from "./numbers.js";
import { heedInterruption, withDevice } from "./session.js";
import { textTable } from "./table.js";

/** Forces variants as the command line names them, "operation=variant". @throws ConfigError for names that there are not. */
export function forceVariants(device: Device, forced: readonly string[]): void {
  for (const text of forced) {
    const [operation, variant] = text.split("=");
    if (variant === undefined)
      throw new ConfigError(`--force takes an operation and a variant, as in conv2d=<variant>, not "${text}"`);
    forceVariant(device, operation, variant);
  }
}

function milliseconds(value: number): string {
  return `${value.toPrecision(3)} ms`;
}

/** One row for each site: how long the default takes, which variant is used from now on, and how long that takes. */
function chosenRows(timings: readonly Timing[]): string[][] {
  return timings
    .filter(({ chosen }) => chosen)
    .map(({ operation, shape, variant, milliseconds: time }) => {
      const preferred = timings.find((row) => row.preferred && row.operation === operation && row.shape === shape);
      const before = preferred?.milliseconds ?? null;
      return [
        `${operation} ${shape}`,
        before === null ? "-" : milliseconds(before),
        variant,
        time === null ? "-" : milliseconds(time),
      ];
    });
}

/** Tunes for a training step with a line of progress, prints what was chosen, and keeps it. */
export async function tuneOnTerminal(
  device: Device,
  config: Partial<TrainingConfig>,
  imageSize: number,
  options: Omit<TuneOptions, "onProgress"> & { readonly classes?: number },
): Promise<void> {
  const { isTTY } = process.stdout;
  console.log("timing variants of kernels ...");
  const timings = await tuneFor(device, config, imageSize, {
    ...options,
    onProgress({ operation, shape, done, total, seconds }) {
      const line = `  ${done + 1} of ${total}, ${seconds.toFixed(0)} s: ${operation} ${shape}`;
      if (isTTY) process.stdout.write(`\r${line.padEnd(79)}`);
    },
  });
  if (isTTY && timings.length > 0) process.stdout.write(`\r${"".padEnd(79)}\r`);
  const rows = chosenRows(timings);
  if (rows.length > 0) console.log(textTable([["kernel", "default", "chosen", "time"], ...rows]));
  else console.log("  nothing new: all kernels of this training have their choice");
  for (const { operation, shape, variant, error } of timings) {
    if (error !== null) console.log(`left out: ${variant} of ${operation} ${shape}: ${error}`);
  }
  const left = device.choices.untuned.length;
  if (left > 0) console.log(`${left} kernels were not timed: tune again, or with a larger --budget, for those`);
  try {
    await saveChoices(device);
  } catch (error) {
    if (!(error instanceof SimclrError)) throw error;
    console.log(`the choices hold for this run only: ${error.message}`);
  }
}

async function printChoices(device: Device): Promise<void> {
  const { place } = await loadChoices(device);
  const rows = Object.entries(device.choices.tuned).flatMap(([operation, shapes]) =>
    Object.entries(shapes).map(([shape, variant]) => [`${operation} ${shape}`, variant]),
  );
  if (rows.length > 0) console.log(`\nin ${place}:\n${textTable([["kernel", "chosen"], ...rows])}`);
  else console.log(`\nno choices for this adapter in ${place}`);
  console.log("\nvariants on this adapter, the default for wide results first:");
  for (const [operation, names] of variantNames(device)) console.log(`  ${operation}: ${names.join(", ")}`);
}

interface TuneCommandOptions extends ModelOptions {
  readonly imageSize: number;
  readonly budget: number;
  readonly print?: boolean;
  readonly clear?: boolean;
}

/** `simclr tune` */
export function addTuneCommand(program: Command): void {
  const command = program
    .command("tune")
    .description(
      "time the variants of the heavy kernels for a training, once for an adapter and its sizes, and keep the fastest",
    );
  addModelOptions(command)
    .option("--image-size <pixels>", "size of the images to train on", number, 32)
    .option("--budget <seconds>", "time for it; the most costly kernels come first", number, 20)
    .option("--print", "show the choices that are kept for this adapter, and the names of all variants")
    .option("--clear", "forget the choices that are kept for this adapter")
    .action(async (options: TuneCommandOptions) => {
      const interruption = heedInterruption();
      const { signal } = interruption;
      await withDevice(async (device) => {
        if (options.clear) {
          await clearChoices(device);
          console.log("forgotten: the defaults are used from now on");
        } else if (options.print) await printChoices(device);
        else {
          const { imageSize, budget } = options;
          interruption.save("keeping what was timed");
          await tuneOnTerminal(device, modelConfig(options), imageSize, { budgetSeconds: budget, signal });
        }
      });
    });
}
