/** A lab's Prometheus and Alertmanager, asked as an operator asks them: by their HTTP APIs, with the operator's certificate. */
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import type { StackFile } from '#src/spec/schema.ts';
import { ports } from '#src/topology/ports.ts';
import type { Lab } from './lab.ts';
import { gatewayOf } from './subnet.ts';

export interface Identity {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Receivers on this machine, by their ports. */
export interface Receivers {
  readonly webhooks: readonly number[];
  readonly mailbox?: number;
}

/**
 * `stack` with monitoring: quick readings, messages as soon as a stack file may have them, and receivers on this machine.
 * CPU is the machine's, which others use too.
 */
export function monitored(stack: StackFile, subnet: string, { webhooks, mailbox }: Receivers): StackFile {
  const gateway = gatewayOf(subnet);
  const email = {
    to: ['ops@example.org'],
    from: 'tandem@example.org',
    smtp: `${gateway}:${mailbox}`,
    tls: false,
  };
  return {
    ...stack,
    monitoring: {
      scrapeSeconds: 5,
      alerts: {
        gatherSeconds: 10,
        webhooks: webhooks.map((port) => webhookOf(subnet, port)),
        ...(mailbox === undefined ? {} : { email }),
        thresholds: { cpuPercent: 100, lagSeconds: 5 },
      },
    },
  };
}

/** A receiver on this machine, as a lab in this subnet reaches it. */
export function webhookOf(subnet: string, port: number): { readonly url: string } {
  return { url: `http://${gatewayOf(subnet)}:${port}/` };
}

export async function operatorIdentity(lab: Lab): Promise<Identity> {
  const file = async (name: string) => readFile(join(await lab.stateDirectory(), 'material', name), 'utf8');
  return { ca: await file('ca.pem'), cert: await file('operator.pem'), key: await file('operator.key') };
}

/** Status and body of a GET; rejects without an answer, such as when TLS refuses. */
export function get(
  address: string,
  port: number,
  path: string,
  identity: Identity,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const trust = identity.ca === undefined ? { rejectUnauthorized: false } : {};
    const outgoing = request({ host: address, port, path, agent: false, ...identity, ...trust });
    const timer = setTimeout(() => outgoing.destroy(new Error('no answer within 20 s')), 20_000);
    outgoing.on('close', () => clearTimeout(timer));
    outgoing.on('error', reject);
    outgoing.on('response', async (response) => {
      try {
        let body = '';
        for await (const chunk of response) body += String(chunk);
        resolve({ status: response.statusCode ?? 0, body });
      } catch (error) {
        reject(error);
      }
    });
    outgoing.end();
  });
}

async function addressOf(lab: Lab, host: string): Promise<string> {
  const found = (await lab.status()).hosts.find(({ name }) => name === host);
  if (found === undefined) throw new Error(`the lab has no host ${host}`);
  return found.address;
}

export class Prometheus {
  readonly host: string;
  readonly #address: string;
  readonly #identity: Identity;

  private constructor(host: string, address: string, identity: Identity) {
    this.host = host;
    this.#address = address;
    this.#identity = identity;
  }

  static async of(lab: Lab, host: string): Promise<Prometheus> {
    return new Prometheus(host, await addressOf(lab, host), await operatorIdentity(lab));
  }

  async query(expression: string): Promise<readonly Sample[]> {
    const data = (await this.ask(`/api/v1/query?query=${encodeURIComponent(expression)}`)) as {
      result: readonly { metric: Record<string, string>; value: readonly [number, string] }[];
    };
    return data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  }

  /** Names of the alerts that are pending or fire. */
  async alerts(): Promise<
    readonly { readonly name: string; readonly state: string; readonly summary: string }[]
  > {
    const { alerts } = (await this.ask('/api/v1/alerts')) as {
      alerts: readonly {
        state: string;
        labels: Record<string, string>;
        annotations: Record<string, string>;
      }[];
    };
    return alerts.map(({ state, labels, annotations }) => ({
      name: labels['alertname'] ?? '',
      state,
      summary: annotations['summary'] ?? '',
    }));
  }

  /** `data` of an answer of the API. */
  async ask(path: string): Promise<unknown> {
    const { status, body } = await get(this.#address, ports.prometheus, path, this.#identity);
    const answer = JSON.parse(body) as { status: string; data: unknown; error?: string };
    if (status !== 200) throw new Error(`Prometheus on ${this.host} answered ${status}: ${answer.error}`);
    return answer.data;
  }

  /** Alertmanager's silences that hold, on the same host. */
  async silences(): Promise<readonly { readonly id: string; readonly comment: string }[]> {
    const { body } = await get(this.#address, ports.alertmanager, '/api/v2/silences', this.#identity);
    const all = JSON.parse(body) as readonly { id: string; comment: string; status: { state: string } }[];
    return all.filter(({ status }) => status.state === 'active').map(({ id, comment }) => ({ id, comment }));
  }
}
