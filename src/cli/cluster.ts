import { type Clusters, cluster, clusterByRule } from "../embeddings/clusters.js";
import type { EmbeddedImage } from "../embeddings/folder.js";
import { ConfigError } from "../errors.js";
import { adjustedRandIndex } from "../evaluation/rand-index.js";
import { clusterPage, type ShownCluster } from "../report/cluster-page.js";
import type { Command } from "../vendor/commander.js";
import { counted } from "../wording.js";
import { number, numberOrAuto } from "./numbers.js";
import { percentage, textTable } from "./table.js";
import { nameCell, runVerb, type VerbOptions, verbCommand } from "./verb.js";

interface ClusterOptions extends VerbOptions {
  readonly k: number | "auto";
  readonly seed: number;
}

/** Photographs of a group on the page: the most typical, and the least. */
const [NEAREST, FARTHEST] = [12, 6];

/** `simclr cluster <folder>` */
export function addClusterCommand(program: Command): void {
  verbCommand(program, "cluster", "put photographs into groups of similar ones, by spherical k-means", {
    list: "all photographs, group by group",
    copyTo: "the photographs, each group to a folder of its own,",
  })
    .option(
      "--k <groups>",
      "how many; auto: of 2, 3, 4, 6, 8, 11, ... 128 the number beyond which the mean distance from the centres falls little (its knee)",
      numberOrAuto,
      "auto",
    )
    .option("--seed <number>", "of the first centres", number, 1)
    .action((folder: string, options: ClusterOptions) => {
      const { k, seed } = options;
      if (!Number.isInteger(seed)) throw new ConfigError(`--seed is ${seed}; it must be a whole number`);
      return runVerb("cluster", folder, options, async ({ device, stored, facts, command }) => {
        const { images, features } = stored;
        const chosen = k === "auto" ? await clusterByRule(device, features, { seed }) : null;
        const found = chosen ?? (await cluster(device, features, Number(k), { seed }));
        const groups = groupsOf(images, found);
        const index = labelsIndex(images, found);
        const rule = [
          chosen
            ? `${counted(found.k, "group")}: of ${chosen.tried.map((one) => one.k).join(", ")}, the number beyond which more bring little (the knee of the mean distance from the centres).`
            : `${counted(found.k, "group")}, as asked for.`,
          ...(index === null ? [] : [`With the classes they agree to an adjusted Rand index of ${index.toFixed(3)}.`]),
          ...(found.converged ? [] : ["Photographs were still changing their groups when it was stopped."]),
        ].join(" ");
        const copied = groups.flatMap(({ folder: to, rows }) =>
          rows.map((row) => ({ name: images[row].name, to: `${to}/${images[row].name}` })),
        );
        const rows = groups.map(({ title, rows: own, share, similarity }) => [
          title,
          String(own.length),
          share === null ? "" : percentage(share),
          similarity.toFixed(4),
          nameCell(images[own[0]]),
        ]);
        return {
          text: `${textTable([["group", "photographs", "of that class", "mean similarity", "most typical"], ...rows])}\n\n${rule}`,
          json: {
            k: found.k,
            tried: chosen?.tried ?? null,
            objective: found.objective,
            adjustedRandIndex: index,
            groups: groups.map(({ title, rows: own, similarity }) => ({
              title,
              similarity,
              members: own.map((row) => ({ name: images[row].name, similarity: found.similarities[row] })),
            })),
          },
          page: (thumbnails) =>
            clusterPage(
              { clusters: groups.map((group) => shown(images, found, group)), rule, facts, command },
              thumbnails,
            ),
          listed: copied,
          copied,
        };
      });
    });
}

/** A group, its members the most typical first. */
interface Group {
  readonly title: string;
  readonly folder: string;
  readonly rows: readonly number[];
  /** Share of the class that it is called by; null without labels. */
  readonly share: number | null;
  readonly similarity: number;
}

function groupsOf(images: readonly EmbeddedImage[], { k, assignments, similarities }: Clusters): Group[] {
  const digits = String(k).length;
  return Array.from({ length: k }, (_, group) => {
    const rows = [...assignments.keys()]
      .filter((row) => assignments[row] === group)
      .sort((a, b) => similarities[b] - similarities[a] || a - b);
    const counts = new Map<string, number>();
    for (const row of rows) {
      const { label } = images[row];
      if (label !== null) counts.set(label, (counts.get(label) ?? 0) + 1);
    }
    const [most] = [...counts].sort(([, a], [, b]) => b - a);
    const name = most ? ` ${most[0]}` : "";
    const place = String(group + 1);
    return {
      title: `${place}${name}`,
      folder: `${place.padStart(digits, "0")}${name.replaceAll(/[^\p{L}\p{N} _-]/gu, "_")}`,
      rows,
      share: most ? most[1] / rows.length : null,
      similarity: rows.reduce((sum, row) => sum + similarities[row], 0) / rows.length,
    };
  });
}

/** Agreement with the labels; null where there are not two of them. */
function labelsIndex(images: readonly EmbeddedImage[], { assignments }: Clusters): number | null {
  const rows = [...images.keys()].filter((row) => images[row].label !== null);
  const names = [...new Set(rows.map((row) => images[row].label))];
  if (names.length < 2) return null;
  const place = new Map(names.map((name, i) => [name, i]));
  return adjustedRandIndex(
    Uint32Array.from(rows, (row) => assignments[row]),
    Uint32Array.from(rows, (row) => place.get(images[row].label) ?? 0),
  );
}

function shown(images: readonly EmbeddedImage[], { similarities }: Clusters, group: Group): ShownCluster {
  const { rows, share, title, similarity } = group;
  const tell = (some: readonly number[]) =>
    some.map((row) => ({ name: images[row].name, similarity: similarities[row] }));
  return {
    title: `Group ${title}${share === null ? "" : ` (${percentage(share)})`}`,
    size: rows.length,
    similarity,
    nearest: tell(rows.slice(0, NEAREST)),
    farthest: tell(rows.slice(Math.max(NEAREST, rows.length - FARTHEST)).reverse()),
  };
}
