/** A mean over seeds, and the standard deviation between them; null where there is one seed. */
export interface Estimate {
  readonly mean: number;
  readonly deviation: number | null;
}

/** How numbers are written: shares of 1 as per cent, or numbers with three significant digits. */
export type NumberFormat = "percent" | "number";

/** What all figures have. */
interface FigureBase {
  readonly title: string;
  /** What is drawn, in which unit, from which source. */
  readonly note: string;
}

/** Bars in groups. */
export interface BarsFigure extends FigureBase {
  readonly kind: "bars";
  readonly groupAxis: string;
  readonly format: NumberFormat;
  readonly groups: readonly {
    readonly name: string;
    readonly bars: readonly { readonly series: string; readonly value: Estimate }[];
  }[];
}

/** Lines with points and error bars, over numbers. */
export interface LinesFigure extends FigureBase {
  readonly kind: "lines";
  readonly xAxis: string;
  readonly format: NumberFormat;
  /** Whether the horizontal axis is logarithmic. */
  readonly log: boolean;
  readonly series: readonly {
    readonly name: string;
    /** Drawn with dashes. */
    readonly dashed?: boolean;
    readonly points: readonly { readonly x: number; readonly y: Estimate; readonly label?: string }[];
  }[];
}

/** A matrix of numbers in colours, with the means of its rows. */
export interface HeatFigure extends FigureBase {
  readonly kind: "heat";
  readonly rowAxis: string;
  readonly columnAxis: string;
  readonly format: NumberFormat;
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  /** [row][column]; null for a cell that was not measured. */
  readonly values: readonly (readonly (number | null)[])[];
}

/** Pictures, each with a histogram below it. */
export interface HistogramFigure extends FigureBase {
  readonly kind: "histograms";
  readonly rows: readonly (readonly {
    readonly name: string;
    /** A PNG image as data URI. */
    readonly picture: string;
    /** Counts of bins of equal width over [0, 1]. */
    readonly counts: readonly number[];
  }[])[];
}

/** A table; its first row is the heading. Estimates are written as numbers of the format, text as it is. */
export interface TableFigure extends FigureBase {
  readonly kind: "table";
  readonly format: NumberFormat;
  readonly rows: readonly (readonly (string | Estimate | null)[])[];
}

export type Figure = BarsFigure | LinesFigure | HeatFigure | HistogramFigure | TableFigure;

/** Figures that belong together, two beside each other where they fit; ours first, then the published one. */
export interface ReportSection {
  readonly title: string;
  readonly note: string;
  readonly figures: readonly Figure[];
}

/** Everything the report of an experiment shows. */
export interface ExperimentReportData {
  readonly title: string;
  /** What the experiment is to show. */
  readonly shows: string;
  /** The command that repeats it. */
  readonly command: string;
  readonly scale: string;
  /** A remark on what the scale can and cannot show. */
  readonly scaleNote: string;
  readonly images: string;
  /** Names, one for each adapter that runs were done on. */
  readonly adapters: readonly string[];
  readonly softwareAdapter: boolean;
  readonly version: string;
  /** Wall-clock time of all runs. */
  readonly seconds: number;
  readonly seeds: number;
  readonly findings: readonly string[];
  readonly sections: readonly ReportSection[];
  /** Settings that all runs have in common, in the order in which they are shown. */
  readonly settings: readonly (readonly [name: string, value: string])[];
  /** All runs: what distinguishes them, what they found, and their time. */
  readonly runs: readonly {
    readonly label: string;
    readonly values: Readonly<Record<string, number>>;
    readonly seconds: number;
  }[];
}
