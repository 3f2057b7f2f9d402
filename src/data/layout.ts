import { counted, listed } from "../wording.js";

/** The images of one split: which of the listed paths, and their labels where the folders give any. */
export interface SplitLayout {
  /** Indices into the paths, in the order of the sorted paths. */
  readonly members: readonly number[];
  /** Class index of each member, or null. */
  readonly labels: Uint32Array | null;
  /** Class names in label order; empty without labels. */
  readonly classes: readonly string[];
}

/** What the paths of images say. */
export interface Layout {
  readonly train: SplitLayout;
  readonly test: SplitLayout | null;
  /** Images to train on that have no label, where the others have; never with labels. */
  readonly unlabelled: SplitLayout | null;
  /** What was left out, and what was read otherwise than someone might expect, for people. */
  readonly notes: readonly string[];
}

/** What a top folder is by its name, in upper or lower case. */
const SPLITS: Readonly<Record<string, Split>> = {
  train: "train",
  training: "train",
  test: "test",
  testing: "test",
  val: "val",
  valid: "val",
  validation: "val",
  dev: "val",
  unlabeled: "unlabelled",
  unlabelled: "unlabelled",
};
export type Split = "train" | "test" | "val" | "unlabelled";

/** Class folders give labels where at most this share of a split's images lies beside them. */
const MOST_STRAY = 0.1;

/** An image below the folder of its split. */
interface Member {
  readonly index: number;
  readonly path: string;
  /** The folder of its split, "" or with a "/" at the end. */
  readonly root: string;
  /** Class folder, or null for an image at the root of its split. */
  readonly folder: string | null;
}

/** "a/b/c.jpg" -> "a" */
function firstFolder(path: string): string | null {
  const slash = path.indexOf("/");
  return slash < 0 ? null : path.slice(0, slash);
}

/** The folder that all paths lie in, as "name/" or "outer/inner/", or "" where there is none. */
export function commonFolder(paths: readonly string[]): string {
  let root = "";
  for (;;) {
    const next = firstFolder((paths[0] ?? "").slice(root.length));
    if (next === null || !paths.every((path) => path.startsWith(`${root}${next}/`))) return root;
    root += `${next}/`;
  }
}

/** What a folder, a word of a file name or a field of a list says that its images are for. */
export function splitNamed(top: string): Split | undefined {
  return Object.hasOwn(SPLITS, top.toLowerCase()) ? SPLITS[top.toLowerCase()] : undefined;
}

function sorted(members: readonly Member[]): Member[] {
  return [...members].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.index - b.index));
}

/** The images below some folders, sorted by their paths. */
function below(paths: readonly string[], roots: readonly string[]): Member[] {
  return sorted(
    paths.flatMap((path, index) => {
      const root = roots.find((folder) => path.startsWith(folder));
      return root === undefined ? [] : [{ index, path, root, folder: firstFolder(path.slice(root.length)) }];
    }),
  );
}

/** A split with those of its images that lie beside its class folders apart. */
interface Labelled {
  readonly members: readonly Member[];
  readonly strays: readonly Member[];
  /** Null where the folders give no labels. */
  readonly classes: ReadonlySet<string> | null;
}

function labelsOf(members: readonly Member[], name: string, notes: string[]): Labelled {
  const strays = members.filter(({ folder }) => folder === null);
  const inside = members.filter(({ folder }) => folder !== null);
  const folders = new Set(inside.flatMap(({ folder }) => folder ?? []));
  if (folders.size < 2) return { members, strays: [], classes: null };
  if (strays.length > MOST_STRAY * members.length) {
    notes.push(
      `no labels in ${name}: ${counted(strays.length, "image")} of ${members.length.toLocaleString("en")} lie beside the folders ${listed([...folders])}`,
    );
    return { members, strays: [], classes: null };
  }
  const deeper = inside.map(({ path, root }) => path.slice(root.length).split("/").slice(1, -1)[0] ?? "");
  const deep = new Set(deeper);
  if (deep.size > 1 && !deep.has("")) {
    notes.push(
      `the classes of ${name} are its ${folders.size} first folders (${listed([...folders])}); those inside of them (${listed([...deep])}) mean nothing`,
    );
  }
  return { members: inside, strays, classes: folders };
}

function splitLayout(members: readonly Member[], classes: readonly string[] | null): SplitLayout {
  const labelOf = new Map(classes?.map((name, label) => [name, label]));
  return {
    members: members.map(({ index }) => index),
    labels: classes && Uint32Array.from(members, ({ folder }) => labelOf.get(folder ?? "") ?? 0),
    classes: classes ?? [],
  };
}

