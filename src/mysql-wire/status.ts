/** Server status flags of OK and EOF packets. @see https://mariadb.com/kb/en/ok_packet/#server-status-flag */
export const serverStatus = {
  inTransaction: 0x0001,
  autocommit: 0x0002,
  moreResults: 0x0008,
  cursorExists: 0x0040,
  lastRowSent: 0x0080,
  noBackslashEscapes: 0x0200,
  metadataChanged: 0x0400,
  /** The last of a procedure's OUT parameters. */
  outParameters: 0x1000,
  inReadOnlyTransaction: 0x2000,
  /** Tracked session state follows (or would, were the packet an OK and the capability there). */
  sessionStateChanged: 0x4000,
} as const;
