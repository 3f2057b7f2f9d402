import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type DatasetFromImagesOptions, datasetFromImages, type PageImage } from "../../src/data/from-images.js";
import type { PixelData } from "../../src/data/resize.js";
import { ConfigError, DataError, UsageError } from "../../src/errors.js";
import { decodeSafetensors } from "../../src/io/safetensors.js";
import { loadGoldenBytes } from "../lib/golden.js";
import { pixelsOf, rejects } from "./expect.js";
import { scene } from "./make-files.js";

// What a page has, and the types of this repository do not.
interface Canvas {
  readonly width: number;
  readonly height: number;
  getContext(kind: string): {
    fillStyle: string;
    fillRect(x: number, y: number, width: number, height: number): void;
    putImageData(pixels: PixelData, x: number, y: number): void;
  };
  convertToBlob(): Promise<Blob>;
}
interface Bitmap {
  readonly width: number;
  readonly height: number;
  close(): void;
}
declare const document: { createElement(kind: "canvas"): Canvas } | undefined;
declare const OffscreenCanvas: new (width: number, height: number) => Canvas;
declare const ImageData: new (data: Uint8ClampedArray, width: number, height: number) => PixelData;
declare const VideoFrame: new (
  image: Canvas,
  options: { timestamp: number },
) => { readonly displayWidth: number; readonly displayHeight: number; close(): void };
declare const createImageBitmap: (image: PixelData) => Promise<Bitmap>;
declare const Image: new () => {
  src: string;
  readonly naturalWidth: number;
  readonly naturalHeight: number;
  decode(): Promise<void>;
};

const test = suite("data set from images");

/** Pixels of one colour. */
function plain(colour: readonly [number, number, number], width = 3, height = 2): PixelData {
  return {
    width,
    height,
    data: Uint8ClampedArray.from({ length: 4 * width * height }, (_, i) => [...colour, 255][i % 4]),
  };
}

const reds = Array.from({ length: 24 }, (_, i) => plain([10 * i, 0, 1]));

/** As plain JavaScript calls it, which no compiler checks. */
const make = async (images: unknown, options: unknown) =>
  Reflect.apply(datasetFromImages, undefined, [images, options]);

test("wants a name for every image, or none at all", () =>
  rejects(
    datasetFromImages([plain([1, 2, 3])], { imageSize: 2, names: ["one", "two"] }),
    DataError,
    /images: 2 names for 1 image; give one an image/,
  ));

test("takes pixels anywhere, with labels and names", async () => {
  const images = [plain([1, 2, 3]), { ...plain([4, 5, 6], 2, 5), data: new Uint8Array(40).fill(9) }];
  const done: (number | null)[][] = [];
  const set = await datasetFromImages(images, {
    imageSize: 2,
    labels: [1, 0],
    classes: ["cat", "dog"],
    name: "shots",
    onProgress: (...progress) => void done.push(progress),
  });
  assert.equal([set.name, set.length, set.width, set.height, set.classes], ["shots", 2, 2, 2, ["cat", "dog"]]);
  assert.equal([set.labels, set.skipped, set.nameOf(1)], [Uint32Array.of(1, 0), [], "shots[1]"]);
  // What is nearly transparent is nearly white.
  const nearly = Math.floor((9 * 9 + 255 * 246) / 255);
  assert.equal(
    [...(await pixelsOf(set))],
    [...Array(4).fill([1, 2, 3, 255]).flat(), ...Array(4).fill([nearly, nearly, nearly, 255]).flat()],
  );
  assert.equal(done, [
    [1, 2],
    [2, 2],
  ]);
  const unlabelled = await datasetFromImages(images, { imageSize: 1 });
  assert.equal([unlabelled.labels, unlabelled.classes, unlabelled.nameOf(0)], [null, [], "images[0]"]);
});

