/** One request to an agent of a test. */
import { request } from 'node:https';
import type { ClientIdentity } from '#src/adapters/agent-client.ts';

export function askAgent(
  address: string,
  identity: Partial<ClientIdentity>,
  method: string,
  path: string,
  body?: string,
  port = 18_440,
): Promise<{ status: number; type: string; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: address,
        port,
        path,
        method,
        agent: false,
        ca: identity.ca,
        cert: identity.certificate,
        key: identity.key,
        timeout: 5_000,
      },
      async (response) => {
        let text = '';
        for await (const chunk of response) text += String(chunk);
        resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', text });
      },
    );
    outgoing.once('timeout', () => outgoing.destroy(new Error('no answer')));
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}
