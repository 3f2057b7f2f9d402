import { counted, listed } from "../wording.js";
import { type Layout, partsOf, type Split, type SplitLayout, strangers } from "./layout.js";

/** An image of which something else than its folder says what it shows. */
export interface SaidImage {
  readonly name: string;
  /** Null where nothing says it. */
  readonly label: string | null;
  /** What it is for; null where nothing says it. */
  readonly split: Split | null;
}

interface Member extends SaidImage {
  readonly index: number;
}

function isNumber(label: string): boolean {
  return /^(0|-?[1-9]\d*)$/.test(label);
}

/** Labels in the order of their numbers where all are numbers, and by code unit otherwise. */
function inOrder(labels: readonly string[]): string[] {
  return labels.every(isNumber) ? labels.toSorted((a, b) => Number(a) - Number(b)) : labels.toSorted();
}

/** What classes are called: by a list of names where labels are places in it. */
function namesOf(classes: readonly string[], names: readonly string[], notes: string[]): readonly string[] {
  if (names.length === 0 || !classes.every(isNumber)) return classes;
  const named = classes.map((label) => names[Number(label)]);
  if (named.every((name) => name !== undefined) && new Set(named).size === classes.length) return named;
  notes.push(`the ${names.length} class names are not used: the labels are ${listed(classes)}`);
  return classes;
}

function labelsIn(members: readonly Member[]): Set<string> {
  return new Set(members.flatMap(({ label }) => label ?? []));
}

/**
 * The layout of images whose labels are said one by one, in the order given. Splits are those of `findSplits`, where there are two or more;
 * images without one are left out then. Images to train on without a label, where others have one, are a part of their own, and those to
 * test on are left out. One class alone is none. Both splits share one list of classes: in the order of numbers, or sorted by code unit.
 * @param names of classes, where labels may be numbers from 0
 */
export function labelledLayout(images: readonly SaidImage[], names: readonly string[] = []): Layout {
  const notes: string[] = [];
  const members = images.map((image, index) => ({ ...image, index }));
  const inSplit = (split: Split | null) => members.filter((member) => member.split === split);
  const parts = {
    train: inSplit("train"),
    test: inSplit("test"),
    val: inSplit("val"),
    unlabelled: inSplit("unlabelled"),
  };
  const several = Object.values(parts).filter(({ length }) => length > 0).length > 1;
  const { trained, others, tested } = several ? partsOf(parts, notes) : { trained: members, others: [], tested: [] };
  const taken = new Set([...trained, ...others, ...tested]);
  const left = members.filter((member) => !taken.has(member));
  if (left.length > 0) {
    notes.push(
      `left out: ${counted(left.length, "image")} beside what is trained and tested on: ${listed(left.map(({ name }) => name))}`,
    );
  }

  const here = labelsIn(trained);
  const there = labelsIn(tested);
  const all = inOrder([...new Set([...here, ...there])]);
  if (all.length === 1) notes.push(`no labels: all that have one have the same, ${all[0]}`);
  const classes = namesOf(all, names, notes);
  const places = new Map(all.map((label, place) => [label, place]));
  const labelledPart = (of: readonly Member[]): SplitLayout => ({
    members: of.map(({ index }) => index),
    labels: Uint32Array.from(of, ({ label }) => places.get(label ?? "") ?? 0),
    classes,
  });
  const bare = (of: readonly Member[]): SplitLayout => ({
    members: of.map(({ index }) => index),
    labels: null,
    classes: [],
  });
  const withLabel = (of: readonly Member[]) => of.filter(({ label }) => label !== null);
  const without = (of: readonly Member[]) => of.filter(({ label }) => label === null);
  const [hasLabels, testHasLabels] = [here, there].map(({ size }) => all.length > 1 && size > 0);
  const free = [...(hasLabels ? without(trained) : []), ...others];
  if (hasLabels && without(trained).length > 0) {
    notes.push(`trained on without a label: ${namesText(without(trained))}`);
  }
  if (testHasLabels && without(tested).length > 0) {
    notes.push(`left out of the test, for want of a label: ${namesText(without(tested))}`);
  }
  const named = (labels: ReadonlySet<string>) => new Set([...labels].map((label) => classes[places.get(label) ?? 0]));
  if (hasLabels && testHasLabels) notes.push(...strangers(named(here), named(there)));
  return {
    train: hasLabels ? labelledPart(withLabel(trained)) : bare([...trained, ...others]),
    test: tested.length === 0 ? null : testHasLabels ? labelledPart(withLabel(tested)) : bare(tested),
    unlabelled: hasLabels && free.length > 0 ? bare(free) : null,
    notes,
  };
}

function namesText(members: readonly Member[]): string {
  return `${counted(members.length, "image")}, ${listed(members.map(({ name }) => name))}`;
}
