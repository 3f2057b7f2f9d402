import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.js";
import { gaussianBlur } from "../../src/reference/blur.js";
import { type ColorAdjustment, colorJitter, grayscale, solarize } from "../../src/reference/color.js";
import { cutout, horizontalFlip, quarterTurns, resizedCrop } from "../../src/reference/image.js";
import { sobel } from "../../src/reference/sobel.js";
import { assertGolden, type GoldenCase, testGoldens } from "./goldens.js";

const augment = suite("reference: augmentations");

function imageSize(golden: GoldenCase) {
  return { width: golden.number("width"), height: golden.number("height") };
}

function checkCrop(golden: GoldenCase): void {
  const y = resizedCrop(
    golden.bytes("rgba"),
    imageSize(golden),
    {
      left: golden.number("left"),
      top: golden.number("top"),
      width: golden.number("boxWidth"),
      height: golden.number("boxHeight"),
    },
    { width: golden.number("outWidth"), height: golden.number("outHeight") },
  );
  assertGolden(y, golden.floats("y"), "y", 1);
}

function checkFlip(golden: GoldenCase): void {
  assertGolden(horizontalFlip(golden.floats("x"), imageSize(golden)), golden.floats("y"), "y", 1);
}

function checkGrayscale(golden: GoldenCase): void {
  assertGolden(grayscale(golden.floats("x")), golden.floats("y"), "y", 1);
}

function checkSolarize(golden: GoldenCase): void {
  assertGolden(solarize(golden.floats("x")), golden.floats("y"), "y", 1);
}

function checkJitter(golden: GoldenCase): void {
  const known: readonly ColorAdjustment[] = ["brightness", "contrast", "saturation", "hue"];
  const names = golden.text("order").split(",");
  const order = names.flatMap((name) => known.filter((adjustment) => adjustment === name));
  assert.is(order.length, names.length);
  const y = colorJitter(golden.floats("x"), {
    order,
    brightness: golden.number("brightness"),
    contrast: golden.number("contrast"),
    saturation: golden.number("saturation"),
    hue: golden.number("hue"),
  });
  assertGolden(y, golden.floats("y"), "y", 1);
}

function checkBlur(golden: GoldenCase): void {
  const x = golden.floats("x");
  const y = gaussianBlur(x, imageSize(golden), golden.number("kernelSize"), golden.number("sigma"));
  assertGolden(y, golden.floats("y"), "y", 1);
}

function checkTurns(golden: GoldenCase): void {
  const y = quarterTurns(golden.floats("x"), imageSize(golden), golden.number("turns"));
  assertGolden(y, golden.floats("y"), "y", 1);
}

function checkCutout(golden: GoldenCase): void {
  const size = imageSize(golden);
  const y = cutout(golden.floats("x"), size, {
    row: (golden.number("row") + 0.5) / size.height,
    column: (golden.number("column") + 0.5) / size.width,
    side: golden.number("side") / size.height,
  });
  assertGolden(y, golden.floats("y"), "y", 1);
}

function checkSobel(golden: GoldenCase): void {
  assertGolden(sobel(golden.floats("x"), imageSize(golden)), golden.floats("y"), "y", 1);
}

testGoldens(
  augment,
  "augment",
  {
    cases: [
      "crop smaller",
      "crop larger",
      "crop wider and lower",
      "crop same size",
      "crop to one pixel",
      "crop of one pixel",
    ],
    check: checkCrop,
  },
  { cases: ["flip"], check: checkFlip },
  { cases: ["grayscale"], check: checkGrayscale },
  {
    cases: [
      "brightness 1.6",
      "brightness 0.3",
      "contrast 1.7",
      "contrast 0.4",
      "saturation 1.8",
      "saturation 0.2",
      "hue 0.1",
      "hue -0.2",
      "hue 0.5",
      "jitter brightness,contrast,saturation,hue",
      "jitter hue,saturation,contrast,brightness",
      "jitter saturation,brightness,hue,contrast",
      "jitter contrast,hue,brightness,saturation",
    ],
    check: checkJitter,
  },
  { cases: ["blur 3 sigma 0.1", "blur 3 sigma 1.3", "blur 5 sigma 2.0", "blur 9 sigma 0.7"], check: checkBlur },
  { cases: ["turns 1", "turns 2", "turns 3"], check: checkTurns },
  { cases: ["cutout 2 at 2,3", "cutout 4 at 0,6", "cutout 6 at 4,0"], check: checkCutout },
  { cases: ["sobel"], check: checkSobel },
  { cases: ["solarize"], check: checkSolarize },
);

augment("an image too small to be reflected is refused", () => {
  assert.throws(
    () => gaussianBlur(new Float64Array(2 * 3 * 3), { width: 2, height: 3 }, 5, 1),
    (error: unknown) => error instanceof ShapeError && /at least 3 pixels a side; it is 2 x 3/.test(error.message),
  );
});

augment.run();
