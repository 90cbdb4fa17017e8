/** A package mirror: serves a directory over HTTP on this machine's address in the hosts' network. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join, normalize } from 'node:path';

export interface Mirror {
  readonly url: string;
  /** Bytes that hosts have fetched. */
  readonly bytes: () => number;
  close(): Promise<void>;
}

export async function startMirror(directory: string, address: string): Promise<Mirror> {
  let bytes = 0;
  const server: Server = createServer((request, response) => {
    const path = join(directory, normalize(decodeURIComponent(request.url ?? '/')));
    stat(path).then(
      (found) => {
        if (!found.isFile()) return response.writeHead(404).end();
        response.writeHead(200, { 'content-length': found.size, 'last-modified': found.mtime.toUTCString() });
        bytes += found.size;
        return createReadStream(path).pipe(response);
      },
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(80, address, resolve);
  });
  // A test that has ended is not kept by its mirror.
  server.unref();
  return {
    url: `http://${address}/`,
    bytes: () => bytes,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
