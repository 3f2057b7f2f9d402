import { type AugmentationPolicy, paperPolicy } from "../augment/policy.js";
import type { Dataset, ImageSet } from "../data/dataset.js";
import type { Device } from "../engine/device.js";
import { ConfigError } from "../errors.js";
import { evenly } from "../evaluation/evaluation.js";
import type { HistogramFigure } from "../report/experiment-report-data.js";
import { pngDataUri } from "../report/report-images.js";
import type { Experiment, PlannedRun } from "./experiment.js";
import { CANDIDATES, histogram, histogramShortcut, PAIR_EPOCHS } from "./histograms.js";
import { json } from "./measured.js";
import { accuracyText } from "./sentences.js";
import type { Setting } from "./setting.js";
import { keyOf, labelOf, probeSteps } from "./training.js";
import { pixelsOfViews } from "./views.js";

/** Strengths of the colour distortion; 0 is cropping alone. */
const STRENGTHS = [0, 0.5, 1];

/** Of the training and of the test images; more would hardly change the numbers. */
const MOST_IMAGES = 10_000;

/** Images and crops that are shown, and bins of their histograms. */
const SHOWN = 2;
const CROPS = 6;
const BINS = 32;

function policyFor(strength: number): AugmentationPolicy {
  const policy = paperPolicy(strength, 0);
  return strength > 0 ? policy : { ...policy, jitterProbability: 0, grayscaleProbability: 0 };
}

function nameOf(strength: number): string {
  return strength === 0 ? "crops alone" : `colour strength ${strength}`;
}

function testOf({ test }: ImageSet): Dataset {
  if (!test) throw new ConfigError("this experiment needs images to test on: a test set, or images in class folders");
  return test;
}

/** Crops of a few images: pictures, and histograms of all their channels together. */
async function panel(device: Device, images: Dataset, strength: number) {
  const shown = evenly(images, SHOWN);
  const size = shown.width;
  const { values, dimension } = await pixelsOfViews(device, shown, {
    policies: policyFor(strength),
    views: CROPS,
    seed: 1,
  });
  const pictures: string[] = [];
  const series: Record<string, number[]> = {};
  for (let image = 0; image < shown.length; image++) {
    for (let crop = 0; crop < CROPS; crop++) {
      const row = crop * shown.length + image;
      const pixels = values.subarray(row * dimension, (row + 1) * dimension);
      const rgba = new Uint8Array(size * size * 4).fill(255);
      for (let p = 0; p < size * size; p++) {
        for (let c = 0; c < 3; c++) rgba[4 * p + c] = Math.round(255 * pixels[3 * p + c]);
      }
      series[`image ${image} crop ${crop}`] = histogram(pixels, BINS, null);
      pictures.push(await pngDataUri({ width: size, height: size, pixels: rgba }));
    }
  }
  return { pictures, series };
}

/** One strength and seed. The first seed's runs make the pictures. */
function shortcutRun(setting: Setting, strength: number, seed: number): PlannedRun {
  const factors = { strength, seed };
  const shows = seed === setting.seeds[0];
  return {
    key: keyOf(factors),
    label: labelOf(factors),
    factors,
    settings: json({ policy: policyFor(strength), seed, shows }),
    effort: {
      config: null,
      steps: 0,
      embedded: 0,
      probeSteps: probeSteps(2 * Math.min(setting.trainImages, MOST_IMAGES), PAIR_EPOCHS),
    },
    async work({ device, images }) {
      const test = testOf(images);
      const { pairAccuracy, matchAccuracy } = await histogramShortcut(
        device,
        { train: evenly(images.train, MOST_IMAGES), test: evenly(test, MOST_IMAGES) },
        policyFor(strength),
        seed,
      );
      const values = { pairAccuracy, matchAccuracy };
      return shows ? { values, ...(await panel(device, test, strength)) } : { values };
    },
  };
}

/** Whether histograms of crops suffice for the contrastive task, without and with colour distortion. */
export const colorShortcut: Experiment = {
  name: "color-shortcut",
  title: "The colour shortcut",
  shows:
    "Crops of one image share their colours: histograms alone tell which crops belong together, until their colours are distorted.",
  plan: (setting) => setting.seeds.flatMap((seed) => STRENGTHS.map((strength) => shortcutRun(setting, strength, seed))),
  present(results) {
    const { setting } = results;
    const pair = (strength: number) => results.estimate({ strength }, "pairAccuracy");
    const match = (strength: number) => results.estimate({ strength }, "matchAccuracy");
    const [trained, tested] = [setting.trainImages, setting.testImages].map((count) => Math.min(count, MOST_IMAGES));
    const candidates = Math.min(CANDIDATES, tested);
    const panelOf = (strength: number): HistogramFigure => {
      const { pictures = [], series = {} } = results.of({ strength, seed: setting.seeds[0] })[0];
      return {
        kind: "histograms",
        title: strength === 0 ? "Without colour distortion" : `With colour distortion, strength ${strength}`,
        note: "A row for each image, a column for each random crop; below it how often each intensity occurs, over all channels",
        rows: Array.from({ length: pictures.length / CROPS }, (_, image) =>
          Array.from({ length: CROPS }, (_, crop) => ({
            name: `crop ${crop + 1}`,
            picture: pictures[image * CROPS + crop],
            counts: series[`image ${image} crop ${crop}`],
          })),
        ),
      };
    };
    return {
      findings: [
        `From histograms alone, a linear classifier tells crops of one image from crops of two in ${accuracyText(pair(0))} of the cases; a guess is right in 50 %.`,
        `With colour distortion of strength 1 it does in ${accuracyText(pair(1))}.`,
        `Among ${candidates} crops, the one with the nearest histogram is of the same image in ${accuracyText(match(0))} of the cases, and in ${accuracyText(match(1))} with colour distortion; a guess is right in ${(100 / candidates).toFixed(1)} %.`,
      ],
      sections: [
        {
          title: "Histograms of crops",
          note: "After figure 6 of Chen et al. 2020. Crops cover 8 to 100 % of the image's area.",
          figures: [panelOf(0), panelOf(1)],
        },
        {
          title: "What histograms alone tell",
          note: `Two crops of each image. Three channels of ${BINS} bins each; a pair of crops is described by how far each bin differs. Trained on ${trained.toLocaleString("en-US")} images, tested on ${tested.toLocaleString("en-US")}. The paper shows the histograms and gives no numbers.`,
          figures: [
            {
              kind: "bars",
              title: "Do two crops belong together?",
              note: "Accuracy of a linear classifier on pairs; 50 % by chance",
              groupAxis: "views",
              format: "percent",
              groups: STRENGTHS.map((strength) => ({
                name: nameOf(strength),
                bars: [{ series: "pairs", value: pair(strength) }],
              })),
            },
            {
              kind: "bars",
              title: `Which of ${candidates} crops belongs to this one?`,
              note: `The one with the nearest histogram; ${(100 / candidates).toFixed(1)} % by chance`,
              groupAxis: "views",
              format: "percent",
              groups: STRENGTHS.map((strength) => ({
                name: nameOf(strength),
                bars: [{ series: "nearest", value: match(strength) }],
              })),
            },
          ],
        },
      ],
    };
  },
};
