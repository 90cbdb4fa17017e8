/**
 * What a peer did against the protocol, or is told by it: number, SQLSTATE and text as a MariaDB server gives them.
 * @see https://mariadb.com/kb/en/mariadb-error-code-reference/
 */
export class ProtocolError extends Error {
  readonly errno: number;
  /** Five characters. */
  readonly sqlState: string;

  constructor(errno: number, sqlState: string, message: string) {
    super(message);
    this.name = 'ProtocolError';
    this.errno = errno;
    this.sqlState = sqlState;
  }
}

/** ER_HANDSHAKE_ERROR: the client's answer to the greeting can't be understood. */
export function badHandshake(why: string): ProtocolError {
  return new ProtocolError(1043, '08S01', `Bad handshake: ${why}`);
}

/** ER_NET_PACKETS_OUT_OF_ORDER. */
export function outOfOrder(expected: number, got: number): ProtocolError {
  return new ProtocolError(
    1156,
    '08S01',
    `Got packets out of order: sequence id ${got} instead of ${expected}`,
  );
}

/** ER_MALFORMED_PACKET: a field reaches beyond its packet, or has a value that isn't defined. */
export function malformed(what: string): ProtocolError {
  return new ProtocolError(1835, 'HY000', `Malformed communication packet: ${what}`);
}

/** ER_NET_PACKET_TOO_LARGE: more bytes than this side takes at this point. */
export function tooLarge(what: string, limitBytes: number): ProtocolError {
  return new ProtocolError(
    1153,
    '08S01',
    `Got a packet bigger than 'max_allowed_packet' bytes: ${what} may have ${limitBytes}`,
  );
}
