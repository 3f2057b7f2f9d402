/** A training step, as a whole and kernel by kernel: `node dist/bench/step.js [encoder] [batch] [image size]`, in Bun and Deno as well; see `--help`. */
import { runHere } from "./command-line.js";
import { step } from "./measure/step.js";

await runHere(step);
