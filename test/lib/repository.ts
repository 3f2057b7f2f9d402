import { fileURLToPath } from "node:url";

/** The path of the repository, with a final separator; from dist/test/lib/, where the compiled module is. */
export const repository = fileURLToPath(new URL("../../../", import.meta.url));
