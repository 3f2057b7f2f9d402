// How one view of an image is made: VIEW_FIELDS numbers, drawn by augment-parameters.
const VIEW_FIELDS: u32 = 12u;
const VIEW_TOP = 0u;
const VIEW_LEFT = 1u;
const VIEW_HEIGHT = 2u;
const VIEW_WIDTH = 3u;
const VIEW_FLIP = 4u;
const VIEW_BRIGHTNESS = 5u;
const VIEW_CONTRAST = 6u;
const VIEW_SATURATION = 7u;
const VIEW_HUE = 8u;
// One of the 24 orders of the four colour operations, or -1 for no colour jitter.
const VIEW_ORDER = 9u;
const VIEW_GRAYSCALE = 10u;
// Standard deviation of the blur in pixels, 0 for none.
const VIEW_SIGMA = 11u;
