// Stores what a launch found of a row in a run of columns or, with `continues`, puts it together with what is there from the
// launches before. `attracting` is a sum of logits and a number.
fn keep(split: u32, row: u32, negatives: vec2f, positives: vec2f, attracted: f32, attracting: vec2f) {
  let next = params.splits * params.rows;
  let at = split * params.rows + row;
  var kept = negatives;
  if (params.continues == 1u) {
    kept = merged(negatives, vec2f(partials[at], partials[next + at]));
  }
  partials[at] = kept.x;
  partials[next + at] = kept.y;
  if (ATTRACTING == 1u) {
    var kept_positives = positives;
    var kept_attracted = attracted;
    var kept_attracting = attracting;
    if (params.continues == 1u) {
      kept_positives = merged(positives, vec2f(partials[POSITIVE_LARGEST * next + at], partials[POSITIVE_SUM * next + at]));
      kept_attracted = max(attracted, partials[ATTRACTED_LARGEST * next + at]);
      kept_attracting = attracting + vec2f(partials[TOTAL * next + at], partials[COUNT * next + at]);
    }
    partials[POSITIVE_LARGEST * next + at] = kept_positives.x;
    partials[POSITIVE_SUM * next + at] = kept_positives.y;
    partials[ATTRACTED_LARGEST * next + at] = kept_attracted;
    partials[TOTAL * next + at] = kept_attracting.x;
    partials[COUNT * next + at] = kept_attracting.y;
  }
}
