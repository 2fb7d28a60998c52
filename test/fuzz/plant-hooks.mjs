/** Module hooks of plant.mjs. */
let plant;

export const initialize = (data) => {
  plant = data;
};
export async function load(url, context, next) {
  const loaded = await next(url, context);
  if (!url.endsWith(plant.file)) return loaded;
  const source = loaded.source.toString();
  if (source.split(plant.from).length !== 2)
    throw new Error(`the text to replace is not exactly once in ${plant.file}: ${plant.from}`);
  return { ...loaded, source: source.replace(plant.from, () => plant.to) };
}
