/** The directories of zip archives. */
export { type Entry, getFileNameLowLevel, openPromise } from "yauzl";
