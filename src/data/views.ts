import { ConfigError, DataError } from "../errors.js";
import { checkFetch, checkIndices, type Dataset, type ImageSet } from "./dataset.js";

/**
 * The images `indices` of `dataset`, in that order, without copying them. Classes and the list of skipped images are
 * those of the whole set; `name` is too unless given.
 * @throws DataError where an index is outside the set.
 */
export function subset(dataset: Dataset, indices: ArrayLike<number>, name: string = dataset.name): Dataset {
  checkIndices(dataset, indices);
  const members = Uint32Array.from(indices);
  const { labels, classes, skipped, width, height } = dataset;
  const view = {
    name,
    length: members.length,
    width,
    height,
    labels: labels && members.map((index) => labels[index] ?? 0),
    classes,
    skipped,
    nameOf: (index: number) => dataset.nameOf(members[index] ?? 0),
    async fetch(wanted: ArrayLike<number>, out: Uint8Array): Promise<void> {
      checkFetch(view, wanted, out);
      await dataset.fetch(
        Array.from(wanted, (index) => members[index] ?? 0),
        out,
      );
    },
  };
  return view;
}

/**
 * Holds out every k-th image of each class (of the whole set without labels) for testing: of c images round(c * fraction),
 * evenly spread. Always the same images. Both parts are views; skipped images are listed with `train` only.
 * @param fraction between 0 and 1, both excluded.
 * @throws ConfigError for another fraction; DataError where one part would be empty.
 */
export function splitHoldOut(dataset: Dataset, fraction = 0.1): ImageSet & { readonly test: Dataset } {
  if (!(fraction > 0 && fraction < 1)) {
    throw new ConfigError(`The fraction to hold out has to lie between 0 and 1; got ${fraction}.`);
  }
  const seen = new Map<number, number>();
  const train: number[] = [];
  const test: number[] = [];
  for (let index = 0; index < dataset.length; index++) {
    const label = dataset.labels?.[index] ?? 0;
    const rank = seen.get(label) ?? 0;
    seen.set(label, rank + 1);
    const held = Math.round((rank + 1) * fraction) > Math.round(rank * fraction);
    (held ? test : train).push(index);
  }
  if (train.length === 0 || test.length === 0) {
    throw new DataError(
      `Holding out ${fraction} of the ${dataset.length} images of ${dataset.name} leaves ${train.length} to train and ${test.length} to test; both need at least one.`,
    );
  }
  return {
    train: subset(dataset, train, `${dataset.name} (train)`),
    test: { ...subset(dataset, test, `${dataset.name} (held out)`), skipped: [] },
  };
}
