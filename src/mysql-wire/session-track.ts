/**
 * Session state that OK packets carry: what changed in the session by the statement.
 * @see https://mariadb.com/kb/en/ok_packet/#session-state-info
 */
import { ByteReader, lengthEncodedBytes } from './bytes.ts';
import { malformed } from './protocol-error.ts';

export interface SessionChanges {
  /** System variables by name, as the server's session_track_system_variables lists them. */
  readonly variables: ReadonlyMap<string, string>;
  readonly schema: string | undefined;
  /** session_track_state_change: something that can't be named changed. */
  readonly otherState: boolean;
  /** session_track_transaction_info: eight characters. */
  readonly transactionState: string | undefined;
}

const trackType = {
  systemVariables: 0,
  schema: 1,
  stateChange: 2,
  gtids: 3,
  transactionCharacteristics: 4,
  transactionState: 5,
} as const;

/** `changes` is `OkPacket.changes`. Throws a ProtocolError. */
export function parseSessionChanges(changes: Buffer): SessionChanges {
  const reader = new ByteReader(changes);
  const variables = new Map<string, string>();
  let schema: string | undefined;
  let otherState = false;
  let transactionState: string | undefined;
  while (reader.left > 0) {
    const type = reader.uint8('the type of a change');
    const data = new ByteReader(reader.lengthEncodedBytes('a change'));
    switch (type) {
      case trackType.systemVariables:
        // One entry may hold several pairs.
        while (data.left > 0) {
          const name = data.lengthEncodedBytes('a variable').toString();
          variables.set(name, data.lengthEncodedBytes('a value').toString());
        }
        break;
      case trackType.schema:
        schema = data.lengthEncodedBytes('the schema').toString();
        break;
      case trackType.stateChange:
        otherState = data.lengthEncodedBytes('the state').toString() === '1';
        break;
      case trackType.transactionState:
        transactionState = data.lengthEncodedBytes('the transaction state').toString();
        break;
      case trackType.gtids:
      case trackType.transactionCharacteristics:
        break;
      default:
        throw malformed(`session state of type ${type}`);
    }
  }
  return { variables, schema, otherState, transactionState };
}

/** The session state that says which schema the session is in. */
export function encodeSchemaChange(schema: string): Buffer {
  const data = lengthEncodedBytes(lengthEncodedBytes(Buffer.from(schema)));
  return Buffer.concat([Buffer.from([trackType.schema]), data]);
}
