/** A mail server that takes every mail and keeps it (RFC 5321, as little as a client needs). */

import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';

export interface Mail {
  readonly atMs: number;
  readonly from: string;
  readonly to: readonly string[];
  readonly text: string;
}

export class Mailbox {
  readonly mails: Mail[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** `address`: `0.0.0.0` for mails from a lab, whose network is not there yet. */
  static async listen(address = '127.0.0.1'): Promise<Mailbox> {
    const server = createServer((socket) => box.#serve(socket));
    const box = new Mailbox(server);
    await new Promise<void>((resolve) => server.listen(0, address, resolve));
    return box;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Mails since `sinceMs` in which Alertmanager's own template names this alert among what fires, or is resolved. */
  told(alert: string, status: 'firing' | 'resolved', sinceMs: number): readonly Mail[] {
    return this.mails.filter(({ atMs, text }) => {
      // Quoted-printable (RFC 2045): a line that ends with = goes on in the next one.
      const [firing = '', resolved = ''] = text.replaceAll('=\n', '').split(/\[\d+\] Resolved</);
      const part = status === 'firing' ? firing : resolved;
      return atMs >= sinceMs && part.includes(`alertname =3D ${alert}<`);
    });
  }

  close(): void {
    this.#server.close();
  }

  #serve(socket: Socket): void {
    let [buffer, from, text, isData] = ['', '', '', false];
    let to: string[] = [];
    const say = (line: string) => socket.write(`${line}\r\n`);
    const address = (line: string) => /<([^>]*)>/.exec(line)?.[1] ?? '';
    const take = (line: string): void => {
      if (isData) {
        if (line !== '.') {
          text += `${line}\n`;
          return;
        }
        this.mails.push({ atMs: Date.now(), from, to, text });
        [isData, text, to] = [false, '', []];
        say('250 kept');
        return;
      }
      const verb = line.slice(0, 4).toUpperCase();
      if (verb === 'MAIL') from = address(line);
      if (verb === 'RCPT') to.push(address(line));
      if (verb === 'DATA') isData = true;
      say(verb === 'DATA' ? '354 go on' : verb === 'QUIT' ? '221 good-bye' : '250 fine');
    };
    socket.setEncoding('utf8').on('error', () => undefined);
    say('220 mailbox');
    socket.on('data', (part: string) => {
      buffer += part;
      for (let end = buffer.indexOf('\r\n'); end !== -1; end = buffer.indexOf('\r\n')) {
        const line = buffer.slice(0, end);
        buffer = buffer.slice(end + 2);
        take(line);
      }
    });
  }
}
