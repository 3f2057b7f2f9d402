import { DataError } from "../errors.js";
import { type FoundFiles, type FoundPacked, findImages } from "./find-images.js";
import { listFolder } from "./folder.js";
import { findSplits } from "./layout.js";
import type { OpenProgress } from "./source-file.js";
import { framesOfVideos, type VideoOptions } from "./videos.js";

/**
 * Finds the frames at a path: as `findImages` finds images, and in a folder those of the videos in it.
 * @throws DataError where there is nothing, and where it cannot be read; where there is a video and no ffmpeg.
 */
export async function findClips(
  path: string,
  maxBroken: number,
  options: VideoOptions,
  onProgress?: OpenProgress,
): Promise<FoundFiles | FoundPacked> {
  const { stat } = await import("node:fs/promises");
  const info = await stat(path).catch(() => null);
  const videos = info?.isDirectory() ? await framesOfVideos(path, options) : { images: [], unread: [] };
  if (videos.images.length + videos.unread.length === 0)
    return findImages(path, options.memoryBudget, maxBroken, onProgress);
  const listing = await listFolder(path, options.memoryBudget);
  const [images, unread] = [
    [...listing.images, ...videos.images],
    [...listing.unread, ...videos.unread],
  ];
  if (images.length === 0) {
    const [{ name, reason }] = unread;
    throw new DataError(
      `None of the ${unread.length} images and videos in ${path} is read, ${name} for one: ${reason}.`,
    );
  }
  return { kind: "files", images, layout: findSplits(images.map((image) => image.path)), unread };
}
