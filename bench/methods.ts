/** Training steps of the methods beside each other: `node dist/bench/methods.js [encoder] [batch] [image size]`, in Bun and Deno as well; see `--help`. */
import { runHere } from "./command-line.js";
import { methods } from "./measure/methods.js";

await runHere(methods);
