import { DataError } from "../errors.js";

/**
 * The package that reads and writes images. It is an optional dependency: nothing but folders of images and reports asks for it.
 * @throws DataError where it is not installed.
 */
export async function loadSharp() {
  const { default: sharp } = await import("sharp").catch((cause: unknown) => {
    throw new DataError(
      "the package `sharp`, which reads images and writes those of reports, did not load: run `npm install sharp`",
      { cause },
    );
  });
  return sharp;
}
