// Medians and geometric means.
export const median = (numbers) => {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** Undefined for no numbers. */
export const geometricMean = (numbers) =>
  numbers.length === 0
    ? undefined
    : Math.exp(numbers.reduce((sum, number) => sum + Math.log(number), 0) / numbers.length);
