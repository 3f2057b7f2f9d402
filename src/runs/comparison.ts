import { isRecord, sameData } from "../io/json.js";

/** A setting that is not the same in all runs; undefined where a run has no such setting. */
export interface Difference {
  readonly name: string;
  /** One a run, in their order. */
  readonly values: readonly unknown[];
}

/** What a configuration says of a run beside its settings, and what follows from other settings. */
const NO_SETTINGS = ["choices", "classes", "started", "command", "license"];

/**
 * The settings that differ between the configurations of runs, those of the training by their own names and others as
 * "source.images", in the order in which they stand there.
 */
export function differences(configs: readonly Readonly<Record<string, unknown>>[]): Difference[] {
  const settings = configs.map(settingsOf);
  const options = new Set(configs.flatMap(({ training }) => Object.keys(optionsOf(training))));
  const names = [...new Set(settings.flatMap((own) => [...own.keys()]))];
  return names
    .map((name) => ({ name, values: settings.map((own) => own.get(name)) }))
    .filter(({ name, values }) => {
      // That a method does not have another's options follows from its name.
      const counted = options.has(name) ? values.filter((value) => value !== undefined) : values;
      return counted.some((value) => !sameData(value, counted[0]));
    });
}

function optionsOf(training: unknown): Record<string, unknown> {
  return isRecord(training) && isRecord(training["options"]) ? training["options"] : {};
}

function settingsOf(config: Readonly<Record<string, unknown>>): Map<string, unknown> {
  const settings = new Map<string, unknown>();
  const add = (value: unknown, name: string) => {
    if (isRecord(value)) for (const [key, own] of Object.entries(value)) add(own, name === "" ? key : `${name}.${key}`);
    else settings.set(name, value);
  };
  const { training, ...others } = config;
  const { options: _, ...common } = isRecord(training) ? training : {};
  add(common, "");
  add(optionsOf(training), "");
  for (const [key, value] of Object.entries(others)) if (!NO_SETTINGS.includes(key)) add(value, key);
  return settings;
}
