/**
 * Capability flags of the handshake. The lower 32 bits are MySQL's; MariaDB's own are a second 32-bit number, which is
 * exchanged when the server's greeting leaves CLIENT_MYSQL out.
 * @see https://mariadb.com/kb/en/connection/#capabilities
 */
export const capability = {
  /** CLIENT_MYSQL (LONG_PASSWORD of old): not a MariaDB peer, no extended capabilities. */
  mysql: 1,
  /** Affected rows are found rows. */
  foundRows: 1 << 1,
  longFlag: 1 << 2,
  connectWithDatabase: 1 << 3,
  noSchema: 1 << 4,
  compress: 1 << 5,
  odbc: 1 << 6,
  localFiles: 1 << 7,
  ignoreSpace: 1 << 8,
  protocol41: 1 << 9,
  /** wait_timeout starts as interactive_timeout. */
  interactive: 1 << 10,
  ssl: 1 << 11,
  ignoreSigpipe: 1 << 12,
  transactions: 1 << 13,
  secureConnection: 1 << 15,
  multiStatements: 1 << 16,
  multiResults: 1 << 17,
  preparedMultiResults: 1 << 18,
  pluginAuth: 1 << 19,
  connectAttributes: 1 << 20,
  pluginAuthLengthEncoded: 1 << 21,
  expiredPasswords: 1 << 22,
  sessionTrack: 1 << 23,
  deprecateEof: 1 << 24,
  optionalMetadata: 1 << 25,
  zstd: 1 << 26,
} as const;

/** MariaDB's own, of the second number. */
export const extendedCapability = {
  /** Progress reports of ALTER TABLE and the like: ERR packets with number 0xFFFF. */
  progress: 1,
  multi: 1 << 1,
  /** COM_STMT_BULK_EXECUTE. */
  bulkOperations: 1 << 2,
  /** Type information in column definitions. */
  extendedMetadata: 1 << 3,
  /** Column definitions left out when the client has them already. */
  cacheMetadata: 1 << 4,
  bulkUnitResults: 1 << 5,
} as const;

/**
 * What the router can stand for towards a client. Not among them: compression (nothing to win on one host),
 * optional metadata, and metadata caching, which assumes that one server prepared and executes.
 */
export const offeredCapabilities =
  capability.foundRows |
  capability.longFlag |
  capability.connectWithDatabase |
  capability.noSchema |
  capability.odbc |
  capability.localFiles |
  capability.ignoreSpace |
  capability.protocol41 |
  capability.interactive |
  capability.ignoreSigpipe |
  capability.transactions |
  capability.secureConnection |
  capability.multiStatements |
  capability.multiResults |
  capability.preparedMultiResults |
  capability.pluginAuth |
  capability.connectAttributes |
  capability.pluginAuthLengthEncoded |
  capability.sessionTrack |
  capability.deprecateEof;

/** The extended ones that only pass through. */
export const offeredExtendedCapabilities =
  extendedCapability.progress | extendedCapability.bulkOperations | extendedCapability.extendedMetadata;

/**
 * Flags that change what a server does or which bytes it sends: a server connection carries the client's own. Not among
 * them: IGNORE_SPACE and INTERACTIVE, which only set session variables at the login, and which a reset takes back.
 */
export const mirroredCapabilities =
  capability.foundRows |
  capability.longFlag |
  capability.noSchema |
  capability.odbc |
  capability.localFiles |
  capability.transactions |
  capability.multiStatements |
  capability.multiResults |
  capability.preparedMultiResults |
  capability.deprecateEof;
