// How one view of an image is made: VIEW_FIELDS numbers, drawn by augment-parameters.
const VIEW_FIELDS: u32 = 22u;
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
// The cutout's centre and side, as shares of the view's side; side 0 for none.
const VIEW_CUTOUT_ROW = 12u;
const VIEW_CUTOUT_COLUMN = 13u;
const VIEW_CUTOUT_SIDE = 14u;
const VIEW_SOBEL = 15u;
// Standard deviation of the noise, 0 for none, and two whole numbers below 2^24 that it is drawn from.
const VIEW_NOISE = 16u;
const VIEW_NOISE_SEED = 17u;
// Quarter turns counterclockwise.
const VIEW_TURNS = 19u;
// 1 for a solarized view. The last kernel that works on views does it, and is told so by SOLARIZE: x becomes min(x, 1 - x), which
// inverts values of a half and more.
const VIEW_SOLARIZE = 20u;
// Pixels from one row of the image to the next: its width.
const VIEW_STRIDE = 21u;
