/** "1 image", "2,000 images". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${Math.round(count).toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** The first ones of a list, and how many more there are: "a.jpg, b.jpg and 7 more". */
export function listed(names: readonly string[], most = 5, between = ", "): string {
  const more = names.length > most ? ` and ${(names.length - most).toLocaleString("en")} more` : "";
  return names.slice(0, most).join(between) + more;
}
