import { readdir, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CheckpointError, UsageError } from "../../src/errors.js";
import { takeLock } from "../../src/io/lock.js";
import { rejects } from "../data/expect.js";
import { inTemporaryFolder } from "../data/make-files.js";

const lock = suite("locks");

lock("are held by one at a time, and let go of", () =>
  inTemporaryFolder(async (folder) => {
    const path = `${folder}/lock`;
    const release = await takeLock(path, "the run a");
    await rejects(
      takeLock(path, "the run a"),
      UsageError,
      new RegExp(`the run a is in use by the process ${process.pid}$`),
    );
    assert.equal(await readdir(folder), ["lock"]);
    await release();
    assert.equal(await readdir(folder), []);
    const again = await Promise.allSettled(Array.from({ length: 8 }, () => takeLock(path, "the run a")));
    assert.is(again.filter(({ status }) => status === "fulfilled").length, 1);
  }),
);

lock("of processes that are gone count for nothing, of other machines for much", () =>
  inTemporaryFolder(async (folder) => {
    const path = `${folder}/lock`;
    const gone = { pid: 2 ** 22 + 1, host: hostname(), started: null };
    // The number of a process is used again in time.
    const reused = { pid: process.pid, host: hostname(), started: "1" };
    for (const holder of [gone, ...(process.platform === "linux" ? [reused] : [])]) {
      await writeFile(path, JSON.stringify(holder));
      await (await takeLock(path, "it"))();
    }
    for (const text of ["", "{", "null", '{"pid":"1"}']) {
      await writeFile(path, text);
      await (await takeLock(path, "it"))();
    }
    await writeFile(path, JSON.stringify({ ...gone, host: "elsewhere" }));
    await rejects(takeLock(path, "it"), UsageError, /in use by the process 4194305 on elsewhere: delete .*lock where/);
  }),
);

lock("that cannot be made say why", () =>
  inTemporaryFolder(async (folder) => {
    await rejects(
      takeLock(`${folder}/nowhere/lock`, "it"),
      CheckpointError,
      /nowhere\/lock: the folder does not exist/,
    );
  }),
);

lock.run();
