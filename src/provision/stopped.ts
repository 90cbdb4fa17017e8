/** The error of a rolling change that stopped: where, why, what state each host is in, what to do. */
import { type Issue, TandemError } from '#src/std/errors.ts';

export interface StoppedAt {
  readonly host: string;
  /** Hosts that were changed before, and are healthy. */
  readonly done: readonly string[];
  /** Hosts that were not touched. */
  readonly untouched: readonly string[];
}

/** What became of the host that failed; an error says why it could not be put back. */
export type Fate = 'untouched' | 'restored' | 'left' | Error;

const fates: Readonly<Record<Exclude<Fate, Error>, string>> = {
  untouched: 'was not changed',
  restored: 'was put back as it was',
  left: 'is as the change left it',
};

export function stopped(cause: unknown, fate: Fate, { host, done, untouched }: StoppedAt): TandemError {
  const issues: readonly Issue[] =
    cause instanceof TandemError
      ? [{ path: host, message: cause.message }, ...cause.issues]
      : [{ path: host, message: cause instanceof Error ? cause.message : String(cause) }];
  const became = fate instanceof Error ? `could not be put back (${fate.message})` : fates[fate];
  const others = [
    ...(done.length > 0 ? [`${done.join(', ')} changed`] : []),
    ...(untouched.length > 0 ? [`${untouched.join(', ')} not touched`] : []),
  ];
  return new TandemError(
    'change-stopped',
    `The change stopped at ${host}: ${[`${host} ${became}`, ...others].join('; ')}.`,
    {
      issues,
      hint: `The other hosts serve. See 'tandem status' and 'tandem logs ${host}'; mend what is named above, or take the change back in the stack file, then run 'tandem up' again.`,
      cause,
    },
  );
}
