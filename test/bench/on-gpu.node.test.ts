import { suite } from "uvu";
import * as assert from "uvu/assert";
import { partsOf } from "../../bench/on-gpu/parts.js";
import { type Part, type PartResult, runParts } from "../../bench/on-gpu/run.js";

const onGpu = suite("what waits for a GPU");

function part(name: string, program: string, seconds = 20): Part {
  return { name, title: name, words: ["-e", program], seconds };
}

/** Runs parts, and gives what was shown, noted and kept. */
async function run(parts: Parameters<typeof runParts>[0], seconds: number) {
  const [shown, noted]: [string[], string[]] = [[], []];
  const kept: number[] = [];
  const results = await runParts(parts, performance.now() + 1000 * seconds, {
    show: (text) => shown.push(text),
    note: (line) => noted.push(line),
    keep: async (all) => {
      kept.push(all.length);
    },
  });
  return { results, shown: shown.join(""), noted, kept };
}

const ends = (results: readonly PartResult[]) => results.map(({ end }) => end);

onGpu("goes on after a part that fails, and keeps what each printed", async () => {
  const parts = [
    part("first", "console.log('a table')"),
    part("second", "console.error('out of luck'); process.exit(3)"),
    { name: "third", title: "third: not here", words: null, seconds: 5 },
    (results: readonly PartResult[]) => part("last", `console.log('after ${results.length}')`),
  ];
  const { results, shown, noted, kept } = await run(parts, 100);
  assert.equal(ends(results), ["done", "failed", "left out", "done"]);
  assert.equal([results[0].output, results[1].output, results[3].output], ["a table\n", "out of luck\n", "after 3\n"]);
  assert.is(shown, "a table\nout of luck\nafter 3\n");
  assert.match(noted[2], /^3 of 4, \d+ s left: third: not here \(left out\)$/);
  assert.equal(kept, [1, 2, 3, 4]);
});

onGpu("stops a part at its own limit, and begins none that has no time", async () => {
  const begin = performance.now();
  const parts = [
    part("slow", "setInterval(() => {}, 1000)", 1),
    part("stubborn", "process.on('SIGINT', () => {}); setInterval(() => {}, 1000)", 0.5),
    part("long", "console.log('never')", 100),
  ];
  const { results } = await run(parts, 20);
  assert.equal(ends(results), ["stopped", "stopped", "left out"]);
  assert.ok(performance.now() - begin < 20_000);
});

onGpu("begins with doctor and ends with accuracies, for as many epochs as fit", () => {
  const parts = partsOf({ scale: "gpu", out: "out", images: "cifar-10" });
  const [first] = parts;
  const last = parts.at(-1);
  assert.ok(typeof first === "object" && first.name === "doctor");
  assert.ok(typeof last === "function");
  if (typeof last !== "function") return;
  const step: PartResult = {
    ...{ name: "step-mixed-512", title: "", end: "done", seconds: 1, output: "" },
    data: { imagesPerSecond: 10_000 },
  };
  // 0.7 of 200 s are 28 epochs of 50,000 images at 10,000 a second.
  assert.match(last([step], 200).title, "28 epochs");
  assert.match(last([], 200).title, "1 epoch ");
  const [none] = partsOf({ scale: "tiny", out: "out" }).slice(-1);
  assert.is(typeof none === "function" && none([step], 200).words, null);
});

onGpu.run();
