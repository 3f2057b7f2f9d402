// Work on a matrix [rows, channels] in tiles: neighbouring threads take neighbouring channels, a thread takes the rows
// [begin, end) of one of `chunks` runs of rows.
struct ChannelTile {
  channel: u32,
  chunk: u32,
  begin: u32,
  end: u32,
}

fn channel_tile(index: u32, lane: u32, lanes: u32, rows: u32, channels: u32, rows_per_chunk: u32) -> ChannelTile {
  let blocks = (channels + lanes - 1u) / lanes;
  let chunk = index / blocks;
  return ChannelTile(index % blocks * lanes + lane, chunk, chunk * rows_per_chunk, min(rows, (chunk + 1u) * rows_per_chunk));
}
