/** One of those that are held in an order of use. */
export class Used {
  older: Used = this;
  newer: Used = this;
}

/**
 * Those in it from the one that was not used for longest to the one that was used last. A Map whose keys are deleted and
 * set again is that as well, but it is built anew again and again, at the expense of every request.
 */
export class OrderOfUse<T extends Used> {
  /** The order is a ring: this is its beginning and its end. */
  private readonly ends = new Used();

  /** As the one used last, be it in here already or not. */
  use(one: T): void {
    this.remove(one);
    one.older = this.ends.older;
    one.newer = this.ends;
    one.older.newer = one;
    this.ends.older = one;
  }

  remove(one: T): void {
    one.older.newer = one.newer;
    one.newer.older = one.older;
    one.older = one.newer = one;
  }

  *[Symbol.iterator](): Generator<T> {
    for (let one = this.ends.newer; one !== this.ends; one = one.newer) yield one as T;
  }
}
