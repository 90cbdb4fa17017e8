/**
 * Between this module's types and the JSON of etcd's gateway: keys and values are base64, 64-bit numbers are strings,
 * and zero values are left out (etcd 3.4, rpc.proto).
 */

export interface KeyValue {
  readonly key: string;
  readonly value: string;
  /** Revision at which the key was created; the epoch of a lease-bound key. */
  readonly createRevision: number;
  readonly modRevision: number;
  /** 1 after creation, plus one per change. */
  readonly version: number;
  /** Identity of the lease that the key lives by; undefined when it lives for ever. */
  readonly lease: string | undefined;
}

export type Comparison = '=' | '!=' | '<' | '>';

/** A key that does not exist has version, create and mod revision 0. */
export type Compare =
  | {
      readonly target: 'createRevision' | 'modRevision' | 'version';
      readonly key: string;
      readonly is?: Comparison;
      readonly number: number;
    }
  | { readonly target: 'value'; readonly key: string; readonly is?: Comparison; readonly value: string };

export type Operation =
  | { readonly op: 'put'; readonly key: string; readonly value: string; readonly lease?: string }
  | { readonly op: 'get'; readonly key: string; readonly prefix?: boolean }
  | { readonly op: 'delete'; readonly key: string; readonly prefix?: boolean };

/** One per operation of the branch that ran, in order; `kvs` for get, `deleted` for delete. */
export interface OperationResult {
  readonly kvs: readonly KeyValue[];
  readonly deleted: number;
}

export interface WatchEvent {
  readonly type: 'put' | 'delete';
  /** Of a deletion only key and modRevision say something. */
  readonly kv: KeyValue;
}

export type Json = Readonly<Record<string, unknown>>;

export function encode(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

function decode(value: unknown): string {
  return typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : '';
}

export function number(value: unknown): number {
  return value === undefined ? 0 : Number(value);
}

export function objects(value: unknown): readonly Json[] {
  return Array.isArray(value) ? (value as Json[]) : [];
}

export function object(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

/** First key after all keys that begin with `prefix`: the prefix with its last byte raised by one. */
export function prefixEnd(prefix: string): string {
  const bytes = Buffer.from(prefix, 'utf8');
  for (let index = bytes.length - 1; index >= 0; index -= 1) {
    const byte = bytes[index] ?? 0xff;
    if (byte < 0xff) {
      bytes[index] = byte + 1;
      return bytes.subarray(0, index + 1).toString('base64');
    }
  }
  return Buffer.from([0]).toString('base64');
}

export function keyRange(key: string, prefix: boolean | undefined): Json {
  return prefix === true ? { key: encode(key), range_end: prefixEnd(key) } : { key: encode(key) };
}

export function decodeKeyValue(raw: Json): KeyValue {
  const lease = raw['lease'];
  return {
    key: decode(raw['key']),
    value: decode(raw['value']),
    createRevision: number(raw['create_revision']),
    modRevision: number(raw['mod_revision']),
    version: number(raw['version']),
    lease: lease === undefined || lease === '0' ? undefined : String(lease),
  };
}

const comparisons: Record<Comparison, string> = {
  '=': 'EQUAL',
  '!=': 'NOT_EQUAL',
  '<': 'LESS',
  '>': 'GREATER',
};
const targets = {
  createRevision: ['CREATE', 'create_revision'],
  modRevision: ['MOD', 'mod_revision'],
  version: ['VERSION', 'version'],
} as const;

export function encodeCompare(compare: Compare): Json {
  const base = { key: encode(compare.key), result: comparisons[compare.is ?? '='] };
  if (compare.target === 'value') return { ...base, target: 'VALUE', value: encode(compare.value) };
  const [target, field] = targets[compare.target];
  return { ...base, target, [field]: String(compare.number) };
}

export function encodeOperation(operation: Operation): Json {
  switch (operation.op) {
    case 'put':
      return {
        request_put: {
          key: encode(operation.key),
          value: encode(operation.value),
          ...(operation.lease === undefined ? {} : { lease: operation.lease }),
        },
      };
    case 'get':
      return { request_range: keyRange(operation.key, operation.prefix) };
    case 'delete':
      return { request_delete_range: keyRange(operation.key, operation.prefix) };
    default:
      return operation satisfies never;
  }
}

export function decodeOperationResult(raw: Json): OperationResult {
  return {
    kvs: objects(object(raw['response_range'])['kvs']).map(decodeKeyValue),
    deleted: number(object(raw['response_delete_range'])['deleted']),
  };
}

export function decodeEvent(raw: Json): WatchEvent {
  return { type: raw['type'] === 'DELETE' ? 'delete' : 'put', kv: decodeKeyValue(object(raw['kv'])) };
}
