/** Real traffic, as record.ts wrote it down, put in order for those who cut and mutate it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { capability } from '#src/mysql-wire/capabilities.ts';
import { command, type ResponseShape, responseShape, responseShapeOf } from '#src/mysql-wire/commands.ts';
import { headerBytes } from '#src/mysql-wire/framing.ts';

export interface Step {
  readonly from: 'client' | 'server';
  /** Base64. */
  bytes: string;
}

export interface RecordedSession {
  readonly client: string;
  readonly steps: Step[];
}

export interface Recorded {
  readonly server: string;
  readonly account: { readonly user: string; readonly password: string };
  readonly sessions: readonly RecordedSession[];
}

/** A packet with its header. */
export type Packet = Buffer;

/** What a client sent in one go (several commands, of which the last has an answer), and what it was answered. */
export interface Exchange {
  readonly client: string;
  readonly sent: readonly Packet[];
  readonly answer: readonly Packet[];
  readonly shape: ResponseShape;
  /** It is the file that the server asked for. */
  readonly file: boolean;
}

export interface Conversation {
  readonly client: string;
  readonly greeting: Packet;
  readonly login: Packet;
  readonly capabilities: number;
  readonly deprecateEof: boolean;
  readonly sessionTrack: boolean;
  readonly exchanges: readonly Exchange[];
}

/** Cuts a stream at its packets; a last one that isn't whole is left out. */
export function packetsOf(bytes: Buffer): Packet[] {
  const all: Packet[] = [];
  for (let at = 0; at + headerBytes <= bytes.length; ) {
    const end = at + headerBytes + bytes.readUIntLE(at, 3);
    if (end > bytes.length) break;
    all.push(bytes.subarray(at, end));
    at = end;
  }
  return all;
}

function conversationOf({ client, steps }: RecordedSession): Conversation {
  const [greeting, login, , ...rest] = steps.map(({ bytes }) => packetsOf(Buffer.from(bytes, 'base64')));
  if (greeting?.[0] === undefined || login?.[0] === undefined) throw new Error(`${client}: no login`);
  const capabilities = login[0].readUInt32LE(headerBytes);
  const exchanges: Exchange[] = [];
  for (let at = 0; at + 1 < rest.length; at += 2) {
    const [sent = [], answer = []] = [rest[at], rest[at + 1]];
    const file = sent[0]?.[3] !== 0;
    const code = sent.at(-1)?.[headerBytes] ?? 0;
    exchanges.push({
      client,
      sent,
      answer,
      shape: file ? responseShape.result : responseShapeOf(code),
      file,
    });
  }
  return {
    client,
    greeting: greeting[0],
    login: login[0],
    capabilities,
    deprecateEof: (capabilities & capability.deprecateEof) !== 0,
    sessionTrack: (capabilities & capability.sessionTrack) !== 0,
    exchanges,
  };
}

export function readRecorded(): { readonly server: string; readonly conversations: readonly Conversation[] } {
  const text = readFileSync(join(import.meta.dirname, 'recorded.json'), 'utf8');
  const recorded = JSON.parse(text) as Recorded;
  return { server: recorded.server, conversations: recorded.sessions.map(conversationOf) };
}

/** Commands that change the account by a dialogue of their own: they are not one command and one answer. */
export function isDialogue({ sent }: Exchange): boolean {
  return sent.some((packet) => packet[headerBytes] === command.changeUser);
}
