import { ConfigError } from "../errors.js";
import { byol } from "./byol.js";
import type { Method } from "./method.js";
import { moco } from "./moco.js";
import { nnclr } from "./nnclr.js";
import { simclr } from "./simclr.js";
import { supcon } from "./supcon.js";
import { supervised } from "./supervised.js";

/** Every method that the command line and a configuration can name, the usual one first. */
export const METHODS: readonly Method[] = [simclr, moco, byol, nnclr, supcon, supervised];

/** The method of this name. @throws ConfigError where there is none. */
export function methodNamed(name: string): Method {
  const method = METHODS.find((known) => known.name === name);
  if (!method)
    throw new ConfigError(`there is no method "${name}": choose ${METHODS.map((known) => known.name).join(", ")}`);
  return method;
}
