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
import { addOutputOptions, answer, say, terminal, warn } from "./output.js";
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
): Promise<readonly Timing[]> {
  const out = terminal();
  say("timing variants of kernels ...");
  const timings = await tuneFor(device, config, imageSize, {
    ...options,
    onProgress({ operation, shape, done, total, seconds }) {
      const line = `  ${done + 1} of ${total}, ${seconds.toFixed(0)} s: ${operation} ${shape}`;
      out?.write(`\r${line.padEnd(79)}`);
    },
  });
  if (timings.length > 0) out?.write(`\r${"".padEnd(79)}\r`);
  const rows = chosenRows(timings);
  if (rows.length > 0) say(textTable([["kernel", "default", "chosen", "time"], ...rows]));
  else say("  nothing new: all kernels of this training have their choice");
  for (const { operation, shape, variant, error } of timings) {
    if (error !== null) say(`left out: ${variant} of ${operation} ${shape}: ${error}`);
  }
  const left = device.choices.untuned.length;
  if (left > 0) say(`${left} kernels were not timed: tune again, or with a larger --budget, for those`);
  try {
    await saveChoices(device);
  } catch (error) {
    if (!(error instanceof SimclrError)) throw error;
    warn(`the choices hold for this run only: ${error.message}`);
  }
  return timings;
}

async function printChoices(device: Device): Promise<void> {
  const { place } = await loadChoices(device);
  const { tuned } = device.choices;
  const variants = variantNames(device);
  const rows = Object.entries(tuned).flatMap(([operation, shapes]) =>
    Object.entries(shapes).map(([shape, variant]) => [`${operation} ${shape}`, variant]),
  );
  const kept =
    rows.length > 0
      ? `in ${place}:\n${textTable([["kernel", "chosen"], ...rows])}`
      : `no choices for this adapter in ${place}`;
  const names = Array.from(variants, ([operation, own]) => `  ${operation}: ${own.join(", ")}`);
  answer(
    { place, tuned, variants: Object.fromEntries(variants) },
    `\n${kept}\n\nvariants on this adapter, the default for wide results first:\n${names.join("\n")}`,
  );
}

interface TuneCommandOptions extends ModelOptions {
  readonly imageSize: number;
  readonly budget: number;
  readonly print?: boolean;
  readonly clear?: boolean;
}

/** `simclr tune` */
export function addTuneCommand(program: Command): void {
  const command = addOutputOptions(program.command("tune")).description(
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
          say("forgotten: the defaults are used from now on");
          answer({ tuned: {} });
        } else if (options.print) await printChoices(device);
        else {
          const { imageSize, budget } = options;
          interruption.save("keeping what was timed");
          const timings = await tuneOnTerminal(device, modelConfig(options), imageSize, {
            budgetSeconds: budget,
            signal,
          });
          answer({ timings, untuned: device.choices.untuned.length });
        }
      });
    });
}
