/** Holes in a lab host's firewall, made past Tandem with nft(8) in the host's own network. */
import type { Lab } from './lab.ts';

interface Item {
  readonly chain?: {
    readonly family: string;
    readonly table: string;
    readonly name: string;
    readonly hook?: string;
    readonly policy?: string;
  };
  readonly rule?: { readonly handle: number };
}

async function nft(lab: Lab, host: string, ...words: string[]): Promise<readonly Item[]> {
  const { code, stdout, stderr } = await lab.inNetwork(host, 'nft', ...words);
  if (code !== 0) throw new Error(`nft ${words.join(' ')} on ${host} ended with ${code}: ${stderr}`);
  return stdout.trim() === '' ? [] : (JSON.parse(stdout) as { nftables: Item[] }).nftables;
}

/** Lets a TCP port of a host be reached by everybody; gives what closes it again. */
export async function openPort(lab: Lab, host: string, port: number): Promise<() => Promise<void>> {
  const chains = (await nft(lab, host, '-j', 'list', 'chains')).flatMap(({ chain }) => chain ?? []);
  const input = chains.find(({ hook, policy }) => hook === 'input' && policy === 'drop');
  if (input === undefined)
    throw new Error(`${host} has no input chain that drops: ${JSON.stringify(chains)}`);
  const place = [input.family, input.table, input.name];
  const rule = ['tcp', 'dport', String(port), 'accept'];
  const added = await nft(lab, host, '-j', '-e', '-a', 'insert', 'rule', ...place, ...rule);
  const text = JSON.stringify(added);
  const handle = /"handle":(\d+)/.exec(text)?.[1];
  if (handle === undefined) throw new Error(`nft gave no handle: ${text}`);
  return async () => {
    await nft(lab, host, 'delete', 'rule', ...place, 'handle', handle);
  };
}
