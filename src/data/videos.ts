import { DataError } from "../errors.js";
import { systemErrorCode } from "../io/atomic.js";
import type { SkippedImage } from "./dataset.js";
import { isIgnoredPath, memoryFile, reasonOf, type SourceFile } from "./source-file.js";

/** What decides on the size of frames, and how much memory they may take. */
export interface VideoOptions {
  /** Side of the square images in pixels; undefined for frames of the size that they have. */
  readonly imageSize: number | undefined;
  /** Share of an image that the smallest crop of a view takes. */
  readonly smallestCrop: number;
  /** Bytes that the frames may take, compressed as they are kept. */
  readonly memoryBudget: number;
  /** Stops before the next video; what is thrown is its reason. */
  readonly signal?: AbortSignal;
}

/** Frames as files, and videos that cannot be read. */
interface Frames {
  readonly images: readonly SourceFile[];
  readonly unread: readonly SkippedImage[];
}

function isVideoPath(path: string): boolean {
  return /\.(mp4|m4v|mov|mkv|webm|avi|mpe?g|ogv|wmv|3gp)$/i.test(path);
}

/**
 * The frames of all videos below a folder, as PNG files in memory: `walk.mp4/000000.png` and so on, one for each frame of the
 * video at its frame rate. ffmpeg decodes them, and shrinks them where an image size says how large they need be.
 * @throws DataError where there is a video and no ffmpeg, and for frames above the memory budget; the signal's reason.
 */
export async function framesOfVideos(root: string, options: VideoOptions): Promise<Frames> {
  const { readdir } = await import("node:fs/promises");
  const { join, relative, sep } = await import("node:path");
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && isVideoPath(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((path) => !isIgnoredPath(path))
    .sort();
  const images: SourceFile[] = [];
  const unread: SkippedImage[] = [];
  let bytes = 0;
  for (const path of paths) {
    options.signal?.throwIfAborted();
    let frames: Uint8Array[];
    try {
      frames = pngFiles(await decoded(join(root, path), shorterSide(options)));
    } catch (error) {
      if (systemErrorCode(error) === "ENOENT") throw withoutDecoder(path, error);
      unread.push({ name: path, reason: reasonOf(error) });
      continue;
    }
    for (const [place, frame] of frames.entries()) {
      bytes += frame.length;
      images.push(memoryFile(`${path}/${String(place).padStart(6, "0")}.png`, frame));
    }
    if (bytes > options.memoryBudget) {
      throw new DataError(
        `the frames of the videos in ${root} take more than ${options.memoryBudget} bytes, the memory budget, from ${path} on: raise it, open fewer videos, or take their frames apart into folders of images`,
      );
    }
  }
  return { images, unread };
}

function withoutDecoder(path: string, cause: unknown): DataError {
  return new DataError(
    `${path} is a video, and ffmpeg, which decodes them, is not there: install it (apt-get install ffmpeg, brew install ffmpeg, winget install ffmpeg), or give a folder with the frames as images in place of the video`,
    { cause },
  );
}

/** Pixels that the shorter side of a frame needs, for the smallest crop not to be enlarged; null for all that it has. */
function shorterSide({ imageSize, smallestCrop }: VideoOptions): number | null {
  return imageSize === undefined ? null : Math.ceil(imageSize / Math.sqrt(smallestCrop));
}

/** What ffmpeg makes of a video: PNG files one after the other. */
async function decoded(path: string, side: number | null): Promise<Uint8Array> {
  const { spawn } = await import("node:child_process");
  const smaller =
    side === null ? [] : ["-vf", `scale='if(gt(iw,ih),-2,min(iw,${side}))':'if(gt(iw,ih),min(ih,${side}),-2)'`];
  const output = ["-an", "-sn", "-c:v", "png", "-f", "image2pipe", "pipe:1"];
  // Whatever it is called, a path is no option.
  const child = spawn("ffmpeg", ["-v", "error", "-nostdin", "-i", `file:${path}`, ...smaller, ...output], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [frames, complaints]: [Uint8Array[], Uint8Array[]] = [[], []];
  child.stdout.on("data", (chunk: Uint8Array) => void frames.push(chunk));
  child.stderr.on("data", (chunk: Uint8Array) => void complaints.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  if (code !== 0) {
    const [first = `it ended with exit code ${code}`] =
      joined(complaints).length > 0 ? textLines(joined(complaints)) : [];
    throw new DataError(`ffmpeg cannot read it: ${first}`);
  }
  return joined(frames);
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let place = 0;
  for (const chunk of chunks) {
    all.set(chunk, place);
    place += chunk.length;
  }
  return all;
}

function textLines(bytes: Uint8Array): string[] {
  return new TextDecoder().decode(bytes).trim().split("\n");
}

const PNG_SIGNATURE_BYTES = 8;
/** Of a chunk besides its data: length, type, checksum. */
const CHUNK_BYTES = 12;

/** PNG files that follow one another, apart (PNG specification, section 5.3). @throws DataError where there is none, or a part of one. */
function pngFiles(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const files: Uint8Array[] = [];
  let start = 0;
  let place = PNG_SIGNATURE_BYTES;
  while (place + CHUNK_BYTES <= bytes.length) {
    const type = String.fromCharCode(...bytes.subarray(place + 4, place + 8));
    place += view.getUint32(place) + CHUNK_BYTES;
    if (type !== "IEND") continue;
    files.push(bytes.slice(start, place));
    start = place;
    place += PNG_SIGNATURE_BYTES;
  }
  if (files.length === 0 || start !== bytes.length) throw new DataError("ffmpeg gave no whole frames of it");
  return files;
}
