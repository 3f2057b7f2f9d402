// What a row is to an anchor by its group and its time; between `near` and `far`, it is nothing.
fn apart(anchor: u32, row: u32) -> u32 {
  return max(times[anchor], times[row]) - min(times[anchor], times[row]);
}

fn is_positive(anchor: u32, row: u32) -> bool {
  return groups[anchor] == groups[row] && apart(anchor, row) <= params.near;
}

fn is_negative(anchor: u32, row: u32) -> bool {
  return groups[anchor] != groups[row] || apart(anchor, row) > params.far;
}
