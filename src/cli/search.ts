import { stat } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { openImages } from "../data/open-images.js";
import type { StoredEmbeddings } from "../embeddings/folder.js";
import { encoderIdentity } from "../embeddings/identity.js";
import type { Device } from "../engine/device.js";
import { ConfigError, DataError, UsageError } from "../errors.js";
import { Embedder } from "../evaluation/embed.js";
import { nearest } from "../evaluation/knn.js";
import { sameData } from "../io/json.js";
import { searchPage } from "../report/search-page.js";
import type { Command } from "../vendor/commander.js";
import { number } from "./numbers.js";
import { openTrained } from "./stored-run.js";
import { textTable } from "./table.js";
import { nameCell, runVerb, sameNames, type VerbOptions, verbCommand } from "./verb.js";

interface SearchOptions extends VerbOptions {
  readonly count: number;
  readonly encoder?: string;
}

/** The photograph that a text means: its name, the end of it where no other one ends so, or its path. */
function rowOf({ images, source }: StoredEmbeddings, query: string, moved?: string): number | null {
  const places = [source, ...(moved === undefined ? [] : [resolve(moved)])];
  const names = [query, ...places.map((place) => relative(place, resolve(query)).replaceAll("\\", "/"))];
  const exact = images.findIndex(({ name }) => names.includes(name));
  if (exact >= 0) return exact;
  const ends = images.flatMap(({ name }, row) => (name.endsWith(`/${query}`) ? [row] : []));
  if (ends.length > 1)
    throw new UsageError(
      `${ends.length} photographs are called ${query}, ${images[ends[0]].name} and ${images[ends[1]].name} among them: give more of the path`,
    );
  return ends[0] ?? null;
}

/** Embeds a photograph that is not in the folder, by the encoder that made the others. */
async function embedPhoto(device: Device, { encoder, bitDepth }: StoredEmbeddings, photo: string, named?: string) {
  const path = named ?? encoder.path;
  // A run knows its size itself; a file may not.
  const isFolder = (await stat(path).catch(() => null))?.isDirectory();
  const size = isFolder ? undefined : encoder.preprocessing.size;
  const trained = await openTrained(path, device, size).catch((cause: unknown) => {
    throw new UsageError(
      `${photo} is not in the folder, so the encoder is needed, and ${path} cannot be opened (${cause instanceof Error ? cause.message : cause}): say with --encoder where it is`,
      { cause },
    );
  });
  const model = trained.load(device);
  const identity = await encoderIdentity(model, path);
  if (identity.hash !== encoder.hash || !sameData(identity.preprocessing, encoder.preprocessing))
    throw new UsageError(
      `${path} is not, or no more, the encoder that the embeddings were made by (${encoder.name} ${encoder.hash.slice(0, 12)}): name that one with --encoder, or make the folder anew`,
    );
  const embedder = await Embedder.create(device, model, { memoryBudget: trained.config.memoryBudget });
  const { train } = await openImages(photo, {
    imageSize: encoder.preprocessing.size,
    ...(bitDepth !== null && { bitDepth }),
  });
  const features = await embedder.embed(train);
  if (features.rows !== 1) throw new UsageError(`${photo} holds ${features.rows} images: name one of them`);
  return features.values;
}

/** `simclr search <folder> <query>` */
export function addSearchCommand(program: Command): void {
  verbCommand(program, "search", "find the photographs that are most similar to one", {
    list: "those found",
    copyTo: "those found",
  })
    .argument("<query>", "the name of a photograph of the folder, or the path of any other")
    .option("--count <photographs>", "how many to find", number, 24)
    .option("--encoder <encoder>", "where the encoder is now, for a photograph that is not in the folder")
    .action(async (folder: string, query: string, options: SearchOptions) => {
      const { count, encoder } = options;
      if (!Number.isInteger(count) || count < 1)
        throw new ConfigError(`--count is ${count}; it must be a whole number from 1 up`);
      await runVerb("search", folder, options, async ({ device, stored, facts, command }) => {
        const { features, images } = stored;
        const row = rowOf(stored, query, options.images);
        const { dimension } = features;
        const asked =
          row === null
            ? await foreignQuery(device, stored, query, encoder)
            : features.values.slice(row * dimension, (row + 1) * dimension);
        const { indices, similarities } = await nearest(device, features, asked, row === null ? count : count + 1);
        const found = Array.from(indices, (index, i) => ({ index, similarity: similarities[i] }))
          .filter(({ index }) => index !== row)
          .slice(0, count)
          .map(({ index, similarity }) => ({ ...images[index], similarity }));
        const copies = sameNames(found.map((one) => one.name));
        const name = row === null ? query : images[row].name;
        const rows = found.map((one, i) => [nameCell(one), one.label ?? "", String(i + 1), one.similarity.toFixed(4)]);
        return {
          text: `similar to ${name}:\n${textTable([["photograph", "class", "place", "similarity"], ...rows])}`,
          json: { query: name, found },
          page: (thumbnails) =>
            searchPage({ query: row === null ? resolve(query) : name, found, facts, command }, thumbnails),
          listed: copies,
          copied: copies,
          stranger: row === null ? resolve(query) : undefined,
        };
      });
    });
}

/** @throws UsageError where there is no such file either. */
async function foreignQuery(device: Device, stored: StoredEmbeddings, query: string, encoder?: string) {
  const there = await stat(query).then(
    (found) => found.isFile(),
    () => false,
  );
  if (there) return embedPhoto(device, stored, query, encoder);
  throw new DataError(`there is no photograph called ${query} in the folder, and no file at that path`);
}