test("broken images are skipped and named, and labels stay with their images", async () => {
  const images = [...reds];
  images[3] = { ...images[3], width: 4 };
  const set = await datasetFromImages(images, { imageSize: 1, labels: images.map((_, i) => i) });
  assert.equal(set.skipped, [
    { name: "images[3]", reason: "4 x 2 pixels take 32 bytes of RGBA, not a Uint8ClampedArray of 24" },
  ]);
  assert.is(set.length, 23);
  assert.equal(
    [...(set.labels ?? [])],
    images.map((_, i) => i).filter((i) => i !== 3),
  );
  assert.is(set.classes.length, 24);
  assert.equal([set.nameOf(2), set.nameOf(3)], ["images[2]", "images[4]"]);
  const found = await pixelsOf(set);
  assert.equal(
    [...found.filter((_, i) => i % 4 === 0)],
    [...(set.labels ?? [])].map((i) => (10 * i) % 256),
  );

  images[5] = { ...images[5], data: new Uint8ClampedArray(0) };
  await rejects(
    datasetFromImages(images, { imageSize: 1 }),
    DataError,
    /^2 of the 24 images of images cannot be read, more than the 5 %/,
    /images\[3\] \(4 x 2 .*images\[5\] \(3 x 2 pixels take 24 bytes of RGBA, not a Uint8ClampedArray of 0\)/,
  );
  const fractions = reds.map((image, i) => (i === 0 ? { ...image, data: new Float32Array(24) } : image));
  assert.match((await make(fractions, { imageSize: 1 })).skipped[0].reason, "not a Float32Array of 24");
});

test("refuses what is no image, and options that cannot be", async () => {
  for (const [given, what] of [
    ["photo.jpg", "images[1] is photo.jpg, and no image: give files, blobs, or objects of ImageData, "],
    [null, "images[1] is null, and no image"],
    [undefined, "images[1] is undefined"],
    [new ArrayBuffer(4), "images[1] is an ArrayBuffer"],
    [new Uint8Array(4), "images[1] is a Uint8Array"],
  ] as const)
    await rejects(make([reds[0], given], { imageSize: 2 }), UsageError, what);
  await rejects(datasetFromImages([], { imageSize: 2, name: "shots" }), DataError, "shots: there are no images.");
  for (const imageSize of [0, 1.5, Number.NaN])
    await rejects(datasetFromImages(reds, { imageSize }), ConfigError, `from 1; got ${imageSize}.`);
  await rejects(datasetFromImages(reds, { imageSize: 1, labels: [0] }), DataError, "images: 1 labels for 24 images");
  await rejects(make(reds, {}), ConfigError, "got undefined");
});

test("a signal stops it with its reason", async () => {
  await rejects(
    datasetFromImages(reds, { imageSize: 1, signal: AbortSignal.abort(new RangeError("enough")) }),
    RangeError,
    "enough",
  );
  const controller = new AbortController();
  let last = 0;
  const stopped = datasetFromImages(reds, {
    imageSize: 1,
    signal: controller.signal,
    onProgress(done) {
      last = done;
      if (done === 5) controller.abort(new RangeError("enough"));
    },
  });
  await rejects(stopped, RangeError, "enough");
  assert.ok(last < 8, `${last} were read`);
});

if (typeof document === "undefined") {
  test("files need a page", async () => {
    const message =
      "images[0] is a Blob, which only a page or a worker can read: here, openImages of webgpu-simclr/node";
    await rejects(datasetFromImages([new Blob(["GIF89a"])], { imageSize: 2 }), UsageError, message);
  });
} else {
  const golden = decodeSafetensors(await loadGoldenBytes("page-images.safetensors")).tensors;
  const bytesOf = (name: string) => Uint8Array.from(golden.get(name)?.data ?? [], Number);
  const fileOf = (name: string) => new File([bytesOf(name)], name);

  /** The one image that options make of another one. */
  const one = async (image: PageImage, options: DatasetFromImagesOptions) =>
    pixelsOf(await datasetFromImages([image], options));

  for (const name of golden.keys()) {
    const [file, side] = name.split(" at ");
    if (side === undefined) continue;
    test(`${file} at ${side} pixels is what openImages makes of it, but for roundings`, async () => {
      const [found, expected] = [await one(fileOf(file), { imageSize: Number(side) }), bytesOf(name)];
      const differences = found.map((byte, i) => Math.abs(byte - expected[i]));
      const mean = differences.reduce((sum, difference) => sum + difference, 0) / ((differences.length * 3) / 4);
      assert.ok(mean <= 2 && Math.max(...differences) <= 20, `off by ${mean}, ${Math.max(...differences)} at most`);
    });
  }

  test("files have their names, and what cannot be decoded is skipped with the browser's reason", async () => {
    const whole = bytesOf("turned.jpg");
    const files: File[] = Array.from({ length: 60 }, (_, i) => new File([whole], `${i}.jpg`));
    files[7] = new File(["these are words"], "words.jpg");
    files[9] = new File([whole.subarray(0, whole.length / 2)], "cut.jpg");
    const inFolder = new File([whole], "name.jpg");
    Object.defineProperty(inFolder, "webkitRelativePath", { value: "cats/name.jpg" });
    const set = await datasetFromImages([...files, inFolder, new Blob([whole])], { imageSize: 8 });
    assert.equal(
      set.skipped.map(({ name }) => name),
      ["words.jpg", "cut.jpg"],
    );
    for (const { reason } of set.skipped) assert.match(reason, "could not be decoded");
    assert.equal(
      [set.length, set.nameOf(7), set.nameOf(58), set.nameOf(59)],
      [60, "8.jpg", "cats/name.jpg", "images[61]"],
    );
  });

  test("bitmaps, canvases, frames and elements give what their pixels give, and stay open", async () => {
    const [width, height] = [90, 60];
    const pixels = new ImageData(new Uint8ClampedArray(scene(width, height)), width, height);
    const expected = await one({ data: pixels.data, width, height }, { imageSize: 32 });
    const canvases = [
      new OffscreenCanvas(width, height),
      Object.assign(document.createElement("canvas"), { width, height }),
    ];
    for (const canvas of canvases) canvas.getContext("2d").putImageData(pixels, 0, 0);
    const [offscreen] = canvases;
    const frame = new VideoFrame(offscreen, { timestamp: 0 });
    const bitmap = await createImageBitmap(pixels);
    const element = new Image();
    element.src = URL.createObjectURL(await offscreen.convertToBlob());
    for (const image of [pixels, ...canvases, bitmap, frame, element]) {
      for (let again = 0; again < 2; again++) {
        const differences = (await one(image, { imageSize: 32 })).map((byte, i) => Math.abs(byte - expected[i]));
        assert.is(Math.max(...differences), 0, Object.prototype.toString.call(image));
      }
    }
    assert.is(bitmap.width, width);
    frame.close();
    bitmap.close();
    await rejects(one(bitmap, { imageSize: 32 }), DataError, "1 of the 1 images", "0 x 0");
    element.src = "data:image/png;base64,AAAA";
    await rejects(one(element, { imageSize: 32 }), DataError, "1 of the 1 images", "cannot be decoded");
  });

  test("a picture that is larger than a canvas is drawn in strips", async () => {
    const [width, height] = [3000, 6000];
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d");
    for (let y = 0; y < 10; y++) {
      context.fillStyle = `rgb(${20 * y}, 0, 0)`;
      context.fillRect(0, 600 * y, width, 600);
    }
    const found = await one(canvas, { imageSize: 5 });
    // The middle five of ten rows; of two such, the lower.
    assert.equal([...found.filter((_, i) => i % 20 === 0)], [60, 80, 100, 120, 140]);
  });
}

test.run();
