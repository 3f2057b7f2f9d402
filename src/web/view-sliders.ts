import type { AugmentationPolicy } from "../augment/policy.js";
import { contextOf, find, html } from "./dom.js";
import { drawHistograms } from "./histograms.js";
import type { Thumbnails } from "./thumbnails.js";

/** A slider of the policy: the value that it shows, and the policy with another one. */
interface Slider {
  readonly id: string;
  readonly label: string;
  readonly range: readonly [number, number];
  readonly value: (policy: AugmentationPolicy) => number;
  readonly set: (policy: AugmentationPolicy, value: number) => AugmentationPolicy;
}

/** How much colour is jittered is one number, of which the parts are shares (Chen et al. 2020, appendix A). */
function colour(policy: AugmentationPolicy, strength: number): AugmentationPolicy {
  const most = 0.8 * strength;
  return {
    ...policy,
    jitterProbability: strength > 0 ? 0.8 : 0,
    ...{ brightness: most, contrast: most, saturation: most, hue: 0.2 * strength },
  };
}

const SLIDERS: readonly Slider[] = [
  {
    id: "crop",
    label: "Crop",
    range: [0, 0.95],
    value: ({ cropArea: [least] }) => 1 - least,
    set: (policy, value) => ({ ...policy, cropArea: [1 - value, 1] }),
  },
  {
    id: "colour",
    label: "Colour",
    range: [0, 1],
    value: ({ jitterProbability, brightness }) => (jitterProbability > 0 ? brightness / 0.8 : 0),
    set: colour,
  },
  {
    id: "gray",
    label: "Gray",
    range: [0, 1],
    value: ({ grayscaleProbability }) => grayscaleProbability,
    set: (policy, value) => ({ ...policy, grayscaleProbability: value }),
  },
  {
    id: "blur",
    label: "Blur",
    range: [0, 1],
    value: ({ blurProbability }) => blurProbability,
    set: (policy, value) => ({ ...policy, blurProbability: value }),
  },
];

/** Pictures of which pairs are shown. */
export const PAIRS = 6;
const GAP = 4;
/** Of a pair, in pixels of the page. */
const MOST_WIDTH = 130;

/** Sliders of a policy, and pairs of views that it makes. */
export class ViewSliders {
  #policy: AugmentationPolicy;

  /**
   * @param change is called as a slider moves
   * @param choose is called with a policy once it stands still
   */
  constructor(
    policy: AugmentationPolicy,
    readonly change: () => void,
    readonly choose: (policy: AugmentationPolicy) => void,
  ) {
    this.#policy = policy;
    this.show(policy);
  }

  /** Shows another one, without a call. */
  show(policy: AugmentationPolicy): void {
    this.#policy = policy;
    const rows = SLIDERS.map(({ id, label, range: [min, max], value, set }) => {
      const input = html("input", { type: "range", id: `view-${id}`, min, max, step: 0.01, value: value(policy) });
      const shown = html("output", { for: `view-${id}` }, percent(value(policy)));
      input.addEventListener("input", () => {
        this.#policy = set(this.#policy, input.valueAsNumber);
        shown.textContent = percent(input.valueAsNumber);
        this.change();
      });
      input.addEventListener("change", () => this.choose(this.#policy));
      return html("div", { class: "slider" }, html("label", { for: `view-${id}` }, label), input, shown);
    });
    find("sliders", HTMLDivElement).replaceChildren(...rows);
  }

  get policy(): AugmentationPolicy {
    return this.#policy;
  }

  /** Draws pictures, and below each its two views. */
  draw(images: readonly number[], thumbnails: Thumbnails, size: number, pixels: Uint8ClampedArray<ArrayBuffer>): void {
    const canvas = find("pairs", HTMLCanvasElement);
    const count = images.length;
    canvas.width = count * size + (count - 1) * GAP;
    canvas.height = 3 * size + 3 * GAP;
    canvas.style.maxWidth = find("histograms", HTMLCanvasElement).style.maxWidth = `${MOST_WIDTH * count}px`;
    drawHistograms(count, size, pixels);
    const context = contextOf(canvas);
    images.forEach((image, i) => {
      const left = i * (size + GAP);
      thumbnails.draw(context, image, left + size / 2, size / 2, size);
      for (const view of [0, 1]) {
        const from = (view * count + i) * size * size * 4;
        const data = new ImageData(pixels.slice(from, from + size * size * 4), size, size);
        context.putImageData(data, left, size + 2 * GAP + view * (size + GAP));
      }
    });
  }
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
