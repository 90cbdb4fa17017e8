/** Command bytes, and the shape of the answer to each. @see https://mariadb.com/kb/en/2-text-protocol/ */
export const command = {
  sleep: 0x00,
  quit: 0x01,
  initDb: 0x02,
  query: 0x03,
  fieldList: 0x04,
  createDb: 0x05,
  dropDb: 0x06,
  refresh: 0x07,
  shutdown: 0x08,
  statistics: 0x09,
  processInfo: 0x0a,
  connect: 0x0b,
  processKill: 0x0c,
  debug: 0x0d,
  ping: 0x0e,
  time: 0x0f,
  delayedInsert: 0x10,
  changeUser: 0x11,
  binlogDump: 0x12,
  tableDump: 0x13,
  connectOut: 0x14,
  registerReplica: 0x15,
  stmtPrepare: 0x16,
  stmtExecute: 0x17,
  stmtSendLongData: 0x18,
  stmtClose: 0x19,
  stmtReset: 0x1a,
  setOption: 0x1b,
  stmtFetch: 0x1c,
  daemon: 0x1d,
  binlogDumpGtid: 0x1e,
  resetConnection: 0x1f,
  stmtBulkExecute: 0xfa,
} as const;

/** How an answer is to be followed (`ResponseScanner`). */
export const responseShape = {
  /** OK, EOF, ERR, a result set, several of them, or a request for a local file. */
  result: 0,
  /** The answer to COM_STMT_PREPARE. */
  prepare: 1,
  /** Rows and an end, without a header: COM_STMT_FETCH. */
  rows: 2,
  /** Column definitions and an EOF: COM_FIELD_LIST. */
  fieldList: 3,
  /** One packet of text: COM_STATISTICS. */
  text: 4,
  /** None at all. */
  none: 5,
  /** As `result`, for an execution that asks for a cursor: no rows follow when the server has opened one. */
  cursor: 6,
} as const;

export type ResponseShape = (typeof responseShape)[keyof typeof responseShape];

export function responseShapeOf(code: number): ResponseShape {
  switch (code) {
    case command.stmtPrepare:
      return responseShape.prepare;
    case command.stmtFetch:
      return responseShape.rows;
    case command.fieldList:
      return responseShape.fieldList;
    case command.statistics:
      return responseShape.text;
    case command.quit:
    case command.stmtClose:
    case command.stmtSendLongData:
      return responseShape.none;
    default:
      return responseShape.result;
  }
}
