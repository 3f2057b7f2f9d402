/** Attention alone: `node dist/bench/attention.js`, in Bun and Deno as well; see `--help`. */
import { runHere } from "./command-line.js";
import { attentionBenchmark } from "./measure/attention.js";

await runHere(attentionBenchmark);
