import { ConfigError } from "../errors.js";
import { counted } from "../wording.js";
import { forEachConcurrently } from "./concurrent.js";
import type { Decoder } from "./decode.js";
import { imageFormat, SIGNATURE_BYTES } from "./signature.js";
import type { SourceFile } from "./source-file.js";

/** Bits of cameras and scanners that are stored in 16. */
const USUAL_BITS = [8, 10, 12, 14];
/** Images that are looked at: one of a set is much like the others. */
const LOOKED_AT = 32;

/** Whether an image may have 16 bits a value, by its first bytes. */
function mayBeDeep(start: Uint8Array): boolean {
  const format = imageFormat(start);
  // After its signature, a PNG has the size, and then the bits.
  return format === "TIFF" || (format === "PNG" && start[24] === 16);
}

/**
 * What there is to say of images with 16 bits a value: that they are read with fewer, or that they look as if they had fewer, which makes them
 * dark. Some images of the set are looked at.
 * @throws ConfigError where one has values beyond `bitDepth`.
 */
export async function depthNotes(
  files: readonly SourceFile[],
  decoder: Decoder,
  bitDepth: number | undefined,
): Promise<readonly string[]> {
  const count = Math.min(files.length, LOOKED_AT);
  const looked = Array.from({ length: count }, (_, i) => files[Math.floor((i * files.length) / count)]);
  const largest: { readonly path: string; readonly value: number }[] = [];
  await forEachConcurrently(count, async (i) => {
    const { path, read, slice } = looked[i];
    // One that cannot be read is named when it is decoded.
    const value = await slice(0, SIGNATURE_BYTES)
      .then(async (start) => (mayBeDeep(start) ? decoder.largest(await read()) : null))
      .catch(() => null);
    if (value !== null) largest.push({ path, value });
  });
  const most = Math.max(0, ...largest.map(({ value }) => value));
  if (bitDepth !== undefined) {
    const beyond = largest.find(({ value }) => value >= 2 ** bitDepth);
    if (beyond) {
      throw new ConfigError(
        `${beyond.path} has the value ${beyond.value}, and ${bitDepth} bits end at ${2 ** bitDepth - 1}: choose more (bitDepth; on the command line --bit-depth).`,
      );
    }
    return [`images of 16 bits are read as ${bitDepth} bits: ${(2 ** bitDepth - 1).toLocaleString("en")} is white`];
  }
  const bits = USUAL_BITS.find((usual) => most < 2 ** usual);
  if (most === 0 || bits === undefined) return [];
  return [
    `dark: ${counted(largest.length, "image")} of 16 bits that ${largest.length === 1 ? "was" : "were"} looked at ${largest.length === 1 ? "has" : "have"} no value above ${most.toLocaleString("en")} of 65,535; where they hold ${bits} bits, say so (bitDepth; on the command line --bit-depth ${bits})`,
  ];
}
