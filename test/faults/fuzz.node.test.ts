import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fuzz, tryInput, withReaders } from "./fuzz.js";
import { SEEDS } from "./seeds.js";

const fuzzing = suite("fuzzing");

fuzzing("what readers once failed at is refused", () =>
  withReaders(async (readers) => {
    for (const { reader: name, was, input } of SEEDS) {
      const reader = readers.find((known) => known.name === name);
      assert.ok(reader, name);
      assert.equal(await tryInput(reader, input), "refused", `${name}, which was ${was}`);
    }
  }),
);

fuzzing("damaged inputs of every reader are read or refused, in little time and memory", async () => {
  const { refused, findings } = await fuzz(4000, 20260101);
  const problems = findings.map(({ reader, problem, input }) => ({ reader, problem, bytes: input.length }));
  assert.equal(problems, []);
  assert.ok(refused > 2000, `${refused} refused`);
});

fuzzing.run();
