import { NO_LABEL } from "../embeddings/propagate.js";
import { selectDiverse, selectOutliers, selectToLabel } from "../embeddings/select.js";
import { ConfigError } from "../errors.js";
import { shotsPage } from "../report/shots-page.js";
import { type Command, Option } from "../vendor/commander.js";
import { counted } from "../wording.js";
import { readLabels, sayLabels } from "./labels.js";
import { number } from "./numbers.js";
import { textTable } from "./table.js";
import { nameCell, runVerb, sameNames, type VerbOptions, verbCommand } from "./verb.js";

const CRITERIA = ["diverse", "label", "outliers"] as const;

interface SelectOptions extends VerbOptions {
  readonly by: (typeof CRITERIA)[number];
  readonly count: number;
  readonly labels?: string;
}

/** What each criterion takes, and what its score says. */
const TEXTS = {
  diverse: ["the most diverse photographs", "distance from those before"],
  label: ["the photographs to label next", "distance from the neighbours"],
  outliers: ["the photographs that are least like any others", "distance from the neighbours"],
} as const;

/** `simclr select <folder>` */
export function addSelectCommand(program: Command): void {
  verbCommand(program, "select", "choose some photographs: the most diverse, those to label next, or outliers", {
    list: "those chosen",
    copyTo: "those chosen",
  })
    .addOption(
      new Option(
        "--by <criterion>",
        "diverse: each next one farthest from those before; label: the most typical of the largest groups without a label; outliers: farthest from their neighbours",
      )
        .choices(CRITERIA)
        .default("diverse"),
    )
    .option("--count <photographs>", "how many to choose", number, 24)
    .option("--labels <file>", "a list of photographs that have labels already, for --by label")
    .action((folder: string, options: SelectOptions) => {
      const { by, count, labels } = options;
      if (labels !== undefined && by !== "label") throw new ConfigError("--labels is for --by label");
      return runVerb("select", folder, options, async ({ device, stored, facts, command }) => {
        const { images, features } = stored;
        const given = labels === undefined ? null : await readLabels(images, labels);
        if (given) sayLabels(given);
        const labelled = [...images.keys()].filter((row) => given !== null && given.labels[row] !== NO_LABEL);
        const found =
          by === "diverse"
            ? await selectDiverse(device, features, count)
            : by === "outliers"
              ? await selectOutliers(device, features, count)
              : await selectToLabel(device, features, count, labelled);
        const [what, score] = TEXTS[by];
        // The first of the most diverse has none before it.
        const scoreText = (own: number, place: number) => (by === "diverse" && place === 0 ? "" : own.toFixed(4));
        const names = sameNames(found.map(({ row }) => images[row].name));
        const fewer = found.length < count && by !== "outliers" ? ": there are no more that differ" : "";
        const summary = `${counted(found.length, "photograph")}: ${what}${fewer}.`;
        return {
          text: `${textTable([["photograph", "place", score], ...found.map((one, i) => [nameCell(images[one.row]), String(i + 1), scoreText(one.score, i)])])}\n\n${summary}`,
          json: {
            by,
            selected: found.map((one, i) => ({
              name: images[one.row].name,
              score: by === "diverse" && i === 0 ? null : one.score,
            })),
          },
          page: (thumbnails) => {
            const shots = found.map((one, i) => ({
              name: images[one.row].name,
              note: `${i + 1}. ${scoreText(one.score, i)}`,
            }));
            const note = `Below each its place, and its cosine ${score}.`;
            return shotsPage(
              { title: "Selection", summary, sections: [{ title: "Chosen", note, shots }], facts, command },
              thumbnails,
            );
          },
          listed: names,
          copied: names,
        };
      });
    });
}
