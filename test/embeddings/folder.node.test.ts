import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openImages } from "../../src/data/open-images.js";
import { readEmbeddings, type StoredEmbeddings, writeEmbeddings } from "../../src/embeddings/folder.js";
import { digestOf } from "../../src/embeddings/identity.js";
import { looksOf } from "../../src/embeddings/looks.js";
import { updateEmbeddings } from "../../src/embeddings/update.js";
import { DataError, UsageError } from "../../src/errors.js";
import { Embedder } from "../../src/evaluation/embed.js";
import { DEFAULT_CONFIG } from "../../src/training/config.js";
import { createModel } from "../../src/training/model.js";
import { pixelsOf, rejects } from "../data/expect.js";
import { encode, inTemporaryFolder, jpeg, picture, writeFiles } from "../data/make-files.js";
import { testDevice } from "../lib/device.js";

const folders = suite("a folder of embeddings");

/** An encoder without training, and what it makes of the photographs of a folder. */
async function embedderOf(seed: number) {
  const device = await testDevice();
  const model = createModel(device, { ...DEFAULT_CONFIG, width: 0.25, seed }, 16);
  return Embedder.create(device, model, { batch: 4 });
}

const rowOf = ({ images, features }: StoredEmbeddings, name: string) => {
  const row = images.findIndex((image) => image.name === name);
  return features.values.slice(row * features.dimension, (row + 1) * features.dimension);
};

