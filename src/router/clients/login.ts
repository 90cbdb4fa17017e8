/** The router's side of a client's login: greeting, TLS when the client asks, proof of the password. */
import { randomBytes } from 'node:crypto';
import type { SecureContext } from 'node:tls';
import { cachingSha2, cachingSha2Proves, cachingSha2Step } from '#src/mysql-wire/auth-caching-sha2.ts';
import { ed25519Plugin, ed25519Proves, ed25519ScrambleBytes } from '#src/mysql-wire/auth-ed25519.ts';
import { nativePassword, nativeProves } from '#src/mysql-wire/auth-native.ts';
import { encodeAuthMoreData, encodeAuthSwitch } from '#src/mysql-wire/auth-switch.ts';
import {
  capability,
  offeredCapabilities,
  offeredExtendedCapabilities,
} from '#src/mysql-wire/capabilities.ts';
import { encodeGreeting, scrambleBytes } from '#src/mysql-wire/greeting.ts';
import {
  type HandshakeResponse,
  isSslRequest,
  parseHandshakeResponse,
} from '#src/mysql-wire/handshake-response.ts';
import { ProtocolError } from '#src/mysql-wire/protocol-error.ts';
import { serverStatus } from '#src/mysql-wire/status.ts';
import type { Channel } from '../channel.ts';
import type { RouterAccount } from '../config.ts';
import { Dialogue } from '../dialogue.ts';
import { digests } from '../digests.ts';

/** Who the router lets in, and how it introduces itself. */
export interface Doorkeeper {
  readonly accounts: ReadonlyMap<string, RouterAccount>;
  readonly serverVersion: string;
  /** Undefined where TLS isn't offered. */
  readonly tls: SecureContext | undefined;
  /** Whoever comes without TLS is refused. */
  readonly requireTls: boolean;
}

export interface ClientLogin {
  readonly account: RouterAccount;
  readonly response: HandshakeResponse;
  /** As the server would call the client's host in messages. */
  readonly host: string;
  /** Of the greeting; COM_CHANGE_USER answers to it. */
  readonly scramble: Buffer;
  /** Still open: the caller ends it with OK or ERR. */
  readonly dialogue: Dialogue;
}

const loginTimeoutMs = 10_000;
/** utf8mb4_general_ci, as MariaDB's own greeting has it when the server's character set is utf8mb4. */
const greetingCollation = 45;

/**
 * Rejects with a ProtocolError that the client is to be told, or another error when there is nobody left to tell. The
 * dialogue given to `onDialogue` is what to tell it by.
 */
export async function logInClient(
  channel: Channel,
  connectionId: number,
  host: string,
  door: Doorkeeper,
  onDialogue: (dialogue: Dialogue) => void,
): Promise<ClientLogin> {
  let dialogue = new Dialogue(channel, loginTimeoutMs);
  onDialogue(dialogue);
  const scramble = newScramble(scrambleBytes);
  const offered = offeredCapabilities & ~capability.mysql;
  dialogue.send(
    encodeGreeting({
      serverVersion: door.serverVersion,
      connectionId,
      scramble,
      capabilities: (door.tls === undefined ? offered : offered | capability.ssl) >>> 0,
      extendedCapabilities: offeredExtendedCapabilities,
      collation: greetingCollation,
      status: serverStatus.autocommit,
      authPlugin: nativePassword,
    }),
  );
  let { payload } = await dialogue.next();
  if (isSslRequest(payload) && door.tls !== undefined) {
    const { sequenceId } = dialogue;
    channel.acceptTls(door.tls, dialogue.finish());
    dialogue = new Dialogue(channel, loginTimeoutMs, sequenceId);
    onDialogue(dialogue);
    payload = (await dialogue.next()).payload;
  }
  const response = parseHandshakeResponse(payload);
  const account = door.accounts.get(response.user);
  const { authPlugin: plugin = nativePassword, authResponse: answer } = response;
  const mayBeAsked = (response.capabilities & capability.pluginAuth) !== 0;
  const { user } = response;
  // What a server with require_secure_transport says.
  if (door.requireTls && !channel.encrypted) throw accessDenied(user, host, answer.length > 0, '');
  await proveClient(dialogue, { user, account, host, plugin, answer, scramble, mayBeAsked });
  return { account: account as RouterAccount, response, host, scramble, dialogue };
}

export interface Claim {
  readonly user: string;
  /** Undefined for a name that nobody has: it is asked for its password all the same. */
  readonly account: RouterAccount | undefined;
  readonly host: string;
  readonly plugin: string;
  /** The client can be asked for another plugin (CLIENT_PLUGIN_AUTH). */
  readonly mayBeAsked: boolean;
  readonly answer: Buffer;
  readonly scramble: Buffer;
}

/** Returns when the client has proved its password, by the account's own plugin; rejects with 1045 otherwise. */
export async function proveClient(dialogue: Dialogue, claim: Claim): Promise<void> {
  const wanted = claim.account?.plugin ?? nativePassword;
  let { answer, scramble } = claim;
  if (claim.plugin !== wanted) {
    if (!claim.mayBeAsked) throw unsupportedPlugin();
    scramble = newScramble(wanted === ed25519Plugin ? ed25519ScrambleBytes : scrambleBytes);
    dialogue.send(encodeAuthSwitch({ plugin: wanted, scramble }));
    answer = (await dialogue.next()).payload;
  }
  const { account } = claim;
  if (account === undefined || !passwordsOf(account).some((each) => proves(wanted, each, scramble, answer))) {
    throw accessDenied(claim.user, claim.host, answer.length > 0, account === undefined ? unknownHint : '');
  }
  if (wanted === cachingSha2) dialogue.send(encodeAuthMoreData(Buffer.from([cachingSha2Step.fastSuccess])));
}

function passwordsOf({ password, clientPasswords }: RouterAccount): readonly string[] {
  return clientPasswords ?? [password];
}

function proves(plugin: string, password: string, scramble: Buffer, answer: Buffer): boolean {
  switch (plugin) {
    case ed25519Plugin:
      return ed25519Proves(digests, password, scramble, answer);
    case cachingSha2:
      return cachingSha2Proves(digests, password, scramble, answer);
    default:
      return nativeProves(digests, password, scramble, answer);
  }
}

const unknownHint = "; the SQL router knows the accounts of the stack file, under 'database', and no others";

function accessDenied(user: string, host: string, withPassword: boolean, hint: string): ProtocolError {
  const text = `Access denied for user '${user}'@'${host}' (using password: ${withPassword ? 'YES' : 'NO'})`;
  return new ProtocolError(1045, '28000', text + hint);
}

/** ER_NOT_SUPPORTED_AUTH_MODE. */
function unsupportedPlugin(): ProtocolError {
  const text =
    'Client does not support authentication protocol requested by server; consider upgrading MariaDB client';
  return new ProtocolError(1251, '08004', text);
}

/** Without NUL and without '$', which some clients take for an end. */
function newScramble(length: number): Buffer {
  return Buffer.from(randomBytes(length).map((byte) => 37 + (byte % 90)));
}
