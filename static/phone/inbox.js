// What comes from several sides, for one that takes it in order.

/** Arrivals in order; `take` waits for the next. */
export class Inbox {
  #waiting = [];
  #taker = null;

  put(arrival) {
    if (this.#taker) {
      this.#taker(arrival);
      this.#taker = null;
    } else {
      this.#waiting.push(arrival);
    }
  }

  get isEmpty() {
    return this.#waiting.length === 0;
  }

  take() {
    if (this.#waiting.length) return Promise.resolve(this.#waiting.shift());
    return new Promise((resolve) => {
      this.#taker = resolve;
    });
  }
}
