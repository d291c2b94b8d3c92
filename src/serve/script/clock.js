// ---------------------------------------------------------------- time

/**
 * The service's clock, CLOCK_MONOTONIC, on which pictures and sound are stamped: asked for as NTP does it. Of the last
 * answers that with the shortest round trip counts; it is wrong by half of that at most.
 */
class Clock {
  constructor() {
    this.answers = [];
    this.offset = null;
    this.roundTrip = null;
  }

  /** An answer to what was asked at `asked` (performance.now()). */
  heard(asked, milliseconds) {
    const roundTrip = performance.now() - asked;
    this.answers.push({ roundTrip, offset: milliseconds - asked - roundTrip / 2 });
    if (this.answers.length > 16) this.answers.shift();
    const best = this.answers.reduce((one, other) => (other.roundTrip < one.roundTrip ? other : one));
    this.offset = best.offset;
    this.roundTrip = best.roundTrip;
  }

  /** Another machine's, or after a restart of it. */
  forget() {
    this.answers = [];
  }

  /** Its milliseconds now; none while it is not known. */
  now() {
    return this.offset === null ? 0 : performance.now() + this.offset;
  }

  /** Milliseconds since a stamp of so many; null while the clock is not known. */
  since(stamp) {
    return this.offset === null ? null : this.now() - stamp;
  }
}

/** The last few hundred of a quantity. */
class Sample {
  constructor() {
    this.values = [];
    this.at = 0;
  }

  add(value) {
    if (value === null) return;
    this.values[this.at] = value;
    this.at = (this.at + 1) % 600;
  }

  get count() {
    return this.values.length;
  }

  /** The value below which that part of them lies; null without any. */
  quantile(part) {
    if (this.values.length === 0) return null;
    const sorted = Float64Array.from(this.values).sort();
    return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
  }

  summary() {
    return { p50: this.quantile(0.5), p95: this.quantile(0.95), p99: this.quantile(0.99), count: this.count };
  }
}
