/** Compares this host's clock with the others', as NTP does: their time against the middle of the round trip. */
import { Agent, request } from 'node:https';
import type { AgentContext } from '../context.ts';
import { Loop } from '../loop.ts';
import { clockWarning, offsetMs } from './clock-decide.ts';

/** Clocks drift slowly, and each comparison is a TLS handshake of its own. */
const intervalMs = 120_000;
/** After a start: soon, so that `up` can say it. */
const firstMs = 5_000;
const timeoutMs = 2_000;

export class ClockConcern {
  readonly #context: AgentContext;
  readonly #port: number;
  readonly #loop: Loop;
  #offsets: Readonly<Record<string, number>> = {};
  #rounds = 0;

  constructor(context: AgentContext, port: number) {
    this.#context = context;
    this.#port = port;
    this.#loop = new Loop({
      name: 'clock',
      intervalMs,
      log: context.log.of('clock'),
      step: () => this.#step(),
    });
  }

  get offsetsMs(): Readonly<Record<string, number>> {
    return this.#offsets;
  }

  stop(): void {
    this.#loop.stop();
  }

  async #step(): Promise<number> {
    this.#rounds += 1;
    const { config, warnings } = this.#context;
    const offsets: Record<string, number> = {};
    for (const peer of config.peers.filter((each) => each.name !== config.host)) {
      const offset = await this.#ask(peer.address).catch(() => undefined);
      if (offset !== undefined) offsets[peer.name] = offset;
    }
    this.#offsets = offsets;
    warnings.set('clock', clockWarning(offsets));
    return this.#rounds === 1 ? firstMs : intervalMs;
  }

  #ask(address: string): Promise<number> {
    const { tls } = this.#context;
    return new Promise((resolve, reject) => {
      // One connection for one question: the round trip of the TLS handshake is not in what is measured.
      const agent = new Agent({ keepAlive: false });
      const options = { host: address, port: this.#port, path: '/v1/clock', agent, timeout: timeoutMs };
      const outgoing = request({ ...options, ca: tls.ca, cert: tls.certificate, key: tls.key });
      let sentMs = Date.now();
      outgoing.once('socket', (socket) => {
        socket.once('secureConnect', () => {
          sentMs = Date.now();
        });
      });
      outgoing.once('timeout', () => outgoing.destroy(new Error('no answer')));
      outgoing.once('error', reject);
      outgoing.once('response', async (response) => {
        const receivedMs = Date.now();
        try {
          let text = '';
          for await (const chunk of response) text += String(chunk);
          const { nowMs } = JSON.parse(text) as { nowMs?: unknown };
          if (typeof nowMs !== 'number') throw new Error('no clock in the answer');
          resolve(offsetMs(sentMs, receivedMs, nowMs));
        } catch (error) {
          reject(error);
        }
      });
      outgoing.end();
    });
  }
}
