import { ConfigError } from "../errors.js";
import { barlow } from "./barlow.js";
import { byol } from "./byol.js";
import { dino } from "./dino.js";
import { instdisc } from "./instdisc.js";
import { lejepa } from "./lejepa.js";
import type { Method } from "./method.js";
import { moco } from "./moco.js";
import { mocoV3 } from "./moco-v3.js";
import { nnclr } from "./nnclr.js";
import { simclr } from "./simclr.js";
import { simsiam } from "./simsiam.js";
import { supcon } from "./supcon.js";
import { supervised } from "./supervised.js";
import { swav } from "./swav.js";
import { tcn } from "./tcn.js";
import { vicreg } from "./vicreg.js";

/** Every method that the command line and a configuration can name, the usual one first. */
export const METHODS: readonly Method[] = [
  simclr,
  moco,
  mocoV3,
  instdisc,
  nnclr,
  byol,
  simsiam,
  barlow,
  vicreg,
  lejepa,
  swav,
  dino,
  tcn,
  supcon,
  supervised,
];

/** The method of this name. @throws ConfigError where there is none. */
export function methodNamed(name: string): Method {
  const method = METHODS.find((known) => known.name === name);
  if (!method)
    throw new ConfigError(`there is no method "${name}": choose ${METHODS.map((known) => known.name).join(", ")}`);
  return method;
}
