/** Mutations of packets: of their fields with the framing kept right, of the framing, and of their order. */
import { headerBytes, writeHeader } from '#src/mysql-wire/framing.ts';
import type { Dice } from './dice.ts';
import type { Packet } from './recorded.ts';

const interestingBytes = [0, 1, 2, 4, 8, 0x7f, 0x80, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff];
const interestingNumbers = [0, 1, 0xff, 0x100, 0x7fff, 0xffff, 0x1_0000, 0xff_ffff, 0x7fff_ffff, 0xffff_ffff];

/** A packet with this payload and the sequence id of `like`. */
function framed(payload: Buffer, like: Packet): Packet {
  const packet = Buffer.allocUnsafe(headerBytes + payload.length);
  writeHeader(packet, 0, payload.length, like[3] ?? 0);
  payload.copy(packet, headerBytes);
  return packet;
}

/** Another payload; the header says its true length. */
export function mutatedPayload(dice: Dice, packet: Packet, others: readonly Packet[]): Packet {
  const payload = Buffer.from(packet.subarray(headerBytes));
  const { length } = payload;
  if (length === 0) return framed(Buffer.from([dice.of(interestingBytes)]), packet);
  const at = dice.below(length);
  switch (dice.below(10)) {
    case 0:
      payload[at] = (payload[at] as number) ^ (1 << dice.below(8));
      return framed(payload, packet);
    case 1:
    case 2:
      payload[at] = dice.of(interestingBytes);
      return framed(payload, packet);
    case 3:
      payload[0] = dice.once(2) ? dice.of(interestingBytes) : dice.below(256);
      return framed(payload, packet);
    case 4: {
      const number = dice.of(interestingNumbers);
      if (length >= 4) payload.writeUInt32LE(number, dice.below(length - 3));
      else payload[at] = number & 0xff;
      return framed(payload, packet);
    }
    case 5:
      return framed(payload.subarray(0, at), packet);
    case 6: {
      const to = Math.min(length, at + 1 + dice.below(8));
      return framed(Buffer.concat([payload.subarray(0, at), payload.subarray(to)]), packet);
    }
    case 7: {
      const more = Buffer.alloc(1 + dice.below(12), dice.of(interestingBytes));
      return framed(Buffer.concat([payload.subarray(0, at), more, payload.subarray(at)]), packet);
    }
    case 8: {
      const other = dice.of(others).subarray(headerBytes);
      return framed(
        Buffer.concat([payload.subarray(0, at), other.subarray(dice.below(other.length))]),
        packet,
      );
    }
    default:
      for (let count = 1 + dice.below(4); count > 0; count--) payload[dice.below(length)] = dice.below(256);
      return framed(payload, packet);
  }
}

/** The same payload under a header that lies. */
export function mutatedHeader(dice: Dice, packet: Packet): Packet {
  const copy = Buffer.from(packet);
  const length = packet.length - headerBytes;
  switch (dice.below(5)) {
    case 0:
      copy[3] = (copy[3] as number) + 1 + dice.below(255);
      return copy;
    case 1:
      writeHeader(copy, 0, length + 1, copy[3] as number);
      return copy;
    case 2:
      writeHeader(copy, 0, Math.max(0, length - 1), copy[3] as number);
      return copy;
    case 3:
      writeHeader(copy, 0, dice.of(interestingNumbers) & 0xff_ffff, copy[3] as number);
      return copy;
    default:
      copy[dice.below(headerBytes)] = dice.below(256);
      return copy;
  }
}

/** Puts sequence ids in order again, from `first` on. */
function renumbered(packets: readonly Packet[], first: number): Packet[] {
  return packets.map((packet, index) => {
    const copy = Buffer.from(packet);
    copy[3] = (first + index) & 0xff;
    return copy;
  });
}

/** Drops, doubles, swaps or inserts a packet, in half of the cases with sequence ids that follow each other. */
export function mutatedOrder(dice: Dice, packets: readonly Packet[], others: readonly Packet[]): Packet[] {
  const all = [...packets];
  const at = dice.below(all.length);
  const first = packets[0]?.[3] ?? 0;
  switch (dice.below(4)) {
    case 0:
      all.splice(at, 1);
      break;
    case 1:
      all.splice(at, 0, all[at] as Packet);
      break;
    case 2:
      all.splice(dice.below(all.length), 0, ...all.splice(at, 1));
      break;
    default:
      all.splice(at, 0, dice.of(others));
  }
  return dice.once(2) ? renumbered(all, first) : all;
}

export interface Mutated {
  readonly packets: readonly Packet[];
  /** How many of them are not as they were recorded. */
  readonly count: number;
}

/** Mutates one packet or several of a dialogue. */
export function mutatedPackets(dice: Dice, packets: readonly Packet[], others: readonly Packet[]): Mutated {
  if (packets.length > 0 && dice.once(8)) return { packets: mutatedOrder(dice, packets, others), count: 1 };
  const target = dice.below(packets.length);
  const share = dice.once(3) ? 2 : packets.length + 1;
  let count = 0;
  const all = packets.map((packet, index) => {
    if (index !== target && !dice.once(share)) return packet;
    count++;
    return dice.once(8) ? mutatedHeader(dice, packet) : mutatedPayload(dice, packet, others);
  });
  return { packets: all, count };
}

/** Cuts a stream at some places, as a network may. */
export function randomPieces(dice: Dice, bytes: Buffer): Buffer[] {
  if (bytes.length < 2 || !dice.once(3)) return [bytes];
  const cuts = [0, bytes.length];
  for (let count = 1 + dice.below(4); count > 0; count--) cuts.push(dice.below(bytes.length));
  cuts.sort((left, right) => left - right);
  const pieces: Buffer[] = [];
  for (let index = 1; index < cuts.length; index++) {
    if (cuts[index] !== cuts[index - 1]) pieces.push(bytes.subarray(cuts[index - 1], cuts[index]));
  }
  return pieces;
}
