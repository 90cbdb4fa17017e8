/** Logging in to a MariaDB server as a client: TLS first, then the account's plugin. */
import type { NetConnectOpts } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import { cachingSha2, cachingSha2Answer, cachingSha2Step } from '#src/mysql-wire/auth-caching-sha2.ts';
import { ed25519Answer, ed25519Plugin } from '#src/mysql-wire/auth-ed25519.ts';
import { nativeAnswer, nativePassword } from '#src/mysql-wire/auth-native.ts';
import { parseAuthSwitch } from '#src/mysql-wire/auth-switch.ts';
import { capability } from '#src/mysql-wire/capabilities.ts';
import { parseErr } from '#src/mysql-wire/err-packet.ts';
import { type Greeting, parseGreeting } from '#src/mysql-wire/greeting.ts';
import {
  encodeHandshakeResponse,
  encodeSslRequest,
  type HandshakeResponse,
} from '#src/mysql-wire/handshake-response.ts';
import { ProtocolError } from '#src/mysql-wire/protocol-error.ts';
import { Channel } from '../channel.ts';
import { Dialogue } from '../dialogue.ts';
import { digests } from '../digests.ts';
import type { MemberAddress } from '../topology/topology.ts';

/** What decides which sessions a server connection can serve. */
export interface LoginKey {
  readonly user: string;
  readonly password: string;
  readonly collation: number;
  /** Those of `mirroredCapabilities` that the client has. */
  readonly capabilities: number;
  readonly extendedCapabilities: number;
}

export interface ServerTls {
  readonly context: SecureContext;
}

export function serverTlsOf(pem: { ca: string; cert?: string; key?: string }): ServerTls {
  return { context: createSecureContext({ minVersion: 'TLSv1.2', ...pem }) };
}

export interface LoggedIn {
  readonly channel: Channel;
  readonly greeting: Greeting;
  readonly capabilities: number;
}

/** Flags that every server connection has, whatever its clients want. */
const ownCapabilities =
  capability.protocol41 |
  capability.secureConnection |
  capability.transactions |
  capability.longFlag |
  capability.pluginAuth |
  capability.pluginAuthLengthEncoded |
  capability.sessionTrack;

/**
 * Rejects with a ProtocolError when the server says no (its own number and text), otherwise with an Error that says
 * what went wrong on the way.
 */
export async function logInToServer(
  address: MemberAddress,
  key: LoginKey,
  database: string | undefined,
  tls: ServerTls | undefined,
  timeoutMs: number,
): Promise<LoggedIn> {
  const target: NetConnectOpts =
    'socketPath' in address ? { path: address.socketPath } : { host: address.host, port: address.port };
  const channel = await Channel.connect(target, timeoutMs, tls === undefined);
  let dialogue = new Dialogue(channel, timeoutMs);
  try {
    const greeting = parseGreeting((await dialogue.next()).payload);
    const response = responseTo(greeting, key, database);
    if (tls !== undefined) {
      if ((greeting.capabilities & capability.ssl) === 0) {
        throw new Error('the server speaks no TLS; give it a certificate (ssl_cert, ssl_key)');
      }
      dialogue.send(encodeSslRequest(response));
      const { sequenceId } = dialogue;
      dialogue.finish();
      const host = 'host' in address ? address.host : 'localhost';
      await channel.startTls({ secureContext: tls.context, host }, timeoutMs);
      dialogue = new Dialogue(channel, timeoutMs, sequenceId);
    }
    const capabilities = response.capabilities | (tls === undefined ? 0 : capability.ssl);
    dialogue.send(encodeHandshakeResponse({ ...response, capabilities }));
    await prove(dialogue, key.password);
    if (dialogue.finish().length > 0) throw new Error('the server went on behind the login');
    return { channel, greeting, capabilities: capabilities >>> 0 };
  } catch (error) {
    dialogue.finish();
    channel.destroy();
    throw error;
  }
}

function responseTo(greeting: Greeting, key: LoginKey, database: string | undefined): HandshakeResponse {
  const wanted =
    ownCapabilities | key.capabilities | (database === undefined ? 0 : capability.connectWithDatabase);
  // A flag that the server doesn't have would change how it reads the rest.
  const capabilities = (wanted & greeting.capabilities) >>> 0;
  return {
    capabilities: (capabilities & ~capability.mysql) >>> 0,
    extendedCapabilities: key.extendedCapabilities & greeting.extendedCapabilities,
    maxPacketBytes: 0x4000_0000,
    collation: key.collation,
    user: key.user,
    authResponse: nativeAnswer(digests, key.password, greeting.scramble),
    authPlugin: nativePassword,
    database,
    attributes: new Map(),
  };
}

/** The longest dialogue has a switch of the plugin, its data, and OK. */
const loginPackets = 8;

/** The dialogue from the response on, until OK. */
async function prove(dialogue: Dialogue, password: string): Promise<void> {
  for (let packets = 0; packets < loginPackets; packets++) {
    const { payload } = await dialogue.next();
    switch (payload[0]) {
      case 0x00:
        return;
      case 0xff: {
        const { errno, sqlState, message } = parseErr(payload);
        throw new ProtocolError(errno, sqlState, message);
      }
      case 0xfe: {
        const { plugin, scramble } = parseAuthSwitch(payload);
        dialogue.send(answerFor(plugin, password, scramble));
        break;
      }
      case 0x01:
        // caching_sha2_password: fast success, or the password itself, over TLS or a unix socket only.
        if (payload[1] === cachingSha2Step.fullAuthentication) {
          if (!dialogue.channel.encrypted)
            throw new Error('the server wants the password in clear, without TLS');
          dialogue.send(Buffer.from(`${password}\0`));
        }
        break;
      default:
        throw new Error(`the server answered the login with a packet that begins with ${payload[0]}`);
    }
  }
  throw new Error('the login has no end');
}

function answerFor(plugin: string, password: string, scramble: Buffer): Buffer {
  switch (plugin) {
    case nativePassword:
      return nativeAnswer(digests, password, scramble);
    case cachingSha2:
      return cachingSha2Answer(digests, password, scramble);
    case ed25519Plugin:
      return ed25519Answer(digests, password, scramble);
    default:
      throw new Error(`the server wants the authentication plugin ${plugin}, which isn't supported`);
  }
}
