import { ConfigError } from "../errors.js";
import { nearestName } from "../spelling.js";

/** What an option of a method can be: plain data, as `config.json` of a run holds it. */
export type OptionValue = number | boolean | string;

/** True for a value that some option could have. */
export function isOptionValue(value: unknown): value is OptionValue {
  return ["number", "boolean", "string"].includes(typeof value);
}

/** An option of a method. */
export interface Option<Value extends OptionValue = OptionValue> {
  /** Where a configuration says nothing. */
  readonly default: Value;
  /** For people: what it does, and the source of its default. */
  readonly description: string;
  /** What it must be, for people: "a number above 0". */
  readonly wants: string;
  /** The names that it can have, where it is one. */
  readonly choices?: readonly string[];
  /** True for a value that it can have. */
  accepts(value: unknown): value is Value;
}

/** The options of a method by name. */
export type OptionTable = Readonly<Record<string, Option>>;

/** A value for each option of a table. */
export type OptionValues<Table extends OptionTable = OptionTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Option<infer Value> ? Value : never;
};

/** The range of a number: `from` and `to` belong to it, `above` and `below` do not. */
export interface NumberRange {
  /** The least; none by default. */
  readonly from?: number;
  /** What it is above; nothing by default. */
  readonly above?: number;
  /** The most; none by default. */
  readonly to?: number;
  /** What it is below; nothing by default. */
  readonly below?: number;
}

function within(value: number, { from, above, to, below }: NumberRange): boolean {
  return (
    Number.isFinite(value) &&
    (from === undefined || value >= from) &&
    (above === undefined || value > above) &&
    (to === undefined || value <= to) &&
    (below === undefined || value < below)
  );
}

/** "above 0", "from 1, up to 8". */
function rangeText({ from, above, to, below }: NumberRange): string {
  return Object.entries({ from, above, "up to": to, below })
    .flatMap(([word, bound]) => (bound === undefined ? [] : [`${word} ${bound}`]))
    .join(", ");
}

/** An option that is a number. */
export function number(value: number, range: NumberRange, description: string): Option<number> {
  return {
    default: value,
    description,
    wants: `a number ${rangeText(range)}`,
    accepts: (given): given is number => typeof given === "number" && within(given, range),
  };
}

/** An option that is a whole number. */
export function whole(value: number, range: NumberRange, description: string): Option<number> {
  return {
    default: value,
    description,
    wants: `a whole number ${rangeText(range)}`,
    accepts: (given): given is number => typeof given === "number" && Number.isInteger(given) && within(given, range),
  };
}

/** An option that is on or off. */
export function flag(value: boolean, description: string): Option<boolean> {
  return {
    default: value,
    description,
    wants: "true or false",
    accepts: (given): given is boolean => typeof given === "boolean",
  };
}

/** An option that is one of some names. */
export function choice<Name extends string>(
  names: readonly Name[],
  value: NoInfer<Name>,
  description: string,
): Option<Name> {
  return {
    default: value,
    description,
    choices: names,
    wants: `one of ${names.join(", ")}`,
    accepts: (given): given is Name => names.some((name) => name === given),
  };
}

function isComplete<Table extends OptionTable>(
  table: Table,
  values: Readonly<Record<string, unknown>>,
): values is OptionValues<Table> {
  return Object.entries(table).every(([name, option]) => option.accepts(values[name]));
}

/**
 * The values of all options of a table: those given, and the defaults of those that are not, or undefined.
 * @param method whose options they are, for messages
 * @throws ConfigError for a name that the table lacks, and a value that its option cannot have.
 */
export function optionValues<Table extends OptionTable>(
  method: string,
  table: Table,
  given: Readonly<Record<string, unknown>>,
): OptionValues<Table> {
  for (const [name, value] of Object.entries(given)) {
    const option = Object.hasOwn(table, name) ? table[name] : undefined;
    if (!option) {
      const known = Object.keys(table);
      const near = nearestName(name, known);
      const list = known.join(", ") || "no options of its own";
      throw new ConfigError(`${method} has no option ${name}; it has ${list}${near ? `: did you mean ${near}?` : ""}`);
    }
    if (value === undefined) continue;
    if (!option.accepts(value)) {
      const shown = typeof value === "string" ? `"${value}"` : String(value);
      throw new ConfigError(
        option.choices
          ? `${name} is ${shown}; choose ${option.choices.join(", ")}`
          : `${name} is ${shown}; it must be ${option.wants}`,
      );
    }
  }
  const values = Object.fromEntries(
    Object.entries(table).map(([name, option]) => [name, given[name] ?? option.default]),
  );
  if (!isComplete(table, values)) throw new ConfigError(`an option of ${method} has a default that it cannot have`);
  return values;
}
