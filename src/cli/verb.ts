import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { readEmbeddings, type StoredEmbeddings } from "../embeddings/folder.js";
import { type Copy, copyPhotographs, expectEmpty, Photographs } from "../embeddings/photographs.js";
import type { Device } from "../engine/device.js";
import { UsageError } from "../errors.js";
import { writeFileAtomic } from "../io/atomic.js";
import { writeImageList } from "../io/image-list-file.js";
import { printable } from "../printable.js";
import { Thumbnails } from "../report/thumbnails.js";
import type { Command } from "../vendor/commander.js";
import { counted, listed } from "../wording.js";
import { addOutputOptions, answer, say, tell, warn } from "./output.js";
import { withDevice } from "./session.js";
import { suggested } from "./suggested.js";

/** Options of every command on a folder of embeddings. */
export interface VerbOptions {
  readonly json?: true;
  /** False with `--no-page`. */
  readonly page?: string | false;
  readonly images?: string;
  readonly list?: string;
  readonly copyTo?: string;
}

/** What a command found. */
export interface Finding {
  /** For people, on a terminal. */
  readonly text: string;
  /** For programs. */
  readonly json: unknown;
  /** Makes the page. */
  readonly page: (thumbnails: Thumbnails) => Promise<string>;
  /** The photographs of `--list`. */
  readonly listed: readonly Pick<Copy, "name">[];
  /** What the file of `--list` says, where that is more than names. */
  readonly listText?: string;
  /** Those of `--copy-to`, and where each goes. */
  readonly copied: readonly Copy[];
  /** The path of a photograph on the page that is none of the folder's. */
  readonly stranger?: string;
}

/** What a command works with. */
export interface Opened {
  readonly device: Device;
  readonly stored: StoredEmbeddings;
  /** What is on the page beside its title: how many photographs, of which encoder. */
  readonly facts: readonly string[];
  /** The command as it can be given again. */
  readonly command: string;
}

/** What `--list` and `--copy-to` are about, for the help. */
export interface ChosenText {
  readonly list: string;
  readonly copyTo: string;
}

/**
 * Gives a command its folder, and the options that all of them have.
 * @param chosen null for a command that chooses none of the photographs
 */
export function verbCommand(program: Command, name: string, description: string, chosen: ChosenText | null): Command {
  const command = addOutputOptions(program.command(name))
    .description(description)
    .argument("<folder>", "of embeddings, as simclr embed <encoder> <images> --folder makes it")
    .option("--page <file>", `where the page with pictures goes (default: ${name}.html in the folder)`)
    .option("--no-page", "write no page")
    .option("--images <images>", "where the photographs are now, if they were moved");
  if (chosen === null) return command;
  return command
    .option("--list <file>", `write the names of ${chosen.list} to a new file`)
    .option("--copy-to <folder>", `copy ${chosen.copyTo} to a new folder; nothing is ever moved or deleted`);
}

/** Paths may be anything, and nothing that is there is overwritten. */
async function expectNew(path: string): Promise<void> {
  const there = await stat(path).then(
    () => true,
    () => false,
  );
  if (there) throw new UsageError(`${path} is there already: name a new file with --list`);
}

/** Opens the folder and the device, and does with what `work` finds as the options say. */
export async function runVerb(
  name: string,
  folder: string,
  options: VerbOptions,
  work: (opened: Opened) => Promise<Finding>,
): Promise<void> {
  const { json, page, images, list, copyTo } = options;
  // Before what may take minutes.
  if (list !== undefined) await expectNew(list);
  if (copyTo !== undefined) await expectEmpty(copyTo);
  const stored = await readEmbeddings(folder);
  await withDevice(async (device) => {
    const { encoder, images: all } = stored;
    const facts = [
      counted(all.length, "photograph"),
      `${encoder.name} ${encoder.hash.slice(0, 12)}`,
      `${encoder.dimension} numbers each`,
      device.adapter.name,
    ];
    const command = suggested(process.argv.slice(2));
    const found = await work({ device, stored, facts, command });
    if (!json) say(`\n${printable(found.text)}`);
    answer(found.json);
    const photographs = new Photographs(images ?? stored.source);
    // Last, for the others can do without it.
    const writePage = async (file: string) => {
      const read = (photograph: string) =>
        photograph === found.stranger ? readFile(photograph) : photographs.read(photograph);
      const thumbnails = new Thumbnails(read, stored.bitDepth ?? undefined);
      await writeFileAtomic(file, await found.page(thumbnails));
      tell(`\npage: ${file}`);
      const { missing } = thumbnails;
      if (missing.length > 0)
        warn(
          printable(
            `      ${counted(missing.length, "photograph")} could not be read for it: ${listed(missing.map((one) => one.name))} (${missing[0].reason}); where they were moved, say so with --images`,
          ),
        );
    };
    if (list !== undefined) {
      const names = found.listed.map((photograph) => photograph.name);
      await (found.listText === undefined ? writeImageList(list, names) : writeFileAtomic(list, found.listText));
      tell(`list: ${list}, ${counted(found.listed.length, "name")}`);
    }
    if (copyTo !== undefined) {
      await copyPhotographs(photographs, found.copied, copyTo);
      tell(`copied: ${counted(found.copied.length, "photograph")} to ${copyTo}`);
    }
    if (page !== false) await writePage(page ?? join(folder, `${name}.html`));
  });
}

/** A photograph's name as a cell of a table: in one line, whatever it is called. */
export function nameCell({ name }: { readonly name: string }): string {
  return name.replaceAll("\r", "\\r").replaceAll("\n", "\\n");
}

/** Copies under the names that they have. */
export function sameNames(names: readonly string[]): Copy[] {
  return names.map((name) => ({ name, to: name }));
}
