import { NO_LABEL, type Propagation, propagate } from "../embeddings/propagate.js";
import { ConfigError } from "../errors.js";
import { csvLines } from "../io/csv.js";
import { shotsPage } from "../report/shots-page.js";
import { type Command, Option } from "../vendor/commander.js";
import { counted } from "../wording.js";
import { type GivenLabels, labelsFromFolders, readLabels, sayLabels } from "./labels.js";
import { number } from "./numbers.js";
import { percentage, textTable } from "./table.js";
import { nameCell, runVerb, type VerbOptions, verbCommand } from "./verb.js";

interface PropagateOptions extends VerbOptions {
  readonly labels?: string;
  readonly unlabelled: readonly string[];
  readonly method: "graph" | "regression";
  readonly check: number;
}

/** Photographs of a class on the page. */
const SHOWN = 12;

/** `simclr propagate <folder>` */
export function addPropagateCommand(program: Command): void {
  verbCommand(program, "propagate", "give all photographs the classes of a few, and say which to check by eye", {
    list: "all photographs with class, confidence and margin, as CSV,",
    copyTo: "the photographs, each class to a folder of its own,",
  })
    .option(
      "--labels <file>",
      "a list of photographs with their classes, such as lines cat/001.jpg,cat (default: the folders)",
    )
    .option("--unlabelled <folders...>", "folders that are no classes, as of photographs that nobody sorted", [])
    .addOption(
      new Option("--method <method>", "graph: along nearest neighbours; regression: a logistic regression")
        .choices(["graph", "regression"])
        .default("graph"),
    )
    .option("--check <photographs>", "how many to name that should be checked by eye", number, 24)
    .action((folder: string, options: PropagateOptions) =>
      runVerb("propagate", folder, options, async ({ device, stored, facts, command }) => {
        const { images, features } = stored;
        if (!Number.isInteger(options.check) || options.check < 0)
          throw new ConfigError(`--check is ${options.check}; it must be a whole number from 0 up`);
        const given =
          options.labels === undefined
            ? labelsFromFolders(images, options.unlabelled)
            : await readLabels(images, options.labels);
        sayLabels(given);
        const folders = folderNames(given.classes);
        const { labels, classes } = given;
        const found = await propagate(device, features, labels, classes.length, { method: options.method });
        const { predictions, confidences, margins, contradicted } = found;
        const nameOf = (label: number) => (label === NO_LABEL ? "" : classes[label]);
        const open = [...images.keys()].filter((row) => labels[row] === NO_LABEL);
        const doubtful = open.toSorted((a, b) => margins[a] - margins[b] || a - b).slice(0, options.check);
        const unreached = open.filter((row) => predictions[row] === NO_LABEL).length;
        const summary = summaryText(given, open.length, unreached, contradicted.length);
        const checks = [
          ...contradicted.map(({ row, prediction }) => ({
            row,
            what: `labelled ${nameOf(labels[row])}, and like ${nameOf(prediction)}`,
          })),
          ...doubtful.map((row) => ({ row, what: guessText(found, row, nameOf) })),
        ];
        return {
          text: `${textTable([["class", "labelled", "found", "mean confidence"], ...classRows(given, found)])}\n\nto check by eye:\n${textTable([["photograph", "why"], ...checks.map(({ row, what }) => [nameCell(images[row]), what])])}\n\n${summary}`,
          json: {
            classes,
            photographs: images.map(({ name }, row) => ({
              name,
              class: predictions[row] === NO_LABEL ? null : nameOf(predictions[row]),
              labelled: labels[row] !== NO_LABEL,
              confidence: confidences[row],
              margin: margins[row],
            })),
            contradicted: contradicted.map(({ row, prediction }) => ({
              name: images[row].name,
              labelled: nameOf(labels[row]),
              found: nameOf(prediction),
            })),
            check: doubtful.map((row) => images[row].name),
          },
          page: (thumbnails) => {
            const shots = (rows: readonly number[], note: (row: number) => string) =>
              rows.map((row) => ({ name: images[row].name, note: note(row) }));
            const sure = classes.map((title, label) => ({
              title,
              note: `The surest of ${counted(open.filter((row) => predictions[row] === label).length, "photograph")}, with how sure each is.`,
              shots: shots(
                open
                  .filter((row) => predictions[row] === label)
                  .sort((a, b) => margins[b] - margins[a] || a - b)
                  .slice(0, SHOWN),
                (row) => percentage(confidences[row]),
              ),
            }));
            const sections = [
              {
                title: "To check by eye",
                note: "Those of which the likeliest class is hardly likelier than the next one.",
                shots: shots(doubtful, (row) => guessText(found, row, nameOf)),
              },
              {
                title: "Labels that the others contradict",
                note: "Perhaps mistakes: these have a label, and what is like them has another one.",
                shots: contradicted.slice(0, 4 * SHOWN).map(({ row, prediction }) => ({
                  name: images[row].name,
                  note: `labelled ${nameOf(labels[row])}, like ${nameOf(prediction)}`,
                })),
              },
              ...sure,
            ];
            const filled = sections.filter((section) => section.shots.length > 0);
            return shotsPage({ title: "Labels from a few", summary, sections: filled, facts, command }, thumbnails);
          },
          listed: images,
          listText: csvLines([
            ["file", "class", "labelled", "confidence", "margin"],
            ...images.map(({ name }, row) => [
              ...[name, nameOf(predictions[row]), labels[row] === NO_LABEL ? "no" : "yes"],
              ...[confidences[row].toFixed(4), margins[row].toFixed(4)],
            ]),
          ]),
          copied: images.flatMap(({ name }, row) =>
            predictions[row] === NO_LABEL ? [] : [{ name, to: `${folders[predictions[row]]}/${name}` }],
          ),
        };
      }),
    );
}

/** A folder for each class: what folders may not be called everywhere becomes "_", and no two are one, whatever the case of letters. */
function folderNames(classes: readonly string[]): string[] {
  const taken = new Set<string>();
  return classes.map((name) => {
    const plain = name.replaceAll(/[^\p{L}\p{N} _-]/gu, "_");
    let folder = plain;
    for (let next = 2; taken.has(folder.toLowerCase()); next++) folder = `${plain}_${next}`;
    taken.add(folder.toLowerCase());
    return folder;
  });
}

function guessText({ predictions, confidences }: Propagation, row: number, nameOf: (label: number) => string): string {
  return predictions[row] === NO_LABEL
    ? "no label reaches it"
    : `${nameOf(predictions[row])}? ${percentage(confidences[row])}`;
}

function summaryText({ labels, classes }: GivenLabels, open: number, unreached: number, contradicted: number): string {
  return [
    `${counted(labels.length - open, "label")} of ${counted(classes.length, "class", "classes")} for ${counted(open, "photograph")} without one.`,
    ...(unreached > 0 ? [`No label reaches ${counted(unreached, "photograph")}.`] : []),
    ...(contradicted > 0
      ? [`${counted(contradicted, "label")} may be ${contradicted === 1 ? "a mistake" : "mistakes"}.`]
      : []),
  ].join(" ");
}

function classRows({ labels, classes }: GivenLabels, { predictions, confidences }: Propagation): string[][] {
  return classes.map((name, label) => {
    const found = [...predictions.keys()].filter((row) => labels[row] === NO_LABEL && predictions[row] === label);
    const own = labels.reduce((count, given) => count + (given === label ? 1 : 0), 0);
    const sure = found.reduce((sum, row) => sum + confidences[row], 0) / found.length;
    return [name, String(own), String(found.length), found.length > 0 ? percentage(sure) : ""];
  });
}
