import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { env } from "node:process";
import { type CachePlace, packsIn } from "../data/image-cache.js";
import { ConfigError } from "../errors.js";
import { cacheFolder } from "../io/cache-folder.js";
import type { Command } from "../vendor/commander.js";
import { counted } from "../wording.js";

/** Environment variables: where decoded images are kept ("none": nowhere), and how many gigabytes of them. */
const FOLDER = "SIMCLR_IMAGE_CACHE";
const LIMIT = "SIMCLR_IMAGE_CACHE_GB";

/** Where commands keep decoded images; null for nowhere. @throws ConfigError for a limit that is none. */
export async function imageCache(): Promise<CachePlace | null> {
  const given = env[FOLDER] || join(await cacheFolder(), "images");
  if (given === "none") return null;
  const text = env[LIMIT];
  if (!text) return { folder: resolve(given) };
  const gigabytes = Number(text);
  if (!(gigabytes > 0)) throw new ConfigError(`${LIMIT} is ${text}; it has to be a number of gigabytes above 0.`);
  return { folder: resolve(given), limit: gigabytes * 1e9 };
}

/** Bytes as "1.2 GB", or "35 MB" where they are fewer. */
export function gigabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.ceil(bytes / 1e6)} MB`;
}

/** `simclr cache` */
export function addCacheCommand(program: Command): void {
  program
    .command("cache")
    .description(
      "show where decoded images are kept, which are read in place of the files in the next run, and how many",
    )
    .option("--clear", "delete them")
    .addHelpText(
      "after",
      `\nEnvironment variables:\n  ${FOLDER}      another folder, or "none" to keep nothing\n  ${LIMIT}   gigabytes that they may take (default: 50, and never more than half of what is free); those used longest ago make room`,
    )
    .action(async ({ clear = false }: { readonly clear?: boolean }) => {
      const place = await imageCache();
      if (place === null) {
        console.log(`decoded images are not kept: ${FOLDER} is "none"`);
        return;
      }
      const packs = await packsIn(place.folder);
      const bytes = packs.reduce((sum, pack) => sum + pack.bytes, 0);
      console.log(`${place.folder}: ${gigabytes(bytes)}, of ${counted(packs.length, "set")} of images`);
      if (!clear) return;
      for (const { path } of packs) await rm(path, { recursive: true, force: true });
      console.log("deleted");
    });
}
