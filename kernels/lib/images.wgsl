// Work on maps [batch, pixels, channels] in tiles: neighbouring threads take neighbouring channels, a thread takes the rows
// [begin, end) of one run of pixels of an image, a row being a pixel. Runs begin anew with each image, so that what is computed
// of an image does not depend on those before it; `run` counts them through the batch.
struct ImageTile {
  channel: u32,
  image: u32,
  run: u32,
  begin: u32,
  end: u32,
}

fn image_tile(index: u32, lane: u32, lanes: u32, pixels: u32, channels: u32, rows_per_run: u32) -> ImageTile {
  let blocks = (channels + lanes - 1u) / lanes;
  let runs = (pixels + rows_per_run - 1u) / rows_per_run;
  let run = index / blocks;
  let image = run / runs;
  let first = run % runs * rows_per_run;
  return ImageTile(
    index % blocks * lanes + lane,
    image,
    run,
    image * pixels + first,
    image * pixels + min(pixels, first + rows_per_run),
  );
}
