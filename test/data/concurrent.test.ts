import { suite } from "uvu";
import * as assert from "uvu/assert";
import { forEachConcurrently } from "../../src/data/concurrent.js";

const test = suite("bounded concurrency");

test("runs every task once, and never more than 16 together", async () => {
  const runs = new Array<number>(100).fill(0);
  let active = 0;
  let most = 0;
  await forEachConcurrently(100, async (index) => {
    runs[index] = (runs[index] ?? 0) + 1;
    most = Math.max(most, ++active);
    await Promise.resolve();
    active--;
  });
  assert.equal(runs, new Array<number>(100).fill(1));
  assert.is(most, 16);
  await forEachConcurrently(0, async () => assert.unreachable());
});

test("starts no more tasks after one has failed", async () => {
  let started = 0;
  let message = "";
  try {
    await forEachConcurrently(1000, async (index) => {
      started++;
      await Promise.resolve();
      if (index === 3) {
        throw new Error("broken");
      }
    });
  } catch (error) {
    message = String(error);
  }
  assert.is(message, "Error: broken");
  await Promise.resolve();
  assert.ok(started < 40, `${started} started`);
});

test.run();
