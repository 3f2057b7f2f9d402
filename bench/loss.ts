/** NT-Xent alone: `node dist/bench/loss.js`, in Bun and Deno as well; see `--help`. */
import { runHere } from "./command-line.js";
import { loss } from "./measure/loss.js";

await runHere(loss);
