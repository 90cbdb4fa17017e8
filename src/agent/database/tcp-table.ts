/** The kernel's table of IPv4 connections of this host's network. @see https://docs.kernel.org/networking/proc_net_tcp.html */
import { numberToIpv4 } from '#src/std/ipv4.ts';

export const tcpTableFile = '/proc/net/tcp';

const established = '01';

export interface TcpConnection {
  /** Address and port, as MariaDB's process list has them: `10.77.0.12:40312`. */
  readonly remote: string;
  /** How often in a row the oldest unacknowledged bytes were sent again; 0 once the peer has acknowledged anything. */
  readonly retransmissions: number;
}

/** The established connections. */
export function parseTcpTable(text: string): readonly TcpConnection[] {
  const rows = text.split('\n').slice(1);
  return rows.flatMap((row) => {
    const [, , remote = '', state, , , retransmissions = ''] = row.trim().split(/\s+/);
    const [address = '', port = ''] = remote.split(':');
    if (state !== established) return [];
    return {
      remote: `${addressOf(address)}:${Number.parseInt(port, 16)}`,
      retransmissions: Number.parseInt(retransmissions, 16),
    };
  });
}

/** Written as a number of this machine, whose lowest byte is the first of the address on those that Tandem runs on. */
function addressOf(hex: string): string {
  return numberToIpv4(Buffer.from(hex, 'hex').readUInt32LE());
}
