import { InvalidArgumentError } from "../vendor/commander.js";

/** An option's text as a number. */
export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || Number.isNaN(value)) throw new InvalidArgumentError("It must be a number.");
  return value;
}

/** An option's text as a number, or as the word "auto". */
export function numberOrAuto(text: string): number | "auto" {
  return text === "auto" ? text : number(text);
}
