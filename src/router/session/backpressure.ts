/** A client that reads too slowly stops its server: nothing piles up in between. */
import type { Channel } from '../channel.ts';
import type { ServerConnection } from '../servers/connection.ts';

export class Backpressure {
  /** The server connection that waits for the client to read. */
  #waiting: ServerConnection | undefined;

  /** False when the client didn't take all of it. */
  pass(client: Channel, connection: ServerConnection, bytes: Buffer): boolean {
    if (client.write(bytes)) return true;
    if (client.full && this.#waiting === undefined) {
      this.#waiting = connection;
      connection.channel.pause();
    }
    return false;
  }

  /** The client has read. */
  resume(): void {
    const connection = this.#waiting;
    this.#waiting = undefined;
    connection?.channel.resume();
  }

  /** The connection leaves the session: nobody is to wait for this client any more. */
  release(connection: ServerConnection): void {
    if (this.#waiting === connection) this.resume();
  }

  /** It broke. */
  forget(connection: ServerConnection): void {
    if (this.#waiting === connection) this.#waiting = undefined;
  }
}
