/** GFLOP/s, GB/s and share of the roofline, kernel by kernel: `node dist/bench/kernels.js [--only <regular expression>]`, in Bun and Deno as well; see `--help`. */
import { runHere } from "./command-line.js";
import { kernels } from "./measure/kernels.js";

await runHere(kernels);
