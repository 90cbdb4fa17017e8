/** What a client is told when the router itself has to refuse. Each says whether the statement ran. */
import type { ErrPacket } from '#src/mysql-wire/err-packet.ts';

/** ER_SERVER_SHUTDOWN: drivers' pools take it for a lost server and try again. SQLSTATE: could not connect. */
export function notExecuted(why: string): ErrPacket {
  return { errno: 1053, sqlState: '08001', message: `The statement was not executed: ${why}` };
}

/** A server gave the router an answer that is none, when a connection was made ready: another one would give the same. */
export function answeredWrongly(why: string): ErrPacket {
  return {
    errno: 1105,
    sqlState: 'HY000',
    message: `The statement was not executed: its server answered the SQL router against the protocol (${why})`,
  };
}

/** SQLSTATE 08007 of the standard: "transaction resolution unknown". */
export function outcomeUnknown(member: string, why: string): ErrPacket {
  return {
    errno: 1158,
    sqlState: '08007',
    message:
      `The outcome of the statement is unknown: the connection to ${member} was lost while it ran (${why}). ` +
      'It was not sent again; look whether it took effect before you repeat it',
  };
}

/** ER_LOCK_DEADLOCK's class 40: rolled back as a whole, safe to run again from its beginning. */
export function transactionLost(why: string): ErrPacket {
  return {
    errno: 1213,
    sqlState: '40001',
    message: `The transaction was rolled back: ${why}; run it again from its beginning`,
  };
}

/** What the session had on its server (temporary tables, variables, locks) is gone; the client is disconnected. */
export function stateLost(): ErrPacket {
  return {
    errno: 1927,
    sqlState: '08S01',
    message:
      'The statement was not executed: the connection to the server was lost, and with it the variables, temporary ' +
      'tables or locks of this session; connect again',
  };
}

export function unknownCommand(code: number | undefined): ErrPacket {
  return {
    errno: 1047,
    sqlState: '08S01',
    message: `Unknown command${code === undefined ? '' : ` ${code}`}`,
  };
}

/** The value of LAST_INSERT_ID() is gone, and the statement may ask for it; the client is disconnected. */
export function insertIdLost(): ErrPacket {
  return {
    errno: 1927,
    sqlState: '08S01',
    message:
      'The statement was not executed: the connection to the server was lost, and with it the value of ' +
      'LAST_INSERT_ID(), for which the statement may ask; connect again',
  };
}

export function replicationRefused(): ErrPacket {
  return {
    errno: 1047,
    sqlState: '08S01',
    message: 'The SQL router serves no binary log; replicate from a member of the database directly',
  };
}

export function unknownStatement(id: number): ErrPacket {
  return {
    errno: 1243,
    sqlState: 'HY000',
    message: `Unknown prepared statement handler (${id}) given to mysqld_stmt_execute`,
  };
}

/** What the server tells one who executes with fewer parameters than there are: mysql2 does that. */
export const wrongArguments: ErrPacket = {
  errno: 1210,
  sqlState: 'HY000',
  message: 'Incorrect arguments to mysqld_stmt_execute',
};

/** ER_MAX_PREPARED_STMT_COUNT_REACHED. */
export function tooManyPrepared(count: number): ErrPacket {
  return {
    errno: 1461,
    sqlState: '42000',
    message:
      `Can't create more than max_prepared_stmt_count statements (current value: ${count} in this session); ` +
      'the SQL router keeps no more of them',
  };
}

export function unknownThread(id: number): ErrPacket {
  return { errno: 1094, sqlState: 'HY000', message: `Unknown thread id: ${id}` };
}

/** What the server tells one who kills its own statement, or its own connection. */
export const interrupted: ErrPacket = {
  errno: 1317,
  sqlState: '70100',
  message: 'Query execution was interrupted',
};
export const connectionKilled: ErrPacket = {
  errno: 1927,
  sqlState: '70100',
  message: 'Connection was killed',
};

export function notOwner(id: number): ErrPacket {
  return { errno: 1095, sqlState: 'HY000', message: `You are not owner of thread ${id}` };
}

/** As the server says it, when too many clients are there already. */
export const tooManyConnections: ErrPacket = {
  errno: 1040,
  sqlState: '08004',
  message: 'Too many connections',
};

/** KILL of a session whose server can't be asked: what it runs goes on. */
export function notKilled(id: number, why: string): ErrPacket {
  return { errno: 1105, sqlState: 'HY000', message: `Connection ${id} was not killed: ${why}` };
}

/** KILL of a session of another host whose router can't be asked: it may live. */
export function peerSilent(id: number, host: string): ErrPacket {
  return notKilled(id, `the SQL router of ${host}, which has it, did not answer`);
}
