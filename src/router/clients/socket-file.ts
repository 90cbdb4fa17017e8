/**
 * A unix socket that a successor can take over at any moment: it is made under a name of its own, with its permissions,
 * and then renamed to the path. Nobody ever finds no socket, or one that is not theirs to use, and libuv, which removes
 * the file that a socket was bound to when it closes, does not find the one of a successor.
 */
import { once } from 'node:events';
import { chmodSync, renameSync, rmSync, statSync } from 'node:fs';
import type { ListenOptions, Server } from 'node:net';

export class SocketFile {
  readonly #path: string;
  readonly #inode: number;

  private constructor(path: string, inode: number) {
    this.#path = path;
    this.#inode = inode;
  }

  /** `server` listens at `path` with these permissions; whatever was there is replaced. Rejects when it can't. */
  static async listen(
    server: Server,
    path: string,
    mode: number,
    options: ListenOptions = {},
  ): Promise<SocketFile> {
    const own = `${path}.${process.pid}`;
    rmSync(own, { force: true });
    server.listen({ ...options, path: own });
    await once(server, 'listening');
    chmodSync(own, mode);
    const { ino } = statSync(own);
    renameSync(own, path);
    return new SocketFile(path, ino);
  }

  /** Removes the file unless a successor has replaced it. */
  remove(): void {
    try {
      if (statSync(this.#path).ino === this.#inode) rmSync(this.#path);
    } catch {
      // It is gone already.
    }
  }
}
