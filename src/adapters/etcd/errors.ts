/** How an etcd request can fail. What the caller may conclude differs, so the kinds are never mixed. */

/**
 * - `unavailable`: no endpoint could be asked; nothing was sent, so nothing happened.
 * - `unknown`: the request was sent and no clear answer came. It may have happened, or may still happen. A timeout is
 *   always this, never a "no".
 * - `refused`: etcd answered, and the answer is no (no such lease, compacted, no space, invalid). Nothing happened.
 */
export type EtcdFailure = 'unavailable' | 'unknown' | 'refused';

export class EtcdError extends Error {
  readonly failure: EtcdFailure;
  readonly endpoint: string | undefined;
  /** gRPC status code of a `refused` or `unknown` that etcd itself answered (google/rpc/code.proto). */
  readonly code: number | undefined;

  constructor(failure: EtcdFailure, message: string, details: { endpoint?: string; code?: number } = {}) {
    super(details.endpoint === undefined ? `etcd: ${message}` : `etcd ${details.endpoint}: ${message}`);
    this.name = 'EtcdError';
    this.failure = failure;
    this.endpoint = details.endpoint;
    this.code = details.code;
  }

  get leaseNotFound(): boolean {
    return this.code === grpc.notFound && this.message.includes('lease not found');
  }

  get compacted(): boolean {
    return this.code === grpc.outOfRange && this.message.includes('compacted');
  }
}

export const grpc = {
  invalidArgument: 3,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  outOfRange: 11,
  unimplemented: 12,
  unauthenticated: 16,
} as const;

const definite: ReadonlySet<number> = new Set(Object.values(grpc));

/**
 * Kind of failure that etcd's own error answer stands for. Only codes that etcd gives before it proposes anything are a
 * "no"; "unavailable" (14) is what etcd says when a proposal timed out or the leader changed under it: unknown.
 */
export function failureOfAnswer(code: number): EtcdFailure {
  return definite.has(code) ? 'refused' : 'unknown';
}
