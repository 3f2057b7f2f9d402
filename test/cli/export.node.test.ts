import { mkdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { inTemporaryFolder, writeFiles } from "../data/make-files.js";
import { tools } from "../lib/onnx.js";
import { failed, onlyRun, SMALL, simclr, succeeded } from "./command.js";
import { classFolders } from "./pictures.js";

const exporting = suite("simclr: export");

exporting("writes a folder to give away, or one file, compared with onnxruntime-node where that is installed", () =>
  inTemporaryFolder(async (cwd) => {
    await writeFiles(join(cwd, "my set"), await classFolders(60));
    succeeded(await simclr(["train", "my set", ...SMALL, "--epochs", "1"], { cwd }));
    const run = await onlyRun(cwd);
    const unchecked = succeeded(await simclr(["export", run, "--out", "net.onnx"], { cwd }));
    assert.match(unchecked.stdout, /wrote +net\.onnx\n.*not compared .* takes the package onnxruntime-node/);

    await mkdir(join(cwd, "node_modules"));
    await symlink(join(tools, "node_modules/onnxruntime-node"), join(cwd, "node_modules/onnxruntime-node"));
    const [whole, again] = await Promise.all([
      simclr(["export", run, "--onnx", "--head", "--with-preprocessing", "--license", "mit"], { cwd }),
      simclr(["export", run, "--out", "net.onnx"], { cwd }),
    ]);
    assert.match(
      succeeded(whole).stdout,
      /export\/README\.md\nchecked +by onnxruntime-node on 4 made-up images: outputs differ by at most [\d.]+e-\d+, the largest being/,
    );
    const card = await readFile(join(cwd, run, "export/README.md"), "utf8");
    assert.match(card, /^---\nlicense: "mit"\n/);
    assert.match(
      card,
      /f32 \[batch, 3, 16, 16\] of pixels from 0 to 255, and gives `image_embeds`, f32 \[batch, 128\]/,
    );
    failed(again, /net\.onnx is there already: remove it, or choose another place with --out/);
  }),
);

exporting.run();
