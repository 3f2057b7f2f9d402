import { type Duplicates, findDuplicates, type Likeness } from "../embeddings/duplicates.js";
import type { EmbeddedImage } from "../embeddings/folder.js";
import { dedupePage, thresholdText } from "../report/dedupe-page.js";
import { type Command, Option } from "../vendor/commander.js";
import { counted } from "../wording.js";
import { number } from "./numbers.js";
import { textTable } from "./table.js";
import { nameCell, runVerb, sameNames, type VerbOptions, verbCommand } from "./verb.js";

const LIKENESS: readonly Likeness[] = ["copy", "same picture", "look-alike"];
/** Words for them on a command line. */
const LEVELS = ["copies", "same", "look-alikes"] as const;

interface DedupeOptions extends VerbOptions {
  readonly falseRate: number;
  readonly distance?: number;
  readonly level: (typeof LEVELS)[number];
}

/** `simclr dedupe <folder>` */
export function addDedupeCommand(program: Command): void {
  verbCommand(
    program,
    "dedupe",
    "find photographs of which one is enough: exact copies, the same picture encoded anew or resized, and look-alikes",
    { list: "those that could go", copyTo: "the photographs without those that could go" },
  )
    .option(
      "--false-rate <share>",
      "of the pairs of look-alikes that may be there by chance: this gives the distance that they have at most",
      number,
      0.05,
    )
    .option(
      "--distance <share>",
      "that look-alikes have at most, in place of that: a share, below 1, of their distance from their eighth neighbours",
      number,
    )
    .addOption(
      new Option("--level <level>", "how much alike what could go has to be, for --list and --copy-to")
        .choices(LEVELS)
        .default("same"),
    )
    .action((folder: string, options: DedupeOptions) =>
      runVerb("dedupe", folder, options, async ({ device, stored, facts, command }) => {
        const { images, features, looks } = stored;
        const found = await findDuplicates(device, features, images, looks, options);
        const level = LEVELS.indexOf(options.level);
        const superfluous = new Set(
          found.groups.flatMap(({ others }) =>
            others.filter(({ likeness }) => LIKENESS.indexOf(likeness) <= level).map(({ row }) => row),
          ),
        );
        const names = (wanted: (row: number) => boolean) =>
          sameNames(images.flatMap(({ name }, row) => (wanted(row) ? [name] : [])));
        return {
          text: dedupeText(images, found),
          json: jsonOf(images, found),
          page: (thumbnails) => dedupePage({ images, found, facts, command }, thumbnails),
          listed: names((row) => superfluous.has(row)),
          copied: names((row) => !superfluous.has(row)),
        };
      }),
    );
}

function dedupeText(images: readonly EmbeddedImage[], { groups, threshold }: Duplicates): string {
  const rows = groups.flatMap(({ keep, reason, others }, group) => {
    const line = (row: number, what: string, similarity: string) => {
      const { width, height, bytes } = images[row];
      return [nameCell(images[row]), String(group + 1), what, similarity, `${width} x ${height}`, String(bytes)];
    };
    return [
      line(keep, `keep (${reason})`, ""),
      ...others.map(({ row, likeness, similarity }) => line(row, likeness, similarity.toFixed(4))),
    ];
  });
  const count = (likeness: Likeness) =>
    groups.reduce((sum, { others }) => sum + others.filter((other) => other.likeness === likeness).length, 0);
  const table =
    rows.length === 0
      ? ""
      : `${textTable([["photograph", "group", "what", "similarity", "pixels", "bytes"], ...rows])}\n\n`;
  return `${table}${counted(groups.length, "group")}: ${counted(count("copy"), "exact copy", "exact copies")}, ${count("same picture")} of the same picture, ${counted(count("look-alike"), "look-alike")} that could go
${thresholdText(threshold)}`;
}

function jsonOf(images: readonly EmbeddedImage[], { groups, threshold, model }: Duplicates): unknown {
  return {
    threshold,
    exponent: model?.exponent ?? null,
    groups: groups.map(({ keep, reason, others }) => ({
      keep: images[keep].name,
      reason,
      others: others.map(({ row, of, likeness, similarity }) => ({
        name: images[row].name,
        likeness,
        of: images[of].name,
        similarity,
      })),
    })),
  };
}
