/**
 * Client of etcd 3.4's JSON gateway (https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/). Endpoints are tried in the
 * order given; one that failed is put last for a while. Why not gRPC: docs/adr/0010-etcd-client.md.
 */
import {
  type Compare,
  decodeKeyValue,
  decodeOperationResult,
  encodeCompare,
  encodeOperation,
  type Json,
  type KeyValue,
  keyRange,
  number,
  type Operation,
  type OperationResult,
  object,
  objects,
} from './codec.ts';
import { EtcdError } from './errors.ts';
import { EtcdTransport, type TlsFiles } from './transport.ts';

export interface EtcdOptions {
  /** `https://ADDRESS:PORT`, the preferred one first. */
  readonly endpoints: readonly string[];
  readonly tls: TlsFiles;
  /** Until a request has its answer, all endpoints together. */
  readonly timeoutMs?: number;
  readonly connectTimeoutMs?: number;
}

export interface RangeResult {
  readonly kvs: readonly KeyValue[];
  /** Of the whole store when it answered. */
  readonly revision: number;
}

export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly Operation[];
  readonly failure?: readonly Operation[];
}

export interface TxnResult {
  /** Whether all comparisons held; false is an answer, not an error. */
  readonly succeeded: boolean;
  readonly results: readonly OperationResult[];
  readonly revision: number;
}

export interface RequestOptions {
  readonly timeoutMs?: number;
}

/** How long an endpoint that failed is asked last. */
const suspectMs = 5_000;

export class EtcdClient {
  readonly endpoints: readonly string[];
  readonly transport: EtcdTransport;
  readonly connectTimeoutMs: number;
  readonly #timeoutMs: number;
  readonly #suspectUntil = new Map<string, number>();

  constructor(options: EtcdOptions) {
    this.endpoints = options.endpoints;
    this.transport = new EtcdTransport(options.tls);
    this.#timeoutMs = options.timeoutMs ?? 1_500;
    this.connectTimeoutMs = options.connectTimeoutMs ?? 400;
  }

  /** A linearizable read (the default) fails without a quorum; a serializable one may be stale, and needs one member. */
  async range(
    key: string,
    options: RequestOptions & { prefix?: boolean; serializable?: boolean } = {},
  ): Promise<RangeResult> {
    const body = { ...keyRange(key, options.prefix), serializable: options.serializable === true };
    const answer = await this.#read('/v3/kv/range', body, options);
    return { kvs: objects(answer['kvs']).map(decodeKeyValue), revision: revisionOf(answer) };
  }

  async get(
    key: string,
    options: RequestOptions & { serializable?: boolean } = {},
  ): Promise<KeyValue | undefined> {
    return (await this.range(key, options)).kvs[0];
  }

  async txn(request: TxnRequest, options: RequestOptions = {}): Promise<TxnResult> {
    const body = {
      compare: request.compare.map(encodeCompare),
      success: request.success.map(encodeOperation),
      failure: (request.failure ?? []).map(encodeOperation),
    };
    const answer = await this.#write('/v3/kv/txn', body, options);
    return {
      succeeded: answer['succeeded'] === true,
      results: objects(answer['responses']).map(decodeOperationResult),
      revision: revisionOf(answer),
    };
  }

  async put(key: string, value: string, options: RequestOptions & { lease?: string } = {}): Promise<number> {
    const put = {
      op: 'put',
      key,
      value,
      ...(options.lease === undefined ? {} : { lease: options.lease }),
    } as const;
    return (await this.txn({ compare: [], success: [put] }, options)).revision;
  }

  async delete(key: string, options: RequestOptions & { prefix?: boolean } = {}): Promise<number> {
    const result = await this.txn(
      { compare: [], success: [{ op: 'delete', key, prefix: options.prefix === true }] },
      options,
    );
    return result.results[0]?.deleted ?? 0;
  }

