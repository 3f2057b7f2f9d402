import { contextOf, find, say } from "./dom.js";

const BINS = 16;
const CHANNELS = ["#e0564a", "#3fa35a", "#4a78e0"] as const;
/** Pixels of a pair's histograms. */
const [WIDTH, HEIGHT, GAP] = [96, 48, 12];

/** How often red, green and blue are how bright in a square of RGBA pixels: shares of 1, channel after channel. */
function histogram(pixels: Uint8ClampedArray): Float64Array {
  const shares = new Float64Array(CHANNELS.length * BINS);
  const one = 4 / pixels.length;
  for (let at = 0; at < pixels.length; at++)
    if (at % 4 < 3) shares[(at % 4) * BINS + Math.floor((pixels[at] * BINS) / 256)] += one;
  return shares;
}

/** What two have in common, a share of 1. */
function overlap(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, share, i) => sum + Math.min(share, b[i]), 0) / CHANNELS.length;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/**
 * Draws the colours of pairs of views, and says by how much they alone tell which two belong together: the shortcut that changes of
 * colour close (Chen et al. 2020, figure 6).
 * @param pixels RGBA of `count` first views and as many second ones, of `size` x `size` pixels
 */
export function drawHistograms(count: number, size: number, pixels: Uint8ClampedArray): void {
  const bytes = size * size * 4;
  const all = Array.from({ length: 2 * count }, (_, i) => histogram(pixels.subarray(i * bytes, (i + 1) * bytes)));
  const [first, second] = [all.slice(0, count), all.slice(count)];
  const canvas = find("histograms", HTMLCanvasElement);
  canvas.width = count * WIDTH + (count - 1) * GAP;
  canvas.height = HEIGHT;
  const context = contextOf(canvas);
  first.forEach((own, pair) => {
    drawPair(context, pair * (WIDTH + GAP), own, second[pair]);
  });
  const [same, other] = [
    first.map((own, i) => overlap(own, second[i])),
    first.flatMap((own, i) => second.filter((_, j) => j !== i).map((view) => overlap(own, view))),
  ].map(mean);
  const shares = `The colours of two views of a picture overlap by ${percent(same)}`;
  const others = count > 1 ? `, those of different pictures by ${percent(other)}` : "";
  say(
    "histograms-note",
    `${shares}${others}. The closer these two are, the less the network can cheat by colour alone.`,
  );
}

/** One view filled, the other as a line. */
function drawPair(context: CanvasRenderingContext2D, left: number, filled: Float64Array, line: Float64Array): void {
  const most = Math.max(...filled, ...line);
  const trace = (shares: Float64Array, channel: number) => {
    context.beginPath();
    for (let bin = 0; bin < BINS; bin++)
      context.lineTo(
        left + (bin * WIDTH) / (BINS - 1),
        HEIGHT - 1 - ((HEIGHT - 3) * shares[channel * BINS + bin]) / most,
      );
  };
  CHANNELS.forEach((colour, channel) => {
    context.fillStyle = context.strokeStyle = colour;
    trace(filled, channel);
    context.lineTo(left + WIDTH, HEIGHT);
    context.lineTo(left, HEIGHT);
    context.globalAlpha = 0.28;
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = 1.5;
    trace(line, channel);
    context.stroke();
  });
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
