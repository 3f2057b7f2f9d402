// Contrastive losses take their keys in panels: runs of rows of a block, from `first_column` on, as columns of the logits.

// Place in a panel of a row of a block: past every column where the panel is of another block or begins behind the row.
fn place_in_panel(row: u32, first_column: u32, same_block: u32) -> u32 {
  return select(4294967295u, row - first_column, same_block == 1u);
}

// From one dimension of a panel to the next in memory: whole vectors of four.
fn panel_stride(width: u32) -> u32 {
  return (width + 3u) / 4u * 4u;
}
