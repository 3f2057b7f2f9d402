/** A program that opens a folder of images and prints what they took: `bombs.js <folder>`. */
import { resourceUsage } from "node:process";
import { openImages } from "../../src/data/open-images.js";

/** What came of it. */
export interface Opened {
  readonly images: number;
  /** Why the others were not read. */
  readonly reasons: readonly string[];
  /** MiB of the process at most, above those before. */
  readonly memory: number;
}

const most = () => resourceUsage().maxRSS / 1024;
const before = most();
const { train } = await openImages(process.argv[2], { imageSize: 16, maxBroken: 1 });
const opened: Opened = {
  images: train.length,
  reasons: train.skipped.map(({ reason }) => reason),
  memory: Math.round(most() - before),
};
console.log(JSON.stringify(opened));
