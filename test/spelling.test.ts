import { suite } from "uvu";
import * as assert from "uvu/assert";
import { nearestName } from "../src/spelling.js";

const spelling = suite("the name that was meant");

const known = ["batch", "microBatch", "learningRate", "epochs", "temperature", "seed"];

spelling("is found by other signs, initials, a part, and letters that are wrong", () => {
  for (const [wrong, meant] of [
    ["batchSize", "batch"],
    ["learning_rate", "learningRate"],
    ["lr", "learningRate"],
    ["MicroBatch", "microBatch"],
    ["epoch", "epochs"],
    ["temprature", "temperature"],
    ["temp", "temperature"],
  ])
    assert.is(nearestName(wrong, known), meant, wrong);
});

spelling("is none where nothing is near", () => {
  for (const wrong of ["dropout", "x", "", "momentum"]) assert.is(nearestName(wrong, known), null, wrong);
  assert.is(nearestName("batch", []), null);
});

spelling.run();
