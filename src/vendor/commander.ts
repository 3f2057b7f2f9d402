/** Arguments of the command line. Like the others in this folder, it becomes part of the package: `.ci/prepack.ts` bundles it in place. */
export { Argument, Command, InvalidArgumentError, Option } from "commander";
