/** A receiver of alerts, as an operator's own would be: it remembers what Alertmanager told it. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ToldAlert {
  readonly status: 'firing' | 'resolved';
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
}

/** One POST. */
export interface Notification {
  readonly atMs: number;
  readonly alerts: readonly ToldAlert[];
}

/** Milliseconds since the Unix epoch. */
export interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

interface Payload {
  readonly alerts: readonly {
    readonly status: 'firing' | 'resolved';
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly startsAt: string;
  }[];
}

export class WebhookReceiver {
  readonly notifications: Notification[] = [];
  /** Answers 500 to everything while set. */
  refuses = false;
  /** POSTs that were answered with 500. */
  refused = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** On every address of this machine: a lab's network is not there yet. */
  static async listen(): Promise<WebhookReceiver> {
    const server = createServer(async (request, response) => {
      let text = '';
      for await (const chunk of request) text += String(chunk);
      if (receiver.refuses) {
        receiver.refused += 1;
        response.writeHead(500).end();
        return;
      }
      const { alerts } = JSON.parse(text) as Payload;
      const told = alerts.map(
        ({ status, labels, annotations, startsAt }): ToldAlert => ({
          status,
          name: labels['alertname'] ?? '',
          labels,
          annotations,
          startsAt,
        }),
      );
      receiver.notifications.push({ atMs: Date.now(), alerts: told });
      response.writeHead(200).end();
    });
    const receiver = new WebhookReceiver(server);
    await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Alerts of this name and status, told since `sinceMs`. */
  told(name: string, status: ToldAlert['status'], sinceMs: number): readonly ToldAlert[] {
    return this.notifications
      .filter(({ atMs }) => atMs >= sinceMs)
      .flatMap(({ alerts }) => alerts.filter((alert) => alert.name === name && alert.status === status));
  }

  /**
   * Notifications without any news: each of their alerts was last told in the same state. A message is of all that fires in
   * its stack, so it repeats what goes on beside what is new; one that only repeats was sent by somebody who did not know
   * that it had been told. Those of the periods `except` do not count: then nobody could know.
   */
  duplicates(except: readonly Period[] = []): readonly string[] {
    const last = new Map<string, string>();
    const repeated: string[] = [];
    for (const { atMs, alerts } of this.notifications) {
      let hasNews = false;
      for (const { status, labels } of alerts) {
        const key = JSON.stringify(labels);
        hasNews ||= last.get(key) !== status;
        last.set(key, status);
      }
      if (hasNews || except.some(({ fromMs, toMs }) => atMs >= fromMs && atMs <= toMs)) continue;
      const states = alerts.map(({ status, labels }) => `${status} ${JSON.stringify(labels)}`);
      repeated.push(`${new Date(atMs).toISOString()} ${states.join('; ')}`);
    }
    return repeated;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
