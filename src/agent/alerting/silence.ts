/**
 * On the monitoring hosts: while maintenance is on in etcd, the alerts are silent. The record is what counts, so a silence
 * follows however maintenance was asked for, and Alertmanager may lose its own memory.
 */
import { askAgent } from '#src/adapters/agent-client.ts';
import { EtcdError } from '#src/adapters/etcd/errors.ts';
import type { Log } from '#src/adapters/log.ts';
import { storeKeys } from '#src/ha/store-format.ts';
import { ports } from '#src/topology/ports.ts';
import type { AgentContext } from '../context.ts';
import { Loop } from '../loop.ts';
import { decideSilence, type Silence } from './silence-decide.ts';

const checkMs = 5_000;
const limitMs = 3_000;
/** Known by this: others may make silences of their own. */
const creator = 'tandem';
const comment = "Maintenance is on; 'tandem maintenance off' ends it.";
/** The alert that maintenance goes on for too long is not silent. */
const matchers = [{ name: 'alertname', value: 'MaintenanceLong', isRegex: false, isEqual: false }];

interface Maintenance {
  /** As recorded; undefined when the record does not say. */
  readonly sinceMs: number | undefined;
  /** When this agent first saw it. */
  readonly seenMs: number;
}

export class SilenceConcern {
  readonly #context: AgentContext;
  readonly #log: Log;
  readonly #position: number;
  readonly #port: number;
  readonly #loop: Loop;
  #maintenance: Maintenance | undefined;

  constructor(context: AgentContext, position: number, port: number = ports.alertmanager) {
    this.#context = context;
    this.#log = context.log.of('silence');
    this.#position = position;
    this.#port = port;
    this.#loop = new Loop({
      name: 'silence',
      intervalMs: checkMs,
      log: this.#log,
      step: () => this.#step(),
    });
  }

  /** Since when maintenance is on; undefined when it is off or was never read. */
  get maintenanceSinceMs(): number | undefined {
    return this.#maintenance?.sinceMs;
  }

  stop(): void {
    this.#loop.stop();
  }

  async #step(): Promise<void> {
    try {
      const record = await this.#context.etcd.get(storeKeys.maintenance, { timeoutMs: limitMs });
      this.#maintenance =
        record === undefined
          ? undefined
          : { sinceMs: sinceOf(record.value), seenMs: this.#maintenance?.seenMs ?? Date.now() };
    } catch (error) {
      // What is not known changes nothing: a silence that there is ends by itself.
      if (error instanceof EtcdError) return;
      throw error;
    }
    const action = decideSilence(
      this.#maintenance?.seenMs,
      await this.#silences(),
      this.#position,
      Date.now(),
    );
    if (action.kind === 'nothing') return;
    if (action.kind === 'set') {
      await this.#set(action.id, action.endsAtMs);
      if (action.id === undefined) this.#log.info('alerts are silent: maintenance is on');
      return;
    }
    for (const id of action.ids) await this.#ask('DELETE', `/api/v2/silence/${id}`);
    this.#log.info('a silence is ended', { silences: action.ids.length });
  }

  async #silences(): Promise<readonly Silence[]> {
    const all = (await this.#ask('GET', '/api/v2/silences')) as readonly {
      id: string;
      createdBy: string;
      comment: string;
      startsAt: string;
      endsAt: string;
      status: { state: string };
    }[];
    return all
      .filter((each) => each.createdBy === creator && each.comment === comment)
      .filter(({ status }) => status.state !== 'expired')
      .map(({ id, startsAt, endsAt }) => ({
        id,
        startsAtMs: Date.parse(startsAt),
        endsAtMs: Date.parse(endsAt),
      }));
  }

  async #set(id: string | undefined, endsAtMs: number): Promise<void> {
    await this.#ask('POST', '/api/v2/silences', {
      ...(id === undefined ? {} : { id }),
      matchers,
      startsAt: new Date().toISOString(),
      endsAt: new Date(endsAtMs).toISOString(),
      createdBy: creator,
      comment,
    });
  }

  /** Rejects on anything but an answer with what was asked for. */
  async #ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const { config, tls } = this.#context;
    const ask = { method, path, body, timeoutMs: limitMs, port: this.#port };
    const answer = await askAgent({ address: config.address }, tls, ask).catch((error: Error) => {
      throw new Error(`Alertmanager does not answer: ${error.message}`);
    });
    if (answer.status !== 200)
      throw new Error(
        `Alertmanager answered ${answer.status} to ${method} ${path}: ${JSON.stringify(answer.body)}`,
      );
    return answer.body;
  }
}

function sinceOf(value: string): number | undefined {
  try {
    const { sinceMs } = JSON.parse(value) as { sinceMs?: unknown };
    return typeof sinceMs === 'number' ? sinceMs : undefined;
  } catch {
    return undefined;
  }
}
