// The launcher folds a long line of workgroups into rows of the grid; this gives back the place in the line.
// Workgroups past the end of the line exist: kernels return early for them.
fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {
  return group.y * grid.x + group.x;
}
