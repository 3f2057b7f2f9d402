#!/usr/bin/env node
/**
 * Batch sizes compared: `node dist/bench/batch-size.js`, in Bun and Deno as well, and `simclr-batch-size` where the package is installed;
 * see `--help`.
 */
import { runHere } from "./command-line.js";
import { batchSize } from "./measure/batch-size.js";

await runHere(batchSize);
