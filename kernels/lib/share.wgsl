// The value that thread `lane` of SHARE neighbouring ones holds. With SHARE 1 every thread has its own; above that, they are
// lanes of one subgroup, and the text behind the mark takes the place of the line.
fn from_lane(value: f32, lane: u32) -> f32 {
  return value; //#subgroups return subgroupShuffle(value, lane);
}
