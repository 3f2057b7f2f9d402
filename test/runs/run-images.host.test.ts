import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Dataset, ImageSet } from "../../src/data/dataset.js";
import { datasetFromPixels } from "../../src/data/pixels.js";
import { CheckpointError } from "../../src/errors.js";
import { RunFolder } from "../../src/runs/run-folder.js";
import {
  changesText,
  chooseImages,
  imagesOfRun,
  keepImageList,
  sharesImages,
  trainedOn,
} from "../../src/runs/run-images.js";
import { rejects } from "../data/expect.js";
import { inTemporaryFolder, writeFiles } from "../data/make-files.js";

const images = suite("the images of a run");

/** Images of one pixel in two classes, by their names; the size of a file is that of its name unless given. */
function photos(names: readonly string[], bytes: Readonly<Record<string, number>> = {}): Dataset {
  const labels = names.map((name) => Number(name.startsWith("dog")));
  const pixels = new Uint8Array(3 * names.length);
  return {
    ...datasetFromPixels({ pixels, channels: 3, width: 1, height: 1, labels, classes: ["cat", "dog"] }),
    nameOf: (index) => names[index],
    bytesOf: (index) => bytes[names[index]] ?? names[index].length,
  };
}

function namesOf(set: Dataset | null | undefined): string[] {
  return Array.from({ length: set?.length ?? 0 }, (_, index) => set?.nameOf(index) ?? "");
}

const NAMES = Array.from({ length: 40 }, (_, i) => `${["cat", "dog"][i % 2]}/${i}.jpg`);

async function inRun(work: (folder: RunFolder, set: ImageSet) => Promise<void>): Promise<void> {
  await inTemporaryFolder(async (parent) => {
    const folder = await RunFolder.create(parent, "run");
    const all = { train: photos(NAMES), test: null };
    const set = chooseImages(all, null, 1);
    await keepImageList(folder, set, all);
    await work(folder, set);
  });
}

images("come back as they were, in their order, whatever there is besides", () =>
  inRun(async (folder, set) => {
    // A photo more at the front of each class, which by place alone would move every held-out image.
    const now = photos(["cat/!.jpg", "dog/!.jpg", ...NAMES.toReversed()]);
    const { images: found, changes } = await imagesOfRun(folder, { train: now, test: null });
    assert.equal(namesOf(found.train), namesOf(set.train));
    assert.equal(namesOf(found.test), namesOf(set.test));
    assert.is(found.test?.length, 4);
    assert.equal(changes, { gone: [], changed: [], added: ["cat/!.jpg", "dog/!.jpg"] });
    assert.ok(await sharesImages(folder, { train: now, test: null }));
  }),
);

images("that are gone or changed are named", () =>
  inRun(async (folder, set) => {
    const [gone, changed] = namesOf(set.train);
    const now = photos(
      NAMES.filter((name) => name !== gone),
      { [changed]: 1 },
    );
    const { images: found, changes } = await imagesOfRun(folder, { train: now, test: null });
    assert.equal(changes, { gone: [gone], changed: [changed], added: [] });
    assert.is(found.train.length, set.train.length - 1);
    assert.equal(changesText(changes), [`1 image of the run gone: ${gone}`, `1 image of the run changed: ${changed}`]);
    const others = photos(["cat/a.jpg", "dog/b.jpg"]);
    await rejects(imagesOfRun(folder, { train: others, test: null }), CheckpointError, /none of the 36 images/);
    assert.not(await sharesImages(folder, { train: others, test: null }));
  }),
);

images("without labels are trained on where the method needs none, and kept as well", () =>
  inTemporaryFolder(async (parent) => {
    const folder = await RunFolder.create(parent, "run");
    const set = {
      train: photos(["cat/1.jpg", "dog/2.jpg"]),
      test: photos(["cat/3.jpg"]),
      unlabelled: photos(["4.jpg"]),
    };
    assert.equal(namesOf(trainedOn(set, false)), ["cat/1.jpg", "dog/2.jpg", "4.jpg"]);
    assert.is(trainedOn(set, false).labels, null);
    assert.equal(namesOf(trainedOn(set, true)), ["cat/1.jpg", "dog/2.jpg"]);
    await keepImageList(folder, set, set);
    const { images: found } = await imagesOfRun(folder, set);
    assert.equal(
      [namesOf(found.train), namesOf(found.test), namesOf(found.unlabelled)],
      [["cat/1.jpg", "dog/2.jpg"], ["cat/3.jpg"], ["4.jpg"]],
    );
  }),
);

images("that a run left aside are not new, and of one name each is found once", () =>
  inTemporaryFolder(async (parent) => {
    const folder = await RunFolder.create(parent, "run");
    const all = { train: photos([...NAMES, "cat/twice.jpg", "cat/twice.jpg"]), test: null };
    const set = chooseImages(all, { perClass: 4 }, 1);
    await keepImageList(folder, set, all, true);
    const { images: found, changes } = await imagesOfRun(folder, all);
    assert.equal(changes, { gone: [], changed: [], added: [] });
    assert.equal(namesOf(found.train), namesOf(set.train));

    const whole = { train: photos(["cat/same.jpg", "dog/a.jpg", "cat/same.jpg"]), test: null };
    await keepImageList(folder, whole, whole);
    const again = (await imagesOfRun(folder, whole)).images.train;
    assert.equal([again.length, [...(again.labels ?? [])]], [3, [0, 1, 0]]);
    const fewer = { train: photos(["cat/same.jpg", "dog/a.jpg"]), test: null };
    assert.equal((await imagesOfRun(folder, fewer)).changes.gone, ["cat/same.jpg"]);
  }),
);

images("are not guessed where the list is missing or damaged", () =>
  inRun(async (folder) => {
    for (const text of ["", "{}", '{"train": [["a", "b"]], "unlabelled": [], "test": [], "unused": []}']) {
      await writeFiles(folder.path, { "images.json": text });
      await rejects(imagesOfRun(folder, { train: photos(NAMES), test: null }), CheckpointError, /no list of images/);
    }
  }),
);

images.run();
