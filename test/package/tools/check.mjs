// node check.mjs TARBALL: what publint and "are the types wrong" find wrong with a package, one thing a line.
import { readFile } from "node:fs/promises";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

const [path] = process.argv.slice(2);
const file = await readFile(path);

const { messages, pkg } = await publint({
  pack: { tarball: file.buffer.slice(file.byteOffset, file.byteOffset + file.length) },
  strict: true,
});
for (const message of messages) console.log(`publint: ${formatMessage(message, pkg, { color: false })}`);

const { problems } = await checkPackage(createPackageFromTarballData(file));
// It is made of modules alone: what asks for it by `require`, and compilers of before package.json had exports, are left out.
const wanted = problems.filter(
  ({ kind, resolutionKind }) =>
    !["CJSResolvesToESM", "NoResolution"].includes(kind) || ["node16-esm", "bundler"].includes(resolutionKind),
);
for (const problem of wanted) console.log(`types: ${JSON.stringify(problem)}`);
