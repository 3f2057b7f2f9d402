import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadGoldenBytes } from "../lib/golden.js";

const runtime = suite("runtime");

runtime("reads golden files", async () => {
  assert.equal([...(await loadGoldenBytes("bytes.bin"))], [0, 1, 127, 128, 255]);
});

runtime("names a golden file that is missing", async () => {
  try {
    await loadGoldenBytes("missing.bin");
  } catch (error) {
    assert.instance(error, Error);
    assert.match(String(error), "missing.bin");
    return;
  }
  assert.unreachable("a missing file was read");
});

runtime.run();
