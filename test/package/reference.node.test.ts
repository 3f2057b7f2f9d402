import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { repository } from "../lib/repository.js";
import { succeed, tools } from "./app.js";

const reference = suite("the reference of the package");

reference("is made of its three doors without a warning: everything in them is documented", async () => {
  const out = await mkdtemp(join(tmpdir(), "simclr-reference-"));
  try {
    const options = ["--options", join(tools, "typedoc.json"), "--out", out];
    await succeed(process.execPath, [join(tools, "node_modules/typedoc/bin/typedoc"), ...options], repository);
    const page = (name: string) => readFile(join(out, `${name}.html`), "utf8");
    for (const [name, text] of Object.entries({
      "modules/webgpu-simclr": "Self-supervised learning on images",
      "modules/webgpu-simclr_engine": "The engine alone",
      "modules/webgpu-simclr_node": "what needs files",
      "functions/webgpu-simclr_engine.ntXent": "Normalised temperature-scaled cross-entropy",
      "classes/webgpu-simclr.Trainer": "ConfigError",
      "variables/webgpu-simclr_engine.kernels.relu": "max(x, 0)",
    }))
      assert.ok((await page(name)).includes(text), `${name}: ${text}`);
  } finally {
    await rm(out, { recursive: true });
  }
});

reference.run();
