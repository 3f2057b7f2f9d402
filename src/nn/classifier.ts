import { ConfigError } from "../errors.js";
import { Linear } from "./layers.js";
import type { Head } from "./module.js";

/**
 * A linear classifier: representations [batch, features] to logits [batch, classes], named as torchvision's (`fc.weight`,
 * `fc.bias`). It starts at zero, so that no class is preferred and an encoder that was trained before does not have to undo
 * random weights; the authors of SimCLR do so too (`zero_init_logits_layer` in google-research/simclr).
 * @throws ConfigError for fewer than two classes.
 */
export function classifier(features: number, classes: number): Head {
  if (!Number.isInteger(classes) || classes < 2)
    throw new ConfigError(`a classifier of ${classes} classes: there have to be at least two`);
  const layer = new Linear("fc", features, classes, true, { kind: "constant", value: 0 });
  return {
    output: classes,
    tensors: layer.tensors,
    forward: (pass, h) => pass.tape.scope("head", () => layer.forward(pass, h)),
  };
}
