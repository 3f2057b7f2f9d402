/** This build against another, the last release: `node dist/bench/regression.js --base <commit>`, in Bun and Deno as well; see `--help`. */
import { resolve } from "node:path";
import { SimclrError } from "../src/errors.js";
import { runHere } from "./command-line.js";
import { type Benchmark, ROUNDS, runtimeName, wholeNumber } from "./measure/benchmark.js";
import { type BuildStep, compareBuilds, comparisonTable } from "./measure/regression.js";
import { step } from "./measure/step.js";
import { resultText } from "./measure/text.js";
import { type StepShape, stepShape } from "./measure/training.js";
import { bundleBytes, here, lastRelease, measureBuild, withBuild } from "./regression/builds.js";

/** The steps of both builds, in turns; which of them comes first changes from round to round. */
async function measureInTurns(
  folders: readonly [base: string, here: string],
  shape: StepShape,
  rounds: number,
  progress: (line: string) => void,
): Promise<readonly [base: BuildStep[], here: BuildStep[]]> {
  const steps: [BuildStep[], BuildStep[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    progress(`round ${round + 1} of ${rounds}`);
    for (const i of round % 2 === 0 ? [0, 1] : [1, 0]) steps[i].push(await measureBuild(folders[i], shape));
  }
  return steps;
}

const benchmark: Benchmark = {
  name: "regression",
  description: [
    "this build (dist/, as it is compiled) against another one on the same machine: time, dispatches and device memory of a training " +
      "step, measured round by round in turns, each in a process of its own, and the bytes of all that the library exports to pages.",
    "What got worse by more than the rounds differ among themselves is marked, and the exit code is 1 then.",
  ].join("\n\n"),
  arguments: step.arguments,
  options: [
    {
      name: "base",
      description:
        "a tag or commit, which is built in a temporary folder, or the folder of a build (default: the last tag)",
    },
    ROUNDS,
    ...step.options.filter(({ name }) => name === "precision"),
  ],
  async run(settings, progress) {
    const shape = stepShape(settings);
    // How much rounds differ is not seen in fewer.
    const rounds = wholeNumber(settings, "rounds", 3);
    const base = settings.base ?? (await lastRelease());
    progress(`building ${base}`);
    const [before, now, bundles] = await withBuild(base, async (folder) => {
      const folders = [resolve(folder), here] as const;
      const bundles = [await bundleBytes(folders[0]), await bundleBytes(folders[1])];
      return [...(await measureInTurns(folders, shape, rounds, progress)), bundles] as const;
    });
    const compared = compareBuilds({ steps: before, bundleBytes: bundles[0] }, { steps: now, bundleBytes: bundles[1] });
    const { encoder, batch, imageSize, precision } = shape;
    const what = `${encoder}, batch ${batch}, ${imageSize} x ${imageSize}, ${precision}; base: ${base}; ${rounds} rounds`;
    const worse = compared.filter((row) => row.worse).map(({ figure }) => figure);
    const text = resultText({ adapter: now[0].adapter, runtime: runtimeName() }, what, comparisonTable(compared));
    const failure = worse.length > 0 && { failure: new SimclrError(`worse than ${base}: ${worse.join(", ")}`) };
    return { text, data: { base, ...shape, rounds, compared }, ...failure };
  },
};

await runHere(benchmark);
