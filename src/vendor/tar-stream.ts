/** Archives of data sets. */
export { extract } from "tar-stream";
