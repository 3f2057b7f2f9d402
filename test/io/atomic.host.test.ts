import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CheckpointError } from "../../src/errors.js";
import { writeFileAtomic } from "../../src/io/atomic.js";

const folder = await mkdtemp(join(tmpdir(), "simclr-atomic-"));
const smallDisk = await mountSmallDisk();
const atomic = suite("writeFileAtomic");

atomic.after(async () => {
  if (smallDisk !== null) execFileSync("umount", [smallDisk]);
  await rm(folder, { recursive: true });
});

/** A disk of 64 KiB, or null where the system does not let this process mount one. */
async function mountSmallDisk(): Promise<string | null> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return null;
  const path = join(folder, "small-disk");
  await mkdir(path);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", path], { stdio: "ignore" });
    return path;
  } catch {
    return null;
  }
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => null,
    (error: unknown) => error,
  );
}

function isCheckpointError(error: unknown, ...parts: readonly string[]): void {
  assert.instance(error, CheckpointError);
  for (const part of parts) assert.match(String(error), part);
}

atomic("writes bytes, text and pieces of text, and replaces what was there", async () => {
  const path = join(folder, "plain");
  await writeFileAtomic(path, Uint8Array.of(0, 255, 7));
  assert.equal([...(await readFile(path))], [0, 255, 7]);
  await writeFileAtomic(path, "größer");
  assert.is(await readFile(path, "utf8"), "größer");
  await writeFileAtomic(path, ["a", "ß", "c\n"]);
  assert.is(await readFile(path, "utf8"), "aßc\n");
  await writeFileAtomic(path, "");
  assert.is(await readFile(path, "utf8"), "");
  assert.equal(
    (await readdir(folder)).filter((name) => name.startsWith("plain")),
    ["plain"],
  );
});

if (process.platform === "linux") {
  atomic("keeps the previous file when the disk is full", async () => {
    const path = join(folder, "full");
    await writeFileAtomic(path, "previous");
    // Whatever is written to the temporary file then meets a full device.
    await symlink("/dev/full", `${path}.tmp-${process.pid}`);
    isCheckpointError(await failure(writeFileAtomic(path, "next")), path, "the disk is full", "ENOSPC");
    assert.is(await readFile(path, "utf8"), "previous");
    const left = (await readdir(folder)).filter((name) => name.startsWith("full"));
    assert.equal(left, ["full"]);
  });
}

atomic("of two writes to one path at once, one comes last, whole", async () => {
  const path = join(folder, "twice");
  const contents = ["a".repeat(1e6), "b".repeat(1e6), "c".repeat(1e6)];
  await Promise.all(contents.map((content) => writeFileAtomic(path, content)));
  assert.ok(contents.includes(await readFile(path, "utf8")));
  assert.equal(
    (await readdir(folder)).filter((name) => name.startsWith("twice")),
    ["twice"],
  );
});

if (smallDisk !== null) {
  atomic("keeps the previous file when a small disk runs full", async () => {
    const path = join(smallDisk, "checkpoint");
    await writeFileAtomic(path, new Uint8Array(30_000).fill(1));
    isCheckpointError(await failure(writeFileAtomic(path, new Uint8Array(50_000).fill(2))), path, "the disk is full");
    assert.equal(await readdir(smallDisk), ["checkpoint"]);
    assert.equal(new Uint8Array(await readFile(path)), new Uint8Array(30_000).fill(1));
    // The space that the failed attempt took is free again.
    await writeFileAtomic(path, new Uint8Array(30_000).fill(3));
    assert.is((await readFile(path))[29_999], 3);
  });
}

atomic("says why a file cannot be written", async () => {
  const missing = join(folder, "no-such-folder", "file");
  isCheckpointError(await failure(writeFileAtomic(missing, "x")), missing, "the folder does not exist");
  const occupied = join(folder, "occupied");
  await mkdir(occupied);
  await writeFile(join(occupied, "inside"), "");
  isCheckpointError(await failure(writeFileAtomic(occupied, "x")), `Cannot write ${occupied}`);
  assert.equal(
    (await readdir(folder)).filter((name) => name.startsWith("occupied")),
    ["occupied"],
  );
});

atomic("passes on what the pieces throw, and leaves the previous file", async () => {
  const path = join(folder, "pieces");
  await writeFileAtomic(path, "previous");
  function* pieces() {
    yield "half";
    throw new RangeError("no more");
  }
  assert.instance(await failure(writeFileAtomic(path, pieces())), RangeError);
  assert.is(await readFile(path, "utf8"), "previous");
  assert.equal(
    (await readdir(folder)).filter((name) => name.startsWith("pieces")),
    ["pieces"],
  );
});

atomic("leaves a whole file after a kill at any moment", async () => {
  const path = join(folder, "killed");
  const writer = fileURLToPath(new URL("atomic-writer.js", import.meta.url));
  const options = "Deno" in globalThis ? ["run", "--allow-all", "--no-lock", "--quiet"] : [];
  for (let round = 0; round < 6; round++) {
    await rm(path, { force: true });
    const child = spawn(process.execPath, [...options, writer, path], { stdio: ["ignore", "pipe", "inherit"] });
    const closed = once(child, "close");
    await Promise.race([once(child.stdout, "data"), closed]);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 50));
    child.kill("SIGKILL");
    const [, signal] = await closed;
    assert.is(signal, "SIGKILL");
    const lines = (await readFile(path, "utf8")).split("\n");
    assert.is(lines.length, 2001);
    assert.is(new Set(lines.slice(0, -1)).size, 1);
  }
});

atomic.run();
