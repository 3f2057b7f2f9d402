import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { inTemporaryFolder, writeFiles } from "../data/make-files.js";
import type { Opened } from "./bombs.js";

const bombs = suite("small files of large images");

const small = sharp({ create: { width: 64, height: 64, channels: 3, background: "red" } });

/** A JPEG file whose header says another size. */
async function jpeg(size: number, progressive: boolean): Promise<Uint8Array> {
  const file = await small.clone().jpeg({ progressive }).toBuffer();
  const frame = file.findIndex((byte, i) => byte === 0xff && file[i + 1] === (progressive ? 0xc2 : 0xc0));
  file.writeUInt16BE(size, frame + 5);
  file.writeUInt16BE(size, frame + 7);
  return file;
}

/** A PNG file whose header says another size. */
async function png(width: number, height = width): Promise<Uint8Array> {
  const file = await small.clone().png().toBuffer();
  file.writeUInt32BE(width, 16);
  file.writeUInt32BE(height, 20);
  // The checksum of the header; that of gzip is the same, and stands before the length at its end.
  file.writeUInt32BE(gzipSync(file.subarray(12, 29)).subarray(-8).readUInt32LE(), 29);
  return file;
}

/** A WebP file whose header says another size. */
async function webp(size: number): Promise<Uint8Array> {
  const file = await small.clone().webp().toBuffer();
  const frame = file.indexOf(Uint8Array.of(0x9d, 0x01, 0x2a));
  file.writeUInt16LE(size, frame + 3);
  file.writeUInt16LE(size, frame + 5);
  return file;
}

/** What opening some files takes, in a process of its own. */
async function open(files: Readonly<Record<string, Uint8Array>>): Promise<Opened> {
  const results: Opened[] = [];
  await inTemporaryFolder(async (folder) => {
    await writeFiles(folder, { "good.jpg": await small.clone().jpeg().toBuffer(), ...files });
    const program = fileURLToPath(new URL("bombs.js", import.meta.url));
    const { stdout, stderr } = spawnSync(process.execPath, [program, folder], { encoding: "utf8", timeout: 120_000 });
    assert.is.not(stdout, "", stderr);
    results.push(JSON.parse(stdout));
  });
  return results[0];
}

bombs("of 60,000 pixels squared are refused, and take nothing", async () => {
  const { images, reasons, memory } = await open({
    "a.jpg": await jpeg(60000, false),
    "b.jpg": await jpeg(60000, true),
    "c.png": await png(60000),
  });
  assert.is(images, 1);
  assert.equal(new Set(reasons), new Set(["Input image exceeds pixel limit"]));
  assert.ok(memory < 200, `${memory} MiB`);
});

bombs("of lines of eleven million pixels are refused, which took 2.8 GB", async () => {
  const { images, reasons, memory } = await open({ "a.png": await png(11_075_608, 20) });
  assert.is(images, 1);
  assert.equal(reasons, ["it has 11075608 x 20 pixels, and sides of up to 65535 are read"]);
  assert.ok(memory < 200, `${memory} MiB`);
});

bombs("of 8,000 are decoded one after the other", async () => {
  const { images, memory } = await open({
    ...Object.fromEntries(
      await Promise.all([1, 2, 3, 4].map(async (i) => [`${i}.jpg`, await jpeg(8000, true)] as const)),
    ),
    "w.webp": await webp(8000),
  });
  assert.ok(images >= 5, `${images} images`);
  // One of them takes 210 MiB, and the four took 770.
  assert.ok(memory < 400, `${memory} MiB`);
});

bombs.run();
