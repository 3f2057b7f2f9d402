/** Reading a folder of photographs, and batches of them: `node dist/bench/images.js <folder> [size]`, in Bun and Deno as well; see `--help`. */
import { runHere } from "./command-line.js";
import { images } from "./measure/images.js";

await runHere(images);