function layoutOf(
  train: readonly Member[],
  unlabelled: readonly Member[],
  test: readonly Member[],
  notes: string[],
): Layout {
  const here = labelsOf(train, "the images to train on", notes);
  const there = labelsOf(test, "the images to test on", notes);
  const classes = [...new Set([...(here.classes ?? []), ...(there.classes ?? [])])].sort();
  const others = [...here.strays, ...unlabelled];
  const names = (members: readonly Member[]) => listed(members.map(({ path }) => path));
  if (here.strays.length > 0)
    notes.push(`trained on without a label, for they lie beside the class folders: ${names(here.strays)}`);
  if (there.strays.length > 0)
    notes.push(`left out of the test, for they lie beside the class folders: ${names(there.strays)}`);
  if (here.classes && there.classes) notes.push(...strangers(here.classes, there.classes));
  const together = here.classes === null;
  return {
    train: splitLayout(together ? sorted([...here.members, ...others]) : here.members, here.classes && classes),
    test: test.length === 0 ? null : splitLayout(there.members, there.classes && classes),
    unlabelled: together || others.length === 0 ? null : splitLayout(sorted(others), null),
    notes,
  };
}

/** What is wrong with classes that only the test has. */
export function strangers(train: ReadonlySet<string>, test: ReadonlySet<string>): string[] {
  const unknown = [...test].filter((name) => !train.has(name));
  if (unknown.length === 0) return [];
  if (unknown.length === test.size)
    return [
      `no class to test on (${listed(unknown)}) is one to train on (${listed([...train])}): no answer can be right`,
    ];
  return [
    `${counted(unknown.length, "class", "classes")} to test on (${listed(unknown)}) cannot be right: no image to train on is of that kind`,
  ];
}

/** What is trained on, what without labels, and what is tested on, of images that are in two splits at least. */
export function partsOf<T>(
  { train, test, val, unlabelled }: Readonly<Record<Split, readonly T[]>>,
  notes: string[],
): { trained: readonly T[]; others: readonly T[]; tested: readonly T[] } {
  if (train.length + unlabelled.length === 0) {
    notes.push("there are images to test on and to validate with, and none to train on: all of both is trained on");
    return { trained: [...test, ...val], others: [], tested: [] };
  }
  const tested = test.length > 0 ? test : val;
  return train.length > 0
    ? { trained: train, others: unlabelled, tested }
    : { trained: unlabelled, others: [], tested };
}

/**
 * Finds splits and labels in the paths of images ("/" between the parts, relative to the opened folder or archive).
 *
 * - The folders that all images lie in, one inside of the other, are the root.
 * - Folders of the root are splits by their names, in upper or lower case: `train` (`training`) to train on, `test` (`testing`) or else
 *   `val` (`valid`, `validation`, `dev`) to test on, `unlabeled` (`unlabelled`) to train on as well, without labels. Where there is
 *   no `train`, those to test on are trained on. Images elsewhere are left out. Without any such folder everything is the training set.
 * - A split has labels where there are at least two folders below its own, and at most a tenth of its images lie beside them: the
 *   first folder names the class, deeper ones mean nothing. Images beside the folders are trained on without labels, and are left out
 *   of what is tested on.
 * - Both splits share one list of classes, sorted by code unit.
 */
export function findSplits(paths: readonly string[]): Layout {
  const notes: string[] = [];
  const root = commonFolder(paths);
  const tops = [...new Set(paths.flatMap((path) => firstFolder(path.slice(root.length)) ?? []))].sort();
  const inSplit = (split: Split): readonly Member[] =>
    below(
      paths,
      tops.filter((top) => splitNamed(top) === split).map((top) => `${root}${top}/`),
    );
  const [train, test, val, unlabelled] = [inSplit("train"), inSplit("test"), inSplit("val"), inSplit("unlabelled")];
  // A folder of such a name by itself, beside others, is one like them.
  if ([train, test, val, unlabelled].filter((part) => part.length > 0).length < 2) {
    return layoutOf(below(paths, [root]), [], [], notes);
  }
  const { trained, others, tested } = partsOf({ train, test, val, unlabelled }, notes);
  const taken = new Set([...trained, ...others, ...tested].map(({ index }) => index));
  const left = paths.filter((_, index) => !taken.has(index)).map((path) => path.slice(root.length));
  if (left.length > 0) {
    const places = new Set(left.map((path) => (firstFolder(path) === null ? path : `${firstFolder(path)}/`)));
    notes.push(
      `left out: ${counted(left.length, "image")} beside what is trained and tested on, in ${listed([...places].sort())}`,
    );
  }
  return layoutOf(sorted(trained), others, tested, notes);
}
