import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../src/errors.js";
import { printable } from "../src/printable.js";
import { escapeHtml } from "../src/report/report-text.js";

const text = suite("texts with names of files in them");

text("show control characters, and leave the rest", () => {
  assert.is(printable("a\x1b[2Jb\rc\x07\x7f\x9b"), "a\\x1b[2Jb\\x0dc\\x07\\x7f\\x9b");
  assert.is(printable("photo\u202egpj.exe"), "photo\\u202egpj.exe");
  const harmless = "Käse ☕ 写真.jpg\n\t{}";
  assert.is(printable(harmless), harmless);
});

text("of errors and pages hold none", () => {
  assert.is(new DataError("\x1b]0;title\x07.jpg is broken").message, "\\x1b]0;title\\x07.jpg is broken");
  assert.is(escapeHtml("<\x1b>"), "&lt;\\x1b&gt;");
});

text.run();
