import { createLayout } from "../embeddings/layout.js";
import { neighbourGraph } from "../embeddings/neighbour-graph.js";
import { ConfigError } from "../errors.js";
import { mapPage } from "../report/map-page.js";
import type { Command } from "../vendor/commander.js";
import { counted } from "../wording.js";
import { number } from "./numbers.js";
import { runVerb, type VerbOptions, verbCommand } from "./verb.js";

interface MapOptions extends VerbOptions {
  readonly neighbours: number;
  readonly steps: number;
  readonly seed: number;
}

/** `simclr map <folder>` */
export function addMapCommand(program: Command): void {
  verbCommand(
    program,
    "map",
    "lay photographs out on a page, similar ones side by side, to zoom into and to choose from with a lasso",
    null,
  )
    .option(
      "--neighbours <photographs>",
      "that each one is drawn to: more show the whole, fewer the details",
      number,
      15,
    )
    .option("--steps <number>", "of the layout", number, 500)
    .option("--seed <number>", "of the layout", number, 1)
    .action((folder: string, options: MapOptions) => {
      const { neighbours: k, steps, seed } = options;
      if (!Number.isInteger(k) || k < 1)
        throw new ConfigError(`--neighbours are ${k}; it must be a whole number from 1 up`);
      return runVerb("map", folder, options, async ({ device, stored, facts, command }) => {
        const { images, features } = stored;
        const layout = await createLayout(device, await neighbourGraph(device, features, { k }), { steps, seed });
        layout.step(steps);
        const positions = await layout.positions();
        layout.dispose();
        return {
          text: `${counted(images.length, "photograph")} on a map`,
          json: images.map(({ name, label }, row) => ({
            name,
            label,
            x: positions[2 * row],
            y: positions[2 * row + 1],
          })),
          page: (thumbnails) => mapPage({ photographs: images, positions, facts, command }, thumbnails),
          listed: [],
          copied: [],
        };
      });
    });
}
