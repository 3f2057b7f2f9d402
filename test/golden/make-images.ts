/**
 * Writes page-images.safetensors: image files, and what `openImages` makes of them, for browsers, where there is no sharp.
 * `node dist/test/golden/make-images.js`
 */
import { writeFile } from "node:fs/promises";
import sharp from "sharp";
import { loadDecoder } from "../../src/data/decode.js";
import { encodeSafetensors, type TensorData } from "../../src/io/safetensors.js";
import { scene } from "../data/make-files.js";
import { repository } from "../lib/repository.js";

/** Sides that the images are resized to: shrunk by more than four, and by less. */
const SIDES = [16, 40];
/** And one that is enlarged. */
const ENLARGED = { name: "opaque.png", side: 110 };

const wide = { width: 150, height: 101, channels: 4 } as const;
const tall = { width: 89, height: 120, channels: 4 } as const;
const files: Record<string, Uint8Array> = {
  // A camera that was held upright.
  "turned.jpg": await sharp(scene(wide.width, wide.height), { raw: wide })
    .jpeg({ quality: 90 })
    .withMetadata({ orientation: 6 })
    .toBuffer(),
  "opaque.png": await sharp(scene(wide.width, wide.height), { raw: wide }).removeAlpha().png().toBuffer(),
  "clear.png": await sharp(scene(tall.width, tall.height, false), { raw: tall }).png().toBuffer(),
  "gray.png": await sharp(scene(tall.width, tall.height), { raw: tall }).removeAlpha().grayscale().png().toBuffer(),
};

const decoder = await loadDecoder();
const tensors = new Map<string, TensorData>();
for (const [name, file] of Object.entries(files)) {
  tensors.set(name, { shape: [file.length], data: Uint8Array.from(file) });
  for (const side of name === ENLARGED.name ? [...SIDES, ENLARGED.side] : SIDES) {
    const data = Uint8Array.from(await decoder.decode(file, { width: side, height: side }));
    tensors.set(`${name} at ${side}`, { shape: [side, side, 4], data });
  }
}
await writeFile(`${repository}test/golden/page-images.safetensors`, encodeSafetensors(tensors));
