import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../src/errors.js";
import { readImageList, writeImageList } from "../../src/io/image-list-file.js";
import { rejects } from "../data/expect.js";
import { inTemporaryFolder } from "../data/make-files.js";

const files = suite("image lists in files");

files("are read as they were written", () =>
  inTemporaryFolder(async (folder) => {
    const names = ["cat/1.jpg", "dog/ö.jpg", "#3.jpg"];
    await writeImageList(`${folder}/list.txt`, names, "some");
    assert.equal(await readImageList(`${folder}/list.txt`), names);
  }),
);

files("one that is not there is named", () =>
  inTemporaryFolder((folder) =>
    rejects(readImageList(`${folder}/none.txt`), DataError, /none\.txt cannot be read: ENOENT/),
  ),
);

files.run();
