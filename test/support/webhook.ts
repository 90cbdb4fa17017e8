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

  /** Notifications that said the very same as the one before: two Alertmanagers that do not know of each other. */
  duplicates(): readonly string[] {
    const texts = this.notifications.map(({ alerts }) =>
      alerts
        .map(({ status, labels, startsAt }) => `${status} ${JSON.stringify(labels)} ${startsAt}`)
        .sort()
        .join('\n'),
    );
    return texts.filter((text, index) => index > 0 && text === texts[index - 1]);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
