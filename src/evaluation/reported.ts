/** What the report of a run looks at: its plan counts the memory for that. */
export const REPORTED = {
  /** Images that are shown with their views. */
  views: 12,
  /** Images that are shown with their neighbours, and how many of these. */
  queries: 6,
  nearest: 8,
  /** Images, of two views each, that the indicators without labels are measured on. */
  indicated: 252,
  /** Images on the map. */
  mapped: 1000,
} as const;
