import { VIEW_FIELD } from "../augment/augment.js";
import type { AugmentationPolicy } from "../augment/policy.js";
import type { Dataset } from "../data/dataset.js";
import type { Device } from "../engine/device.js";
import type { Features } from "../evaluation/embed.js";
import { evenly } from "../evaluation/evaluation.js";
import { linearProbe } from "../evaluation/linear-probe.js";
import type { Model } from "../nn/model.js";
import type { RunContext } from "./experiment.js";
import { type Measurement, probeSteps } from "./training.js";
import { embedViews } from "./views.js";

/** What was done to a view: what is added to the policy for it, and which class a view is of. */
export interface Transformation {
  readonly name: string;
  /** Added to cropping and colour distortion, during training and afterwards. */
  readonly policy: Partial<AugmentationPolicy>;
  readonly field: keyof typeof VIEW_FIELD;
  readonly classes: number;
}

/** Those of table 3 of Chen et al. 2020; grayscale is part of the colour distortion. */
export const TRANSFORMATIONS: readonly Transformation[] = [
  { name: "colour or grayscale", policy: {}, field: "grayscale", classes: 2 },
  { name: "rotation", policy: { rotationProbability: 0.75 }, field: "turns", classes: 4 },
  { name: "original or noisy", policy: { noiseProbability: 0.5 }, field: "noise", classes: 2 },
  { name: "original or Sobel-filtered", policy: { sobelProbability: 0.5 }, field: "sobel", classes: 2 },
];

const EPOCHS = 30;
/** More images make the classifiers slower and hardly better. */
const MOST_IMAGES = 4000;

/**
 * Measures how well perceptrons with a hidden layer tell from h and from z what was done to a view, as in table 3 of Chen et
 * al. 2020: they are trained on a view of each training image, and tested on one of each test image.
 * @param policy that of the training
 */
export function transformationMeasurement(
  { field, classes }: Transformation,
  policy: AugmentationPolicy,
  images: number,
): Measurement {
  const rows = Math.min(images, MOST_IMAGES);
  return {
    settings: { transformation: field, epochs: EPOCHS, most: MOST_IMAGES },
    embedded: 2 * rows,
    // A hidden layer makes a step several times as costly.
    probeSteps: 2 * 3 * probeSteps(rows, EPOCHS),
    async measure({ device, images: { train, test } }: RunContext, model: Model) {
      const views = async (dataset: Dataset, seed: number) => {
        const { h, z, table } = await viewsOf(device, model, evenly(dataset, MOST_IMAGES), policy, seed);
        const labels = Uint32Array.from({ length: table.rows }, (_, row) =>
          classOf(table.values[row * table.dimension + VIEW_FIELD[field]], classes),
        );
        return { h, z, labels };
      };
      const trained = await views(train, 1);
      const tested = await views(test ?? train, 2);
      const accuracy = async (of: "h" | "z") => {
        const part = ({ labels, ...features }: { h: Features; z: Features; labels: Uint32Array }) => ({
          features: features[of],
          labels,
        });
        const options = { epochs: EPOCHS, hidden: trained[of].dimension };
        return (await linearProbe(device, part(trained), part(tested), classes, options)).testAccuracy;
      };
      const counts = new Array<number>(classes).fill(0);
      for (const label of tested.labels) counts[label] += 1;
      return {
        values: {
          guessAccuracy: Math.max(...counts) / tested.labels.length,
          accuracyFromH: await accuracy("h"),
          accuracyFromZ: await accuracy("z"),
        },
      };
    },
  };
}

function viewsOf(device: Device, model: Model, dataset: Dataset, policies: AugmentationPolicy, seed: number) {
  return embedViews(device, model, dataset, { policies, views: 1, seed });
}

/** Of two classes, whether it was done at all; of more, how much. */
function classOf(value: number, classes: number): number {
  return classes === 2 ? Number(value > 0) : value;
}
