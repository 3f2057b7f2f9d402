import { ConfigError } from "../errors.js";

/** In the order of what SAME, OTHER and BEYOND stand for in kernels/lib/relations.wgsl: one bit attracts, the other contrasts. */
export const RELATIONS = ["ignored", "attracted", "negative", "positive"] as const;

/**
 * What a key is to an anchor: `positive` in the numerator and the denominator of its loss, `attracted` in the numerator alone (as
 * in DCL), `negative` in the denominator alone, `ignored` in neither.
 */
export type Relation = "ignored" | "attracted" | "negative" | "positive";

/** Which keys of a block are what to an anchor. */
export interface RelationRule {
  /** What a key of the anchor's own group is to it. */
  readonly same: Relation;
  /** What a key of another group is to it. */
  readonly other: Relation;
  /**
   * Where it is given, the times of anchors and keys count: of the keys of the anchor's own group, those up to `near` from it are
   * `same`.
   */
  readonly near?: number;
  /** Those further than this are `beyond`, and those between are ignored; 2 `near` by default (Sermanet et al. 2018). */
  readonly far?: number;
  /** `negative` by default. */
  readonly beyond?: Relation;
}

/** A rule as constants of the kernels. */
export interface RelationConstants {
  readonly SAME: number;
  readonly OTHER: number;
  readonly TIMED: boolean;
  readonly BEYOND: number;
  readonly NEAR: number;
  readonly FAR: number;
}

const ATTRACTS = 1;

/** True for relations of which one attracts, so that anchors have something in their numerators. */
export function attracts({ SAME, OTHER, BEYOND }: RelationConstants): boolean {
  return ((SAME | OTHER | BEYOND) & ATTRACTS) !== 0;
}

/** True for relations of which one is `negative`. */
export function separates({ SAME, OTHER, BEYOND }: RelationConstants): boolean {
  return [SAME, OTHER, BEYOND].includes(RELATIONS.indexOf("negative"));
}

/** The number of a relation in the kernels. @throws ConfigError for a name that is none: JavaScript has no compiler that says so. */
function numberOf(relation: Relation): number {
  const number = RELATIONS.indexOf(relation);
  if (number < 0) throw new ConfigError(`there is no relation "${String(relation)}": choose ${RELATIONS.join(", ")}`);
  return number;
}

/** @throws ConfigError for unknown relations, or where `near` and `far` are no whole numbers in ascending order. */
export function relationConstants({ same, other, near, far, beyond = "negative" }: RelationRule): RelationConstants {
  const [SAME, OTHER] = [numberOf(same), numberOf(other)];
  if (near === undefined && far !== undefined) throw new ConfigError(`far ${far} says nothing without near`);
  if (near === undefined) return { SAME, OTHER, TIMED: false, BEYOND: 0, NEAR: 0, FAR: 0 };
  const FAR = far ?? 2 * near;
  const isTime = (time: number) => Number.isInteger(time) && time >= 0 && time < 2 ** 32;
  if (!isTime(near) || !isTime(FAR) || FAR < near) {
    throw new ConfigError(
      `near ${near} and far ${FAR} must be whole numbers from 0 up, in the unit of the times, and far no less than near`,
    );
  }
  return { SAME, OTHER, TIMED: true, BEYOND: numberOf(beyond), NEAR: near, FAR };
}

/** True for rules that say the same of every pair. */
export function sameRelations(a: RelationConstants, b: RelationConstants): boolean {
  return (
    a.SAME === b.SAME &&
    a.OTHER === b.OTHER &&
    a.TIMED === b.TIMED &&
    a.BEYOND === b.BEYOND &&
    a.NEAR === b.NEAR &&
    a.FAR === b.FAR
  );
}
