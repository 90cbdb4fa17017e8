/** A package mirror: serves directories, the first that has a file, over HTTP on this machine's address in the hosts' network. */
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

export async function startMirror(directories: readonly string[], address: string): Promise<Mirror> {
  let bytes = 0;
  const server: Server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(request.url ?? '/'));
    findFile(directories, path).then((found) => {
      if (found === undefined) return response.writeHead(404).end();
      const { file, size, modified } = found;
      response.writeHead(200, { 'content-length': size, 'last-modified': modified });
      bytes += size;
      return createReadStream(file).pipe(response);
    });
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

async function findFile(directories: readonly string[], path: string) {
  for (const directory of directories) {
    const file = join(directory, path);
    const found = await stat(file).catch(() => undefined);
    if (found?.isFile() === true) return { file, size: found.size, modified: found.mtime.toUTCString() };
  }
  return undefined;
}
