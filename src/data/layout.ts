/** The images of one split: which of the listed paths, and their labels where the folders give any. */
export interface SplitLayout {
  /** Indices into the paths, in the order of the sorted paths. */
  readonly members: readonly number[];
  /** Class index of each member, or null. */
  readonly labels: Uint32Array | null;
  /** Class names in label order; empty without labels. */
  readonly classes: readonly string[];
}

/**
 * Finds splits and labels in the paths of images ("/" between the parts, relative to the opened folder or archive).
 *
 * - Where all lie in one top folder, that folder is taken as the root.
 * - Where the root has a `train` folder and a `test` or `val` folder, they are the two splits; `test` is taken where both
 *   are there, and images elsewhere are left out. Otherwise everything is the training set.
 * - A split has labels where each of its images lies in a folder below the split's root, and there are at least two such
 *   folders: the first folder names the class, deeper ones mean nothing. One folder, or images beside folders: no labels.
 * - Both splits share one list of classes, sorted by code unit.
 */
export function findSplits(paths: readonly string[]): { train: SplitLayout; test: SplitLayout | null } {
  const root = commonFolder(paths);
  const below = (folder: string): readonly Member[] =>
    paths
      .map((path, index) => ({ index, path }))
      .filter(({ path }) => path.startsWith(folder))
      .sort((a, b) => (a.path < b.path ? -1 : 1))
      .map(({ index, path }) => ({ index, folder: firstFolder(path.slice(folder.length)) }));

  const trainFolder = below(`${root}train/`);
  const testFolder = below(`${root}test/`);
  const heldOut = testFolder.length > 0 ? testFolder : below(`${root}val/`);
  const split = trainFolder.length > 0 && heldOut.length > 0;
  const train = split ? trainFolder : below(root);
  const test = split ? heldOut : null;

  const trainClasses = classFolders(train);
  const testClasses = test && classFolders(test);
  const classes = [...new Set([...(trainClasses ?? []), ...(testClasses ?? [])])].sort();
  return {
    train: labelled(train, trainClasses && classes),
    test: test && labelled(test, testClasses && classes),
  };
}

/** The folder that all paths lie in, as "name/", or "" where there is none; only the first level counts. */
export function commonFolder(paths: readonly string[]): string {
  const first = firstFolder(paths[0] ?? "");
  return first !== null && paths.every((path) => path.startsWith(`${first}/`)) ? `${first}/` : "";
}

interface Member {
  readonly index: number;
  /** Class folder, or null for an image at the root of its split. */
  readonly folder: string | null;
}

function firstFolder(path: string): string | null {
  const slash = path.indexOf("/");
  return slash < 0 ? null : path.slice(0, slash);
}

/** The class folders of a split, or null where they give no labels. */
function classFolders(members: readonly Member[]): ReadonlySet<string> | null {
  const folders = new Set<string>();
  for (const { folder } of members) {
    if (folder === null) {
      return null;
    }
    folders.add(folder);
  }
  return folders.size < 2 ? null : folders;
}

function labelled(members: readonly Member[], classes: readonly string[] | null): SplitLayout {
  const labelOf = new Map(classes?.map((name, label) => [name, label]));
  return {
    members: members.map(({ index }) => index),
    labels: classes && Uint32Array.from(members, ({ folder }) => labelOf.get(folder ?? "") ?? 0),
    classes: classes ?? [],
  };
}
