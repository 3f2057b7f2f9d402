/** What the host does for a replayed step: `node dist/bench/host.js`, in Bun and Deno as well; see `--help`. */
import { runHere } from "./command-line.js";
import { host } from "./measure/host.js";

await runHere(host);
