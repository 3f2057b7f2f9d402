import type { ImageSet } from "../data/dataset.js";
import { openImages } from "../data/open-images.js";
import { ConfigError } from "../errors.js";
import type { ImageSource } from "../runs/run.js";

/** Opens images for a command and prints what they are. A path to test images replaces a test part found beside the others. */
export async function openForCommand(
  { images: path, test }: ImageSource,
  imageSize: number | undefined,
): Promise<ImageSet> {
  console.log("reading images ...");
  const set = await openSource(path, test, imageSize);
  const { train } = set;
  const labels = train.labels ? `${train.classes.length} classes` : "no labels";
  const tests = set.test ? `, ${set.test.length.toLocaleString("en")} to test` : "";
  console.log(
    `images:  ${train.length.toLocaleString("en")} to train${tests}, ${train.width} x ${train.height} pixels, ${labels}`,
  );
  return set;
}

async function openSource(path: string, test: string | undefined, imageSize: number | undefined): Promise<ImageSet> {
  const open = (from: string) => openImages(from, { imageSize });
  const images = await open(path);
  if (!test) return images;
  const other = await open(test);
  const [here, there] = [images.train.classes, other.train.classes];
  if (here.join() !== there.join()) {
    throw new ConfigError(
      `the classes of ${test} (${there.join(", ") || "none"}) are not those of ${path} (${here.join(", ") || "none"})`,
    );
  }
  return { train: images.train, test: other.test ?? other.train };
}
