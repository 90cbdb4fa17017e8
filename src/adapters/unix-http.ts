/** Programs of this host that speak HTTP over a unix socket: nginx' status, the SQL router's control endpoint. */
import { request } from 'node:http';

const mostBytes = 8 * 1024 * 1024;

export interface SocketAsk {
  readonly path: string;
  /** Sent as JSON, by POST. */
  readonly question?: object;
  readonly timeoutMs: number;
}

/** The text of the answer. Rejects on anything but 200, and on more than 8 MiB. */
export function askUnixSocket(socketPath: string, { path, question, timeoutMs }: SocketAsk): Promise<string> {
  const asked =
    question === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' } };
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const outgoing = request({ socketPath, path, agent: false, signal, ...asked });
    outgoing.once('error', reject);
    outgoing.once('response', async (response) => {
      try {
        let text = '';
        for await (const chunk of response.setEncoding('utf8')) {
          text += String(chunk);
          if (text.length > mostBytes) throw new Error(`${socketPath}: the answer is too large`);
        }
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`${socketPath} answered ${response.statusCode}: ${text.slice(0, 1_000)}`));
      } catch (error) {
        reject(error);
      }
    });
    outgoing.end(question === undefined ? undefined : JSON.stringify(question));
  });
}
