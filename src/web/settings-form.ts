import { find, html } from "./dom.js";
import type { MethodText, OptionText, Settings } from "./messages.js";

const BATCHES = [16, 32, 64, 128, 256, 512, 1024, 2048, 4096];
const MICRO_BATCHES = [16, 32, 64, 128, 256, 512];
const TEMPERATURE = "temperature";

/** A form of what a training can be chosen to be. */
export class SettingsForm {
  #settings: Settings;
  #labelled = false;

  /** @param change is called with settings that were changed */
  constructor(
    readonly place: HTMLFormElement,
    readonly methods: readonly MethodText[],
    readonly encoders: readonly string[],
    settings: Settings,
    readonly change: (settings: Settings) => void,
  ) {
    this.#settings = settings;
    place.addEventListener("submit", (event) => event.preventDefault());
    this.#build();
  }

  get settings(): Settings {
    return this.#settings;
  }

  /**
   * Shows others, without a call of `change`.
   * @param labelled whether there are classes, without which some methods cannot be
   */
  show(settings: Settings, labelled: boolean): void {
    [this.#settings, this.#labelled] = [settings, labelled];
    this.#build();
  }

  /** Changes some, as if it had been done by hand. */
  update(changes: Partial<Settings>): void {
    this.#settings = { ...this.#settings, ...changes };
    find("set-epochs", HTMLInputElement).value = String(this.#settings.epochs);
    this.change(this.#settings);
  }

  #build(): void {
    const { method, encoder, width, batch, microBatch, epochs, learningRate } = this.#settings;
    const chosen = this.methods.find(({ name }) => name === method) ?? this.methods[0];
    const option = (name: string, value: OptionText["default"]) =>
      this.update({ options: { ...this.#settings.options, [name]: value } });
    const temperature = chosen.options.find(({ name }) => name === TEMPERATURE);
    const others = chosen.options.filter(({ name }) => name !== TEMPERATURE);
    this.place.replaceChildren(
      selection(
        "method",
        "Method",
        this.methods.filter(({ labels }) => this.#labelled || !labels).map(({ name }) => name),
        method,
        (name) => {
          this.update({ method: name, options: {} });
          this.#build();
          find("set-method", HTMLSelectElement).focus();
        },
      ),
      html(
        "p",
        { class: "quiet wide" },
        `${chosen.summary}.${chosen.labels ? " It takes the labels of the folders." : ""}`,
      ),
      selection("encoder", "Encoder", this.encoders, encoder, (name) => this.update({ encoder: name })),
      numberField(
        "width",
        "Width",
        width,
        (value) => this.update({ width: value }),
        "multiplies the channels of the encoder",
      ),
      selection("batch", "Batch", withOwn(BATCHES, batch), String(batch), (text) =>
        this.update({ batch: Number(text) }),
      ),
      selection(
        "micro-batch",
        "Micro-batch",
        ["auto", ...withOwn(MICRO_BATCHES, microBatch)],
        String(microBatch),
        (text) => this.update({ microBatch: text === "auto" ? "auto" : Number(text) }),
      ),
      numberField("learning-rate", "Learning rate", learningRate, (value) => this.update({ learningRate: value })),
      numberField("epochs", "Epochs", epochs, (value) => this.update({ epochs: value })),
      ...(temperature ? [this.#optionField(temperature, option)] : []),
      html(
        "details",
        { class: "wide" },
        html("summary", {}, `All options of ${method}`),
        html("div", { class: "fields" }, ...others.map((one) => this.#optionField(one, option))),
      ),
    );
  }

  #optionField(one: OptionText, set: (name: string, value: OptionText["default"]) => void): HTMLElement {
    const { name, description, choices, wants } = one;
    const value = this.#settings.options[name] ?? one.default;
    const label = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
    if (choices) return selection(name, label, choices, String(value), (text) => set(name, text), description);
    if (typeof value === "boolean")
      return selection(
        name,
        label,
        ["yes", "no"],
        value ? "yes" : "no",
        (text) => set(name, text === "yes"),
        description,
      );
    return numberField(name, label, Number(value), (number) => set(name, number), `${description} (${wants})`);
  }
}

function withOwn(list: readonly number[], own: number | "auto"): string[] {
  return [...new Set(own === "auto" ? list : [...list, own])].sort((a, b) => a - b).map(String);
}

function field(label: string, input: HTMLElement, about?: string): HTMLElement {
  const title = html("span", {}, label.charAt(0).toUpperCase() + label.slice(1));
  return html("label", { class: "field", title: about }, title, input);
}

function selection(
  id: string,
  label: string,
  choices: readonly string[],
  value: string,
  change: (value: string) => void,
  about?: string,
): HTMLElement {
  const options = choices.map((choice) => html("option", { value: choice, selected: choice === value }, choice));
  const select = html("select", { id: `set-${id}` }, ...options);
  select.addEventListener("change", () => change(select.value));
  return field(label, select, about);
}

function numberField(
  id: string,
  label: string,
  value: number,
  change: (value: number) => void,
  about?: string,
): HTMLElement {
  const input = html("input", { id: `set-${id}`, type: "number", step: "any", value, inputmode: "decimal" });
  let last = value;
  input.addEventListener("change", () => {
    // What is no number, as a field that was emptied, changes nothing.
    if (Number.isNaN(input.valueAsNumber)) input.value = String(last);
    else {
      last = input.valueAsNumber;
      change(last);
    }
  });
  return field(label, input, about);
}
