// What a key is to an anchor, in two bits: it attracts the anchor, that is, stands in the numerator of its loss; and it contrasts
// with it, in the denominator. A positive does both, a negative contrasts alone, and what does neither is ignored.
const ATTRACTS = 1u;
const CONTRASTS = 2u;
const POSITIVE = 3u;

// What the keys of an anchor's own group are to it, and those of another group.
const SAME: u32 = 3u;
const OTHER: u32 = 2u;
// With TIMED, keys of the same group are SAME up to NEAR from the anchor in time, BEYOND further than FAR, and ignored between.
const TIMED: bool = false;
const BEYOND: u32 = 0u;
const NEAR: u32 = 0u;
const FAR: u32 = 0u;
// 1 where any of the keys attracts.
const ATTRACTING = (SAME | OTHER | BEYOND) & ATTRACTS;

// The group of a row, and its time: `marks` holds the groups of all rows, then, with TIMED, their times.
fn mark_of(row: u32) -> vec2u {
  if (TIMED) {
    return vec2u(marks[row], marks[params.rows + row]);
  }
  return vec2u(marks[row], 0u);
}

// The same for a row of the columns' block.
fn column_mark(row: u32) -> vec2u {
  if (TIMED) {
    return vec2u(column_marks[row], column_marks[params.column_rows + row]);
  }
  return vec2u(column_marks[row], 0u);
}

fn relation(a: vec2u, b: vec2u) -> u32 {
  var same = SAME;
  if (TIMED) {
    let apart = max(a.y, b.y) - min(a.y, b.y);
    same = select(select(0u, BEYOND, apart > FAR), SAME, apart <= NEAR);
  }
  return select(OTHER, same, a.x == b.x);
}
