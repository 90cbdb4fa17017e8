/**
 * The client's answer to the greeting: HandshakeResponse41, or its first 32 bytes alone as the request for TLS.
 * @see https://mariadb.com/kb/en/connection/#client-handshake-response
 */
import { ByteReader, lengthEncodedBytes, lengthEncodedInteger, nulTerminated } from './bytes.ts';
import { capability } from './capabilities.ts';
import { badHandshake } from './protocol-error.ts';

export interface HandshakeResponse {
  readonly capabilities: number;
  readonly extendedCapabilities: number;
  readonly maxPacketBytes: number;
  readonly collation: number;
  readonly user: string;
  readonly authResponse: Buffer;
  /** Undefined when the client names none; then its answer is for the greeting's plugin. */
  readonly authPlugin: string | undefined;
  readonly database: string | undefined;
  readonly attributes: ReadonlyMap<string, string>;
}

const fixedBytes = 32;

/** Whether the payload is a request for TLS: the fixed part with the flag, and nothing behind it. */
export function isSslRequest(payload: Buffer): boolean {
  return payload.length === fixedBytes && (payload.readUInt32LE(0) & capability.ssl) !== 0;
}

function fixedPart(response: {
  capabilities: number;
  extendedCapabilities: number;
  maxPacketBytes: number;
  collation: number;
}): Buffer {
  const fixed = Buffer.alloc(fixedBytes);
  fixed.writeUInt32LE(response.capabilities >>> 0, 0);
  fixed.writeUInt32LE(response.maxPacketBytes, 4);
  fixed[8] = response.collation & 0xff;
  fixed.writeUInt32LE(response.extendedCapabilities >>> 0, 28);
  return fixed;
}

export function encodeSslRequest(response: HandshakeResponse): Buffer {
  return fixedPart({ ...response, capabilities: response.capabilities | capability.ssl });
}

export function encodeHandshakeResponse(response: HandshakeResponse): Buffer {
  const { capabilities } = response;
  const parts = [fixedPart(response), nulTerminated(response.user)];
  const authLength =
    (capabilities & capability.pluginAuthLengthEncoded) !== 0
      ? lengthEncodedInteger(response.authResponse.length)
      : Buffer.from([response.authResponse.length]);
  parts.push(authLength, response.authResponse);
  if ((capabilities & capability.connectWithDatabase) !== 0)
    parts.push(nulTerminated(response.database ?? ''));
  if ((capabilities & capability.pluginAuth) !== 0) parts.push(nulTerminated(response.authPlugin ?? ''));
  if ((capabilities & capability.connectAttributes) !== 0) {
    const attributes: Buffer[] = [];
    for (const [key, value] of response.attributes) {
      attributes.push(lengthEncodedBytes(Buffer.from(key)), lengthEncodedBytes(Buffer.from(value)));
    }
    parts.push(lengthEncodedBytes(Buffer.concat(attributes)));
  }
  return Buffer.concat(parts);
}

/** Throws a ProtocolError (1043) for anything but a whole response of protocol 4.1. */
export function parseHandshakeResponse(payload: Buffer): HandshakeResponse {
  if (payload.length < fixedBytes) throw badHandshake('shorter than 32 bytes');
  const reader = new ByteReader(payload);
  const capabilities = reader.uint32('the capabilities');
  if ((capabilities & capability.protocol41) === 0)
    throw badHandshake('only the protocol of 4.1 is spoken here');
  const maxPacketBytes = reader.uint32('the packet size');
  const collation = reader.uint8('the collation');
  reader.offset = 28;
  const extended = reader.uint32('the extended capabilities');
  try {
    const user = reader.nulTerminated('the user name').toString();
    const authResponse = Buffer.from(authResponseOf(reader, capabilities));
    const database =
      (capabilities & capability.connectWithDatabase) !== 0
        ? lenientString(reader, 'the schema name')
        : undefined;
    const authPlugin =
      (capabilities & capability.pluginAuth) !== 0 ? lenientString(reader, 'the plugin name') : undefined;
    return {
      capabilities,
      extendedCapabilities: (capabilities & capability.mysql) === 0 ? extended : 0,
      maxPacketBytes,
      collation,
      user,
      authResponse,
      authPlugin: authPlugin === '' ? undefined : authPlugin,
      database: database === '' ? undefined : database,
      attributes: attributesOf(reader, capabilities),
    };
  } catch (error) {
    throw badHandshake((error as Error).message);
  }
}

function authResponseOf(reader: ByteReader, capabilities: number): Buffer {
  if ((capabilities & capability.pluginAuthLengthEncoded) !== 0)
    return reader.lengthEncodedBytes('the answer');
  if ((capabilities & capability.secureConnection) !== 0) {
    return reader.bytes(reader.uint8('the length of the answer'), 'the answer');
  }
  return reader.nulTerminated('the answer');
}

/** Clients leave out the last NUL, or the last field. */
function lenientString(reader: ByteReader, what: string): string {
  if (reader.left === 0) return '';
  const at = reader.offset;
  const rest = reader.rest();
  const end = rest.indexOf(0);
  if (end < 0) return rest.toString();
  reader.offset = at;
  return reader.nulTerminated(what).toString();
}

function attributesOf(reader: ByteReader, capabilities: number): Map<string, string> {
  const attributes = new Map<string, string>();
  if ((capabilities & capability.connectAttributes) === 0 || reader.left === 0) return attributes;
  const fields = new ByteReader(reader.lengthEncodedBytes('the attributes'));
  while (fields.left > 0) {
    const key = fields.lengthEncodedBytes('an attribute').toString();
    attributes.set(key, fields.lengthEncodedBytes('an attribute').toString());
  }
  return attributes;
}
