/**
 * Replaces the file named as argument by 2,000 lines, each with the number of the attempt, over and over, until it is
 * killed. So many pieces make the writing, not the syncing, take nearly all the time, and a kill falls into it.
 */
import { writeFileAtomic } from "../../src/io/atomic.js";

const [, , path = ""] = process.argv;
for (let attempt = 0; ; attempt++) {
  await writeFileAtomic(path, Array<string>(2000).fill(`${attempt}\n`));
  if (attempt === 0) process.stdout.write("written\n");
}
