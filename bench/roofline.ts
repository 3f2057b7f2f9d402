/** What the adapter reaches: `node dist/bench/roofline.js`, in Bun and Deno as well; see `--help`. */
import { runHere } from "./command-line.js";
import { roofline } from "./measure/roofline.js";

await runHere(roofline);
