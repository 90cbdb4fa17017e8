/** Asks the local HAProxy for a sign of life over its health socket, on a connection that is kept. */
import { connect, type Socket } from 'node:net';
import type { Answer } from './health-decide.ts';

const question = 'GET / HTTP/1.1\r\nHost: health\r\n\r\n';
/** After a reload the old process still answers its open connections: ask for a new one now and then. */
const questionsPerConnection = 10;

export class HealthProbe {
  readonly #path: string;
  readonly #timeoutMs: number;
  #socket: Socket | undefined;
  #asked = 0;
  /** The connection ended between two questions. */
  onLost: (() => void) | undefined;

  constructor(path: string, timeoutMs: number) {
    this.#path = path;
    this.#timeoutMs = timeoutMs;
  }

  /** 200: it has web hosts to send to; 503: it has none. Never rejects. */
  async ask(): Promise<Answer> {
    if (this.#asked >= questionsPerConnection) this.close();
    const isKept = this.#socket !== undefined;
    const answer = await this.#askOnce();
    // A process that is leaving after a reload has given its web hosts away, and closes: only its successor counts.
    const mayBeLeaving = isKept && (answer === 'empty' || answer === 'gone');
    if (!mayBeLeaving) return answer;
    this.close();
    return this.#askOnce();
  }

  #askOnce(): Promise<Answer> {
    this.#asked += 1;
    const socket = this.#socket ?? this.#open();
    return new Promise((resolve) => {
      const done = (answer: Answer): void => {
        clearTimeout(timer);
        socket.off('data', onData);
        socket.off('close', onClose);
        if (answer === 'gone' || answer === 'late') this.close();
        resolve(answer);
      };
      const onData = (data: Buffer): void => done(answerOf(data.subarray(0, 12).toString('latin1')));
      const onClose = (): void => done('gone');
      const timer = setTimeout(() => done('late'), this.#timeoutMs);
      socket.once('data', onData);
      socket.once('close', onClose);
      socket.write(question);
    });
  }

  close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#asked = 0;
    socket?.destroy();
  }

  #open(): Socket {
    const socket = connect({ path: this.#path });
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.once('close', () => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.#asked = 0;
      this.onLost?.();
    });
    return socket;
  }
}

function answerOf(statusLine: string): Answer {
  if (statusLine === 'HTTP/1.1 200') return 'serving';
  return statusLine === 'HTTP/1.1 503' ? 'empty' : 'gone';
}
