/**
 * COM_CHANGE_USER: another account, schema and character set on the same connection.
 * @see https://mariadb.com/kb/en/com_change_user/
 */
import { ByteReader, lengthEncodedBytes, nulTerminated } from './bytes.ts';
import { capability } from './capabilities.ts';
import { command } from './commands.ts';

export interface ChangeUser {
  readonly user: string;
  readonly authResponse: Buffer;
  readonly database: string | undefined;
  /** Undefined when the client didn't say. */
  readonly collation: number | undefined;
  readonly authPlugin: string | undefined;
}

/** `payload` begins with the command byte. Throws a ProtocolError. */
export function parseChangeUser(payload: Buffer): ChangeUser {
  const reader = new ByteReader(payload, 1);
  const user = reader.nulTerminated('the user name').toString();
  const authResponse = Buffer.from(reader.bytes(reader.uint8('the length of the answer'), 'the answer'));
  const database = reader.nulTerminated('the schema name').toString();
  const collation = reader.left >= 2 ? reader.uint16('the collation') : undefined;
  const plugin = reader.left > 0 ? reader.rest().toString().replace(/\0.*$/s, '') : '';
  return {
    user,
    authResponse,
    database: database === '' ? undefined : database,
    collation,
    authPlugin: plugin === '' ? undefined : plugin,
  };
}

/** The whole payload; `capabilities` are those of the connection. */
export function encodeChangeUser(change: ChangeUser, capabilities: number): Buffer {
  const collation = Buffer.alloc(2);
  collation.writeUInt16LE(change.collation ?? 0);
  const parts = [
    Buffer.from([command.changeUser]),
    nulTerminated(change.user),
    Buffer.from([change.authResponse.length]),
    change.authResponse,
    nulTerminated(change.database ?? ''),
    collation,
    nulTerminated(change.authPlugin ?? ''),
  ];
  if ((capabilities & capability.connectAttributes) !== 0) parts.push(lengthEncodedBytes(Buffer.alloc(0)));
  return Buffer.concat(parts);
}
