/** How the workers of one host share the connections that their router may have to a member. */

/** Connections of a worker's own questions (positions, definitions): beside its pools. */
const ownQuestions = 2;

export interface Sharing {
  /** That workers which drain still have. */
  readonly draining: readonly number[];
  /** The number of those that serve. */
  readonly serving: number;
}

/**
 * What each of the workers that serve may have, in their order: together with what the draining ones have, and with what
 * each worker beyond the first asks for itself, no more than `limit`. Can be 0 while old workers have everything.
 */
export function sharesOf(limit: number, { draining, serving }: Sharing): readonly number[] {
  const taken = draining.reduce((sum, held) => sum + held, 0);
  const questions = ownQuestions * Math.max(0, draining.length + serving - 1);
  // Questions of workers that are to end don't keep the others from serving.
  const left = Math.max(0, limit - taken - questions, Math.min(serving, limit - taken));
  const each = Math.floor(left / Math.max(1, serving));
  return Array.from({ length: serving }, (_, index) => each + (index < left - each * serving ? 1 : 0));
}
