/** Runs `body` with a new temporary folder, which is removed afterwards. */
export async function inTemporaryFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const { mkdtemp, rm } = await import("node:fs/promises");
  const { tmpdir } = await import("node:os");
  const { join } = await import("node:path");
  const folder = await mkdtemp(join(tmpdir(), "simclr-data-"));
  try {
    await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Writes files below `folder`, with the folders that their paths name. */
export async function writeFiles(folder: string, files: Readonly<Record<string, Uint8Array | string>>): Promise<void> {
  const { mkdir, writeFile } = await import("node:fs/promises");
  const { dirname, join } = await import("node:path");
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

/** Interleaved RGB bytes of a picture that no other seed gives. */
export function picture(width: number, height: number, seed: number): Uint8Array {
  return Uint8Array.from(
    { length: width * height * 3 },
    (_, i) => (i * (seed + 3) * 7919 + (i >> 3) * 31 + seed) % 251,
  );
}

/**
 * RGBA bytes of a picture as cameras take them: soft light, discs with edges, a fine pattern and noise. Opaque, or with an alpha that
 * falls to 0 towards a corner.
 */
export function scene(width: number, height: number, opaque = true): Uint8Array<ArrayBuffer> {
  const rgba = new Uint8Array(width * height * 4);
  const unit = Math.min(width, height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [u, v] = [x / unit, y / unit];
      const disc = Math.hypot(u - 0.6, v - 0.5) < 0.25 ? 70 : 0;
      const other = Math.hypot(u - 0.3, v - 0.9) < 0.15 ? -60 : 0;
      const pattern = 12 * Math.sin(50 * u) * Math.sin(40 * v);
      const noise = ((x * 7919 + y * 104729 + ((x * y) % 97) * 31) % 17) - 8;
      const light = [110 + 50 * Math.sin(2 * u + v), 100 + 60 * v * Math.cos(u), 120 - 40 * u];
      const at = 4 * (y * width + x);
      light.forEach((value, c) => {
        rgba[at + c] = Math.max(0, Math.min(255, value + (c === 2 ? -disc : disc) + other + pattern + noise));
      });
      rgba[at + 3] = opaque ? 255 : 255 * Math.min(1, (x / width + y / height) * 0.8);
    }
  }
  return rgba;
}

/** What a data set makes of RGB bytes: (R, G, B, 255) a pixel. */
export function toRgba(rgb: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: (rgb.length / 3) * 4 }, (_, i) =>
    i % 4 === 3 ? 255 : (rgb[Math.floor(i / 4) * 3 + (i % 4)] ?? 0),
  );
}

/** RGB bytes as a file. */
export async function encode(
  format: "jpeg" | "png" | "webp",
  rgb: Uint8Array,
  width: number,
  height: number,
): Promise<Uint8Array> {
  const { default: sharp } = await import("sharp");
  return sharp(rgb, { raw: { width, height, channels: 3 } })
    .toFormat(format, { lossless: true })
    .toBuffer();
}

/** A JPEG file of 16x16 pixels. */
export async function jpeg(seed: number): Promise<Uint8Array> {
  return encode("jpeg", picture(16, 16, seed), 16, 16);
}

/** Some JPEG files: `prefix` plus 000.jpg, 001.jpg, ... */
export async function jpegs(prefix: string, count: number): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < count; i++) {
    files[`${prefix}${String(i).padStart(3, "0")}.jpg`] = await jpeg(i);
  }
  return files;
}

/** A tar entry; a link where `linkname` is given. */
export interface TarEntry {
  readonly name: string;
  readonly content?: Uint8Array;
  readonly linkname?: string;
  /** Of a link; a symbolic one by default. */
  readonly type?: "symlink" | "link";
}

/** A tar archive as bytes. */
export async function tar(entries: readonly TarEntry[]): Promise<Uint8Array> {
  const { pack } = await import("tar-stream");
  const { buffer } = await import("node:stream/consumers");
  const archive = pack();
  const whole = buffer(archive);
  for (const { name, content, linkname, type = "symlink" } of entries) {
    if (linkname !== undefined) {
      archive.entry({ name, type, linkname });
    } else {
      const { Buffer } = await import("node:buffer");
      archive.entry({ name }, Buffer.from(content ?? []));
    }
  }
  archive.finalize();
  return whole;
}

/** Gzipped bytes. */
export async function gzipped(bytes: Uint8Array): Promise<Uint8Array> {
  const { gzipSync } = await import("node:zlib");
  return gzipSync(bytes);
}

/** A zip entry, deflated unless it is `stored`; a symbolic link where `linkname` is given. */
export interface ZipEntry {
  readonly name: string;
  readonly content?: Uint8Array;
  readonly linkname?: string;
  readonly stored?: boolean;
  /** What the archive says of it instead of the truth. */
  readonly method?: number;
  readonly size?: number;
  readonly flags?: number;
}

/** A zip archive as bytes (PKWARE's APPNOTE 6.3), written by a machine of Unix. */
export async function zip(entries: readonly ZipEntry[]): Promise<Uint8Array> {
  const { deflateRawSync } = await import("node:zlib");
  const { crc32 } = await import("../../src/io/crc32.js");
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  const add = (list: Uint8Array[], ...pieces: Uint8Array[]): number => {
    list.push(...pieces);
    return pieces.reduce((sum, { length }) => sum + length, 0);
  };
  for (const { name, content, linkname, stored = false, method = stored ? 0 : 8, size, flags = 0x800 } of entries) {
    const bytes = linkname === undefined ? (content ?? new Uint8Array(0)) : new TextEncoder().encode(linkname);
    const packed = stored ? bytes : deflateRawSync(bytes);
    const path = new TextEncoder().encode(name);
    // Method, time, date, checksum, sizes and the length of the name, which both headers have.
    const common = (header: Uint8Array, from: number) => {
      const view = new DataView(header.buffer);
      view.setUint16(from, flags, true);
      view.setUint16(from + 2, method, true);
      view.setUint32(from + 8, crc32(bytes), true);
      view.setUint32(from + 12, packed.length, true);
      view.setUint32(from + 16, size ?? bytes.length, true);
      view.setUint16(from + 20, path.length, true);
      return view;
    };
    const local = new Uint8Array(30);
    common(local, 6).setUint32(0, 0x04034b50, true);
    const central = new Uint8Array(46);
    const view = common(central, 8);
    view.setUint32(0, 0x02014b50, true);
    view.setUint16(4, (3 << 8) | 20, true);
    view.setUint32(38, ((linkname === undefined ? 0o100644 : 0o120777) << 16) >>> 0, true);
    view.setUint32(42, at, true);
    at += add(parts, local, path, packed);
    add(directory, central, path);
  }
  const end = new Uint8Array(22);
  const view = new DataView(end.buffer);
  view.setUint32(0, 0x06054b50, true);
  view.setUint16(8, entries.length, true);
  view.setUint16(10, entries.length, true);
  view.setUint32(12, add([], ...directory), true);
  view.setUint32(16, at, true);
  return Uint8Array.from([...parts, ...directory, end].flatMap((piece) => [...piece]));
}
