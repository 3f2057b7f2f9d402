import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../src/errors.js";
import { decodeImageList, encodeImageList } from "../../src/io/image-list.js";
import { throws } from "../data/expect.js";

const lists = suite("image lists");

lists("one name a line, after a comment", () => {
  const text = encodeImageList(["cat/1.jpg", "train_X.bin[12]"], "1 % of the labels\n\nseed 3");
  assert.is(text, "# 1 % of the labels\n#\n# seed 3\ncat/1.jpg\ntrain_X.bin[12]\n");
  assert.equal(decodeImageList(text), ["cat/1.jpg", "train_X.bin[12]"]);
  assert.is(encodeImageList([]), "");
});

lists("names that look like something else read back as they are", () => {
  const names = ["#1.jpg", " 2.jpg", "3 .jpg ", "./4.jpg", "\t", "", "ü#.jpg", "..5.jpg"];
  assert.equal(decodeImageList(encodeImageList(names)), names);
});

lists("what an editor leaves is understood", () => {
  assert.equal(decodeImageList("\ufeff# list\r\n\r\na.jpg\r\n  \n./b.jpg\n#c.jpg\nd.jpg"), ["a.jpg", "b.jpg", "d.jpg"]);
});

lists("a name with a line break is refused", () => {
  throws(() => encodeImageList(["a.jpg", "b\n.jpg"]), DataError, /"b\\n\.jpg" has a line break/);
});

lists.run();
