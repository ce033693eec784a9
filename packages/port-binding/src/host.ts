import { BlockList, isIP, isIPv6 } from 'node:net';

/** Multicast and broadcast addresses. Some systems listen on these, but no TCP connection can reach them. */
const MULTICAST = new BlockList();
MULTICAST.addSubnet('224.0.0.0', 4, 'ipv4');
MULTICAST.addAddress('255.255.255.255', 'ipv4');
MULTICAST.addSubnet('ff00::', 8, 'ipv6');

/** A host name whose last label is not a number: resolvers read such a name as an IPv4 address (3000 is 0.0.11.184). */
const NAME = /^(?=.{1,253}$)([a-z0-9_][a-z0-9_-]{0,62}\.)*(?!(\d+|0x[0-9a-f]*)$)[a-z0-9_][a-z0-9_-]{0,62}$/i;

/** Whether the value is an IP address to which clients can connect, or a host name. */
export function isHost(value: string): value is string {
  return isIP(value) === 0 ? NAME.test(value) : !isMulticast(value);
}

/** Whether the value is a multicast or broadcast address, to which no client can connect. */
export function isMulticast(value: string): boolean {
  return MULTICAST.check(value, isIPv6(value) ? 'ipv6' : 'ipv4');
}