folders("takes in what is new, changed, renamed and gone, and embeds only what it must", () =>
  inTemporaryFolder(async (cwd) => {
    const [photos, folder] = [join(cwd, "photos"), join(cwd, "embeddings")];
    const wide = await encode("png", picture(40, 20, 9), 40, 20);
    await writeFiles(photos, {
      "a/1.jpg": await jpeg(1),
      "a/2.jpg": await jpeg(2),
      "b/3.png": wide,
      "b/1 again.jpg": await jpeg(1),
    });
    const embedder = await embedderOf(1);
    const update = async (precision?: "f32" | "f16") => {
      const set = await openImages(photos, { imageSize: 16 });
      return updateEmbeddings(folder, embedder, set, { encoderPath: "run", source: photos, precision });
    };

    const first = await update();
    assert.equal(first, {
      images: 4,
      added: ["a/1.jpg", "a/2.jpg", "b/1 again.jpg", "b/3.png"],
      changed: [],
      gone: [],
      embedded: 3,
    });
    const made = await readEmbeddings(folder);
    const { train } = await openImages(photos, { imageSize: 16 });
    // The same numbers as embedding the set as it is.
    assert.equal(made.features.values, (await embedder.embed(train)).values);
    assert.equal(made.images[3], {
      name: "b/3.png",
      bytes: wide.length,
      width: 40,
      height: 20,
      digest: await digestOf(wide),
      label: "b",
    });
    assert.equal(made.looks.slice(0, 256), looksOf(await pixelsOf(train, [0]), 16));
    assert.equal((await readdir(folder)).sort(), ["embeddings.json", "looks-1.npy", "vectors-1.npy"]);

    // Nothing is written where nothing changed.
    const before = await readFile(join(folder, "embeddings.json"), "utf8");
    assert.equal(await update(), { images: 4, added: [], changed: [], gone: [], embedded: 0 });
    assert.is(await readFile(join(folder, "embeddings.json"), "utf8"), before);

    // What a killed process left behind counts for nothing, and is gone after the next write.
    await writeFiles(folder, { "vectors-7.npy": "half", "looks-7.npy.tmp-99": "half", "embeddings.json.tmp-99": "{" });
    assert.equal(await readEmbeddings(folder), made);

    await rename(join(photos, "a/2.jpg"), join(photos, "a/two.jpg"));
    await rm(join(photos, "b/1 again.jpg"));
    await writeFiles(photos, { "b/3.png": await encode("png", picture(20, 20, 5), 20, 20), "b/4.jpg": await jpeg(4) });
    assert.equal(await update("f16"), {
      images: 4,
      added: ["a/two.jpg", "b/4.jpg"],
      changed: ["b/3.png"],
      gone: ["a/2.jpg", "b/1 again.jpg"],
      embedded: 2,
    });
    const after = await readEmbeddings(folder);
    assert.is(after.precision, "f16");
    assert.equal((await readdir(folder)).sort(), ["embeddings.json", "looks-8.npy", "vectors-8.npy"]);
    const [kept, was] = [rowOf(after, "a/two.jpg"), rowOf(made, "a/2.jpg")];
    // f16 has 11 digits of a number.
    kept.forEach((value, i) => {
      assert.ok(Math.abs(value - was[i]) <= Math.abs(was[i]) * 2 ** -11 + 2 ** -25);
    });
    assert.not.equal(rowOf(after, "b/3.png"), rowOf(made, "b/3.png"));

    const other = await embedderOf(2);
    await rejects(
      updateEmbeddings(folder, other, await openImages(photos, { imageSize: 16 }), {
        encoderPath: "other",
        source: photos,
      }),
      UsageError,
      /made by another encoder \(convnet\S* [0-9a-f]{12} at 16 pixels, from run; this is convnet\S* [0-9a-f]{12}.*name another folder with --folder, or delete/,
    );
    for (const one of [embedder, other]) one.dispose();
  }),
);

folders("goes from f16 to f32 through the encoder, and keeps to one bit depth", () =>
  inTemporaryFolder(async (cwd) => {
    const [photos, folder] = [join(cwd, "photos"), join(cwd, "embeddings")];
    await writeFiles(photos, { "1.jpg": await jpeg(1), "2.jpg": await jpeg(2) });
    const embedder = await embedderOf(1);
    const set = await openImages(photos, { imageSize: 16 });
    const update = (options: { precision?: "f32" | "f16"; bitDepth?: number }) =>
      updateEmbeddings(folder, embedder, set, { encoderPath: "run", source: photos, ...options });
    assert.is((await update({ precision: "f16", bitDepth: 12 })).embedded, 2);
    assert.is((await readEmbeddings(folder)).bitDepth, 12);
    await rejects(update({}), UsageError, /made with --bit-depth 12, and this is without --bit-depth/);
    assert.is((await update({ bitDepth: 12 })).embedded, 0);
    assert.is((await update({ precision: "f32", bitDepth: 12 })).embedded, 2);
    const whole = await readEmbeddings(folder);
    assert.equal([whole.precision, whole.features.values], ["f32", (await embedder.embed(set.train)).values]);

    // What f16 cannot hold is said before anything is written.
    const values = whole.features.values.slice();
    values[whole.features.dimension + 3] = 70_000;
    const large = { ...whole, precision: "f16", features: { ...whole.features, values } } as const;
    await rejects(
      writeEmbeddings(folder, large),
      DataError,
      /embedding of 2\.jpg has the number 70000, and f16 ends at/,
    );
    assert.equal(await readEmbeddings(folder), whole);
    embedder.dispose();
  }),
);

folders("is read as it is now where it was brought up to date in between", () =>
  inTemporaryFolder(async (cwd) => {
    const [photos, folder] = [join(cwd, "photos"), join(cwd, "embeddings")];
    await writeFiles(photos, { "1.jpg": await jpeg(1), "2.jpg": await jpeg(2) });
    const embedder = await embedderOf(1);
    const set = await openImages(photos, { imageSize: 16 });
    await updateEmbeddings(folder, embedder, set, { encoderPath: "run", source: photos });
    embedder.dispose();
    const stored = await readEmbeddings(folder);
    // Arrays vanish between the index and them, again and again.
    for (let round = 0; round < 20; round++) {
      const [read] = await Promise.all([readEmbeddings(folder), writeEmbeddings(folder, stored)]);
      assert.equal(read, stored);
    }
  }),
);

folders("that is none, or damaged, is refused with what to do", () =>
  inTemporaryFolder(async (cwd) => {
    const [photos, folder] = [join(cwd, "photos"), join(cwd, "embeddings")];
    await rejects(readEmbeddings(folder), DataError, /no folder of embeddings: make one with simclr embed/);
    await writeFiles(photos, { "1.jpg": await jpeg(1), "2.jpg": await jpeg(2) });
    const embedder = await embedderOf(1);
    const set = await openImages(photos, { imageSize: 16 });
    await updateEmbeddings(folder, embedder, set, { encoderPath: "run", source: photos });
    embedder.dispose();
    const index = await readFile(join(folder, "embeddings.json"), "utf8");
    const vectors = await readFile(join(folder, "vectors-1.npy"));
    const damages: [string, string | Uint8Array, RegExp][] = [
      ["embeddings.json", index.slice(0, -9), /is damaged \(it is no index of embeddings\)/],
      [
        "embeddings.json",
        index.replace('"version": 1', '"version": 2'),
        /version 2 of the format, and this program reads 1/,
      ],
      ["embeddings.json", index.replace(/\["1.jpg",\d+/, '["1.jpg",-1'), /its list of images/],
      ["embeddings.json", index.replace(/\n\["1.jpg".*/, ""), /shape \[2, \d+\], and there are 1 images/],
      ["vectors-1.npy", vectors.subarray(0, -4), /vectors-1\.npy cannot be used: .*cut short or damaged/],
      ["vectors-1.npy", Uint8Array.from(vectors).fill(255, -4), /the embedding of 2\.jpg is not finite/],
    ];
    for (const [file, content, message] of damages) {
      await writeFiles(folder, { "embeddings.json": index, "vectors-1.npy": vectors });
      await writeFile(join(folder, file), content);
      await rejects(readEmbeddings(folder), DataError, message);
    }
  }),
);

folders.run();
