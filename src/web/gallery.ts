import { classColors } from "../report/class-colors.js";
import { counted } from "../wording.js";
import { find, html, say } from "./dom.js";
import type { Atlas, Neighbour, PicturesText } from "./messages.js";
import { Thumbnails } from "./thumbnails.js";

/** Pictures of a page of thumbnails. */
const PAGE = 48;

/** The pictures that were opened: thumbnails to choose from, what could not be read, and the neighbours of one. */
export class Gallery {
  readonly thumbnails: Thumbnails;
  /** CSS colours of the classes. */
  readonly #colours: readonly string[];
  #page = 0;

  /** @param choose is called with a picture that was chosen */
  constructor(
    readonly pictures: PicturesText,
    atlas: Atlas,
    readonly choose: (image: number) => void,
  ) {
    this.thumbnails = new Thumbnails(atlas);
    this.#colours = classColors(pictures.classes.length);
    this.#describe();
    this.#showPage();
    find("thumbs-back", HTMLButtonElement).onclick = () => this.#turn(-1);
    find("thumbs-on", HTMLButtonElement).onclick = () => this.#turn(1);
  }

  /** A colour for each picture; null without labels. */
  get colours(): readonly string[] | null {
    const { labels } = this.pictures;
    return labels && Array.from(labels, (label) => this.#colours[label]);
  }

  #describe(): void {
    const { name, count, tested, classes, skipped, notes, labels } = this.pictures;
    const more = tested > 0 ? `, and ${tested.toLocaleString("en")} to test on` : "";
    say("pictures-note", `${name}: ${counted(count, "picture")}${more}`);
    const legend = classes.map((title, label) => {
      const key = html("i");
      key.style.background = this.#colours[label];
      return html("li", {}, key, title);
    });
    find("classes", HTMLElement).replaceChildren(...legend);
    const left = [...skipped.map((image) => `${image.name}: ${image.reason}`), ...notes];
    find("skipped", HTMLElement).hidden = left.length === 0;
    const title = `${counted(skipped.length, "file")} could not be read`;
    say("skipped-title", skipped.length > 0 ? title : counted(notes.length, "note"));
    find("skipped-list", HTMLElement).replaceChildren(...left.map((words) => html("li", {}, words)));
    find("knn-card", HTMLElement).hidden = labels === null || tested === 0;
  }

  #turn(by: number): void {
    this.#page += by;
    this.#showPage();
  }

  #showPage(): void {
    const { count } = this.pictures;
    const [first, end] = [this.#page * PAGE, Math.min(count, (this.#page + 1) * PAGE)];
    const shown = Array.from({ length: end - first }, (_, i) => this.#button(first + i));
    find("thumbs", HTMLElement).replaceChildren(...shown);
    say("thumbs-range", `${(first + 1).toLocaleString("en")} to ${end.toLocaleString("en")}`);
    find("thumbs-back", HTMLButtonElement).disabled = this.#page === 0;
    find("thumbs-on", HTMLButtonElement).disabled = end === count;
  }

  /** @param words below it */
  #button(image: number, words = ""): HTMLButtonElement {
    const name = `neighbours of ${this.pictures.names[image]}${words ? ", similarity " : ""}`;
    const shown = html(
      "button",
      { type: "button", class: "picture", title: this.#nameOf(image) },
      this.thumbnails.picture(image),
      html("span", { class: "visually-hidden" }, name),
      html("span", {}, words),
    );
    shown.addEventListener("click", () => this.choose(image));
    return shown;
  }

  #nameOf(image: number): string {
    const { labels, classes, names } = this.pictures;
    return labels ? classes[labels[image]] : (names[image].split("/").at(-1) ?? "");
  }

  /** @param now null where nothing is learned yet */
  showNeighbours(image: number, now: readonly Neighbour[] | null, before: readonly Neighbour[]): void {
    const chosen = this.#button(image);
    chosen.classList.add("chosen");
    const rows = [...(now ? [this.#row("Now", image, now)] : []), this.#row("Before training", image, before)];
    say("neighbours-note", `of ${this.#nameOf(image)}`);
    find("neighbours", HTMLElement).replaceChildren(chosen, html("div", { class: "both" }, ...rows));
  }

  #row(title: string, image: number, found: readonly Neighbour[]): HTMLElement {
    const { labels } = this.pictures;
    const buttons = found.map(({ image: other, similarity }) => {
      const shown = this.#button(other, similarity.toFixed(2));
      if (labels) shown.classList.add(labels[other] === labels[image] ? "same" : "other");
      return shown;
    });
    return html("div", { class: "neighbour-row" }, html("h3", {}, title), html("div", { class: "strip" }, ...buttons));
  }
}

/** Nobody is chosen any more. */
export function clearNeighbours(): void {
  find("neighbours", HTMLElement).replaceChildren();
  say("neighbours-note", "Click a picture on the map or below.");
}
