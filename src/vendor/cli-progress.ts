/** Progress bars of the command line. */
export { default as cliProgress } from "cli-progress";
