import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DEFAULT_CONFIG } from "../../src/training/config.js";
import { repository } from "../lib/repository.js";

const config = suite("the configuration");

/** What stands for a default that is no plain value. */
const NAMED: Readonly<Record<string, RegExp>> = {
  options: /none by default/,
  normalization: /by default nothing/,
};

config("says the default of every key where an editor shows it", async () => {
  const { readFile } = await import("node:fs/promises");
  const source = await readFile(`${repository}src/training/config.ts`, "utf8");
  const [, body] = /export interface TrainingConfig \{\n(.*?)\n\}/s.exec(source) ?? [];
  const documented = [...(body ?? "").matchAll(/\/\*\*(.*?)\*\/\s*readonly (\w+)/gs)];
  assert.equal(
    documented.map(([, , key]) => key),
    Object.keys(DEFAULT_CONFIG),
  );
  for (const [, comment, key] of documented) {
    const text = comment.replace(/\s*\n\s*\* ?/g, " ");
    const value = Reflect.get(DEFAULT_CONFIG, key);
    const shown = typeof value === "number" ? value.toFixed(6).replace(/\.?0+$/, "") : String(value);
    const expected =
      NAMED[key] ?? new RegExp(`\\b${shown}\\W[^.;]*\\bby default\\b|\\bby default\\b[^.;]*\\b${shown}\\b`);
    assert.match(text, expected, key);
  }
});

config.run();
