/**
 * The catalogue of errors that a user can meet. Every error says what failed, where, and what to do next
 * (`hint`); its `code` is stable, so that scripts can depend on it. Exit codes follow docs/errors.md:
 * 2 for bad input, 1 for an operation that failed, 70 for a bug in Tandem itself.
 */

export type ErrorKind = 'input' | 'operation';

export interface Issue {
  /** Where: a path in the stack file ("hosts.lb-1.address"), a host, or a file. */
  readonly path: string;
  /** What is wrong. */
  readonly message: string;
  /** What to write or do instead. */
  readonly hint?: string;
  /** Line of the file that `path` is on, from 1, where it is known. */
  readonly line?: number;
}

export class TandemError extends Error {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly hint: string | undefined;
  readonly issues: readonly Issue[];

  constructor(
    code: string,
    message: string,
    details: { kind?: ErrorKind; hint?: string; issues?: readonly Issue[]; cause?: unknown } = {},
  ) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.name = 'TandemError';
    this.code = code;
    this.kind = details.kind ?? 'operation';
    this.hint = details.hint;
    this.issues = details.issues ?? [];
  }

  get exitCode(): number {
    return this.kind === 'input' ? 2 : 1;
  }
}

/** A sentence as a part of another: without its full stop. */
export const clause = (sentence: string): string => sentence.replace(/\.$/, '');

/** Bad input: all issues of the input at once. */
export function inputError(
  code: string,
  message: string,
  issues: readonly Issue[],
  hint?: string,
): TandemError {
  return new TandemError(code, message, { kind: 'input', issues, ...(hint === undefined ? {} : { hint }) });
}
