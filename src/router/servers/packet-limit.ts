/**
 * The longest command that a member takes (`max_allowed_packet`). A server refuses a longer one at its first bytes and
 * closes at once, and its reset may overtake its word; so the router, which knows, refuses in its place and sends nothing.
 * Asked when there is a long command, and again after a while: connections take the value that is set when they begin.
 * @see https://mariadb.com/kb/en/server-system-variables/#max_allowed_packet
 */
import { ProtocolError } from '#src/mysql-wire/protocol-error.ts';

/** Servers take commands of so many bytes whatever they are set to, but for settings that nobody uses. */
const alwaysTakenBytes = 64 * 1024;
const askAgainMs = 10_000;

/** A payload of so many bytes is too long, as a server counts: its buffer is never smaller than net_buffer_length. */
export const packetLimitSql = 'SELECT GREATEST(@@GLOBAL.max_allowed_packet, @@GLOBAL.net_buffer_length)';

export class PacketLimit {
  #bytes = Number.POSITIVE_INFINITY;
  #askedMs = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;

  /** Whether a command of so many bytes can be judged without asking. */
  knows(payloadBytes: number): boolean {
    return payloadBytes < alwaysTakenBytes || performance.now() - this.#askedMs < askAgainMs;
  }

  /** `ask` runs `packetLimitSql`. Never rejects: when there is no answer, the server itself has to say no. */
  async learn(ask: () => Promise<readonly (readonly (string | null)[])[]>): Promise<void> {
    this.#asking ??= ask()
      .then(
        ([row]) => Number(row?.[0] ?? Number.POSITIVE_INFINITY),
        () => Number.POSITIVE_INFINITY,
      )
      .then((bytes) => {
        this.#bytes = bytes;
        this.#askedMs = performance.now();
        this.#asking = undefined;
      });
    await this.#asking;
  }

  /** The payload length from which on the member says no; infinite while that isn't known. */
  get bytes(): number {
    return this.#bytes;
  }

  refuses(payloadBytes: number): boolean {
    return payloadBytes >= this.#bytes;
  }
}

/** ER_NET_PACKET_TOO_LARGE, word for word. */
export function packetTooLarge(): ProtocolError {
  return new ProtocolError(1153, '08S01', "Got a packet bigger than 'max_allowed_packet' bytes");
}
