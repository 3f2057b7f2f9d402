import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadSharp } from "../../src/data/load-sharp.js";
import { openImages } from "../../src/data/open-images.js";
import { DataError } from "../../src/errors.js";
import { pixelsOf, rejects } from "./expect.js";
import { inTemporaryFolder, writeFiles } from "./make-files.js";

const videos = suite("folders of clips, and videos");

/** A gray PNG of 8 x 6 pixels. */
async function png(level: number): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const background = { r: level, g: level, b: level };
  return new Uint8Array(
    await sharp({ create: { width: 8, height: 6, channels: 3, background } })
      .png()
      .toBuffer(),
  );
}

/** Does something in a new folder, while only the programs of another one are there. */
function inFolder(work: (root: string, programs: string) => Promise<void>): Promise<void> {
  return inTemporaryFolder(async (folder) => {
    const before = process.env["PATH"];
    const [root, programs] = [join(folder, "set"), join(folder, "programs")];
    for (const made of [root, programs]) await mkdir(made);
    process.env["PATH"] = programs;
    await work(root, programs).finally(() => {
      process.env["PATH"] = before;
    });
  });
}

/** Puts a program called ffmpeg there, which says what it was given and then does what the script says. */
async function makeProgram(programs: string, script: string): Promise<void> {
  const path = join(programs, "ffmpeg");
  await writeFile(path, `#!/bin/sh\necho "$*" >> "${programs}/given"\n${script}\n`);
  await chmod(path, 0o755);
}

videos("a folder of frames is a clip, and no class", () =>
  inFolder(async (root) => {
    const frames = ["train/b/frame2.png", "train/b/frame10.png", "train/a/0.png", "test/c/0.png", "test/c/1.png"];
    const files = await Promise.all(frames.map(async (path, i) => [path, await png(10 * i)] as const));
    await writeFiles(root, Object.fromEntries(files));
    const { train, test } = await openImages(root, { clips: true });
    const names = Array.from({ length: 3 }, (_, i) => train.nameOf(i));
    assert.equal(names, ["train/a/0.png", "train/b/frame10.png", "train/b/frame2.png"]);
    assert.equal(train.clips, { clip: Uint32Array.of(0, 1, 1), time: Uint32Array.of(0, 1, 0) });
    assert.equal(test?.clips, { clip: Uint32Array.of(0, 0), time: Uint32Array.of(0, 1) });
    assert.is(train.labels, null);
    const usual = await openImages(root);
    assert.is(usual.train.clips, undefined);
    assert.equal(usual.train.classes, ["a", "b"]);
  }),
);

videos("a video is a clip of what ffmpeg makes of it", () =>
  inFolder(async (root, programs) => {
    await writeFiles(root, {
      "one/-walk.mp4": Uint8Array.of(1),
      "one/.hidden.mp4": Uint8Array.of(1),
      "z/0.png": await png(7),
    });
    await writeFiles(programs, { "1.png": await png(50), "2.png": await png(60), "3.png": await png(70) });
    await makeProgram(programs, `/bin/cat "${programs}"/[123].png`);
    const { train } = await openImages(root, { clips: true, imageSize: 4, smallestCrop: 0.25 });
    const names = Array.from({ length: 4 }, (_, i) => train.nameOf(i));
    assert.equal(names, [...[0, 1, 2].map((place) => `one/-walk.mp4/00000${place}.png`), "z/0.png"]);
    assert.equal(train.clips, { clip: Uint32Array.of(0, 0, 0, 1), time: Uint32Array.of(0, 1, 2, 0) });
    const pixels = await pixelsOf(train);
    assert.equal(
      [0, 1, 2, 3].map((image) => pixels[image * 4 * 4 * 4]),
      [50, 60, 70, 7],
    );
    const given = (await readFile(join(programs, "given"), "utf8")).trim().split("\n");
    assert.is(given.length, 1);
    // Crops of a quarter of a frame have twice the side.
    assert.match(given[0], /-i file:.*set\/one\/-walk\.mp4 .*min\(iw,8\).* -f image2pipe pipe:1$/);
    await rejects(openImages(root, { clips: true, memoryBudget: 100 }), DataError, /take more than 100 bytes/);
  }),
);

videos("a video that cannot be read is named, and one without ffmpeg says what to install", () =>
  inFolder(async (root, programs) => {
    await writeFiles(root, { "a.mkv": Uint8Array.of(1), "z/0.png": await png(7), "z/1.png": await png(8) });
    await rejects(
      openImages(root, { clips: true }),
      DataError,
      /a\.mkv is a video, and ffmpeg, .* is not there: install it \(apt-get install ffmpeg/,
    );
    await makeProgram(programs, "echo 'moov atom not found' >&2\nexit 1");
    const { train } = await openImages(root, { clips: true });
    assert.equal(train.skipped, [{ name: "a.mkv", reason: "ffmpeg cannot read it: moov atom not found" }]);
    await writeFiles(programs, { "only/b.avi": Uint8Array.of(1) });
    const only = join(programs, "only");
    await rejects(openImages(only, { clips: true }), DataError, /b\.avi for one: ffmpeg cannot read it: moov atom/);
    await makeProgram(programs, "exit 0");
    const nothing = await openImages(root, { clips: true });
    assert.equal(nothing.train.skipped, [{ name: "a.mkv", reason: "ffmpeg gave no whole frames of it" }]);
  }),
);

videos.run();
