/** Errors as the client sees them: problem details (RFC 9457, `application/problem+json`). */
import { classify, OutcomeUnknown, Unavailable } from './failure.ts';
import type { FieldError } from './users.ts';

interface ProblemDetails {
  readonly status: 400 | 404 | 405 | 409 | 412 | 413 | 415 | 422 | 500 | 503;
  /** Names the kind of problem for programs; `about:blank` says no more than the status. */
  readonly type?: string;
  readonly title: string;
  /** For people: what happened and what to do. */
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  readonly headers?: Readonly<Record<string, string>>;
}

export class Problem extends Error {
  readonly details: ProblemDetails;

  constructor(details: ProblemDetails, options?: ErrorOptions) {
    super(details.title, options);
    this.name = 'Problem';
    this.details = details;
  }

  toResponse(): Response {
    const { status, type = 'about:blank', title, detail, errors, headers } = this.details;
    const body = JSON.stringify({ type, title, status, detail, ...(errors === undefined ? {} : { errors }) });
    return new Response(body, {
      status,
      headers: { ...headers, 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
    });
  }
}

/** Seconds that a client should wait when the database is away. */
const retryAfterSeconds = '1';

/** What an error met in a handler says to the client. `bug`: nobody expected it, the log should have its stack. */
export function problemOf(error: unknown): { readonly problem: Problem; readonly bug: boolean } {
  if (error instanceof Problem) return { problem: error, bug: false };
  if (error instanceof OutcomeUnknown) {
    return unavailable(
      error,
      '/problems/outcome-unknown',
      'Outcome unknown',
      'The database was lost while it was writing: the change may have been made or not. Look before you repeat it.',
    );
  }
  if (error instanceof Unavailable) {
    return unavailable(
      error,
      '/problems/database-away',
      'Database away',
      'The database cannot be reached at the moment. Nothing was changed; try again.',
    );
  }
  switch (classify(error)) {
    case 'read-only':
      return unavailable(
        error,
        '/problems/read-only',
        'Database is read-only',
        'The database takes no changes at the moment. Nothing was changed; try again.',
      );
    case 'busy':
      return unavailable(
        error,
        '/problems/database-busy',
        'Database busy',
        'Another change was in the way. Nothing was changed; try again.',
      );
    default:
      return {
        problem: new Problem(
          {
            status: 500,
            title: 'Internal error',
            detail: 'The server met an error of its own. It is in its log.',
          },
          { cause: error },
        ),
        bug: true,
      };
  }
}

function unavailable(cause: unknown, type: string, title: string, detail: string) {
  const headers = { 'retry-after': retryAfterSeconds };
  return { problem: new Problem({ status: 503, type, title, detail, headers }, { cause }), bug: false };
}
