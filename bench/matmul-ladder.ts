/** A matrix product from the naive kernel up, step by step: `node dist/bench/matmul-ladder.js [size]`, in Bun and Deno as well; see `--help`. */
import { runHere } from "./command-line.js";
import { matmulLadder } from "./measure/ladder.js";

await runHere(matmulLadder);