  /** The lease's identity. A grant of unknown outcome is harmless: nothing is bound to it, and it expires. */
  async leaseGrant(ttlSeconds: number, options: RequestOptions & { id?: string } = {}): Promise<string> {
    // 0 lets etcd choose.
    const body = { TTL: String(ttlSeconds), ID: options.id ?? '0' };
    const answer = await this.#read('/v3/lease/grant', body, options);
    return String(answer['ID']);
  }

  /**
   * Renews once; the seconds that the lease has from the moment *this request was sent*, or undefined when the lease is
   * gone. The holder's deadline counts from the monotonic time before the call.
   */
  async leaseKeepAlive(lease: string, options: RequestOptions = {}): Promise<number | undefined> {
    const answer = await this.#read('/v3/lease/keepalive', { ID: lease }, options);
    const ttl = number(object(answer['result'])['TTL']);
    return ttl === 0 ? undefined : ttl;
  }

  /** False when the lease was gone already. */
  async leaseRevoke(lease: string, options: RequestOptions = {}): Promise<boolean> {
    try {
      await this.#write('/v3/lease/revoke', { ID: lease }, options);
      return true;
    } catch (error) {
      if (error instanceof EtcdError && error.leaseNotFound) return false;
      throw error;
    }
  }

  /** Asks one endpoint only; for what concerns a member, not the store. */
  callOne(endpoint: string, path: string, body: Json, options: RequestOptions = {}): Promise<Json> {
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    return this.transport.call({ endpoint, path, body, timeoutMs, connectTimeoutMs: this.connectTimeoutMs });
  }

  /** A request that may run twice without harm: whatever goes wrong at one endpoint, the next is asked. */
  repeatable(path: string, body: Json, options: RequestOptions = {}): Promise<Json> {
    return this.#read(path, body, options);
  }

  /** Endpoints in the order to ask them now. */
  order(): readonly string[] {
    const now = Date.now();
    const suspect = (endpoint: string) => (this.#suspectUntil.get(endpoint) ?? 0) > now;
    return [...this.endpoints.filter((e) => !suspect(e)), ...this.endpoints.filter(suspect)];
  }

  suspect(endpoint: string): void {
    this.#suspectUntil.set(endpoint, Date.now() + suspectMs);
  }

  close(): void {
    this.transport.close();
  }

  #read(path: string, body: Json, options: RequestOptions): Promise<Json> {
    return this.#ask(path, body, options, true);
  }

  /** Sent at most once: after `unknown` it may have happened, and only the caller knows how to find out. */
  #write(path: string, body: Json, options: RequestOptions): Promise<Json> {
    return this.#ask(path, body, options, false);
  }

  async #ask(path: string, body: Json, options: RequestOptions, repeatable: boolean): Promise<Json> {
    const endpoints = this.order();
    const deadline = Date.now() + (options.timeoutMs ?? this.#timeoutMs);
    let last: EtcdError | undefined;
    for (const [index, endpoint] of endpoints.entries()) {
      const leftMs = deadline - Date.now();
      if (leftMs <= 0) break;
      // A repeatable request leaves time for the endpoints behind; half of what is left goes to each.
      const timeoutMs = repeatable && index < endpoints.length - 1 ? Math.max(100, leftMs / 2) : leftMs;
      try {
        const answer = await this.transport.call({
          endpoint,
          path,
          body,
          timeoutMs,
          connectTimeoutMs: this.connectTimeoutMs,
        });
        this.#suspectUntil.delete(endpoint);
        return answer;
      } catch (error) {
        if (!(error instanceof EtcdError) || error.failure === 'refused') throw error;
        this.suspect(endpoint);
        // A first attempt that may have happened stays unknown, whatever the next endpoints say.
        last = last?.failure === 'unknown' && error.failure === 'unavailable' ? last : error;
        if (error.failure === 'unknown' && !repeatable) throw error;
      }
    }
    throw last ?? new EtcdError('unavailable', 'no endpoints');
  }
}

export function revisionOf(answer: Json): number {
  return number(object(answer['header'])['revision']);
}
