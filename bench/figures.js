/** Samples by figure and contestant. */
export class Figures {
  #names;
  #samples = {};

  /** @param names of the contestants, in the order of the tables */
  constructor(names) {
    this.#names = names;
  }

  add(figure, { name }, value) {
    this.#samples[figure] ??= Object.fromEntries(this.#names.map((each) => [each, []]));
    this.#samples[figure][name].push(value);
  }

  /** `{ figure: { contestant: { median, min, max } } }` */
  summary() {
    return mapValues(this.#samples, (byName) =>
      mapValues(byName, (samples) => ({
        median: round(median(samples)),
        min: round(Math.min(...samples)),
        max: round(Math.max(...samples)),
      })),
    );
  }

  /**
   * `{ figure: { contestant: median of the ratios } }`: each sample is compared with the other's of the same turn, so that
   * what slows the machine for some turns slows both, or is one ratio of many.
   */
  ratiosTo(base) {
    return mapValues(this.#samples, (byName) =>
      mapValues(byName, (samples) => round(median(samples.map((sample, turn) => sample / byName[base][turn])))),
    );
  }
}

function median(samples) {
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** No measurement here is good for more than three digits. */
function round(value) {
  return value >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}

function mapValues(object, change) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
}
