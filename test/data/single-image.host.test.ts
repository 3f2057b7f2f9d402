import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openImages } from "../../src/data/open-images.js";
import { DataError, UsageError } from "../../src/errors.js";
import { pixelsOf, rejects } from "./expect.js";
import { encode, inTemporaryFolder, jpegs, picture, toRgba, writeFiles } from "./make-files.js";

const single = suite("opening one image, and ending by a signal");

single("one file that begins like an image is a set of one, whatever it is called", () =>
  inTemporaryFolder(async (folder) => {
    const rgb = picture(6, 6, 1);
    const heic = Uint8Array.from("\0\0\0\x18ftypheic\0\0\0\0heicmif1", (letter) => letter.charCodeAt(0));
    await writeFiles(folder, { one: await encode("png", rgb, 6, 6), "a.heic": heic, "words.jpg": "no picture" });
    const { train, test } = await openImages(`${folder}/one`);
    assert.equal([train.length, train.nameOf(0), train.labels, test], [1, "one", null, null]);
    assert.equal(await pixelsOf(train), Uint8Array.from(toRgba(rgb)));
    await rejects(openImages(`${folder}/a.heic`), DataError, /a\.heic for one: HEIC is not read/);
    await rejects(openImages(`${folder}/words.jpg`), DataError, /neither an image nor a folder of images/);
  }),
);

single("a signal ends it with its reason", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(folder, await jpegs("", 30));
    const controller = new AbortController();
    let seen = 0;
    const onProgress = () => {
      seen += 1;
      if (seen === 3) controller.abort(new UsageError("enough"));
    };
    await rejects(openImages(folder, { onProgress, signal: controller.signal }), UsageError, "enough");
    assert.ok(seen < 60, "it did not go through all of them");
  }),
);

single.run();
