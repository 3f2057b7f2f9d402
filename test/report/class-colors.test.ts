import { suite } from "uvu";
import * as assert from "uvu/assert";
import { classColors } from "../../src/report/class-colors.js";

const colors = suite("class colours");

colors("gives each class a colour of its own", () => {
  for (const count of [0, 1, 10, 11, 100]) {
    const palette = classColors(count);
    assert.is(palette.length, count);
    assert.is(new Set(palette).size, count);
    for (const color of palette) assert.match(color, /^(#[0-9a-f]{6}|hsl\(\d+\.\d \d+% \d+%\))$/);
  }
});

colors.run();
