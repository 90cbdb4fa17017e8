/**
 * The shapes of statements that take most time, in a table of bounded size. When it is full, a new shape takes the place
 * of the smallest one and inherits its time: no shape whose share of all time is more than 1 / `size` is ever missing,
 * and a time is too large by `atMostTooMuchMs` ("Space-Saving": Metwally, Agrawal, El Abbadi, 2005).
 */
export interface TopStatement {
  readonly fingerprint: string;
  totalMs: number;
  atMostTooMuchMs: number;
  /** Estimated from those that were looked at. */
  statements: number;
  longestMs: number;
  /** Where its statements went and why, estimated from the same samples; since it is in the table. */
  readonly routes: Route[];
}

export interface Route {
  readonly member: string;
  readonly reason: string;
  statements: number;
}

/** Members times reasons are few; what is beyond is counted in the shape alone. */
const routesKept = 16;

export class TopStatements {
  readonly #size: number;
  readonly #byShape = new Map<string, TopStatement>();

  constructor(size: number) {
    this.#size = size;
  }

  /** A statement that took `tookMs` on `member` stands for `forMs` of statements' time. */
  add(fingerprint: string, tookMs: number, forMs: number, member: string, reason: string): void {
    const statements = tookMs > 0 ? Math.max(1, forMs / tookMs) : 1;
    const known = this.#byShape.get(fingerprint);
    if (known !== undefined) {
      known.totalMs += forMs;
      known.statements += statements;
      if (tookMs > known.longestMs) known.longestMs = tookMs;
      addRoute(known.routes, member, reason, statements);
      return;
    }
    const inheritedMs = this.#byShape.size < this.#size ? 0 : this.#removeSmallest();
    this.#byShape.set(fingerprint, {
      fingerprint,
      totalMs: inheritedMs + forMs,
      atMostTooMuchMs: inheritedMs,
      statements,
      longestMs: tookMs,
      routes: [{ member, reason, statements }],
    });
  }

  /** Those with most time first. */
  list(count: number): readonly TopStatement[] {
    return [...this.#byShape.values()]
      .toSorted((left, right) => right.totalMs - left.totalMs)
      .slice(0, count);
  }

  #removeSmallest(): number {
    let smallest: TopStatement | undefined;
    for (const entry of this.#byShape.values()) {
      if (smallest === undefined || entry.totalMs < smallest.totalMs) smallest = entry;
    }
    if (smallest === undefined) return 0;
    this.#byShape.delete(smallest.fingerprint);
    return smallest.totalMs;
  }
}

function addRoute(routes: Route[], member: string, reason: string, statements: number): void {
  const known = routes.find((route) => route.member === member && route.reason === reason);
  if (known !== undefined) known.statements += statements;
  else if (routes.length < routesKept) routes.push({ member, reason, statements });
}
