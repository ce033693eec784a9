import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Connections } from './connections/connections.js';
import type { Bounds } from './overload/bounds.js';

/**
 * Stands in front of whatever listens to a server's requests: counts each of them, and lets through those that get a
 * response. Call it when all listeners are there, because it takes their place.
 */
export function installRequestGate(server: Server, connections: Connections, bounds: Bounds | undefined): void {
  const listeners = server.listeners('request');
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    for (const listener of listeners) listener.call(server, request, response);
  };
  server.removeAllListeners('request');
  server.on('request', (request, response) => {
    const accepted = connections.requestArrived(response);
    if (bounds !== undefined && !bounds.admit(request, response)) return;
    if (!accepted) return;
    // During a drain, one event-loop turn later. By then the parser has shown what else is in the same segment. Only the
    // last response may say `Connection: close`.
    if (connections.closing) setImmediate(handle, request, response);
    else handle(request, response);
  });
  for (const event of ['upgrade', 'connect']) observeUpgrades(server, event, connections);
}

/** Not before somebody else listens: without a listener, Node takes an upgrade for an ordinary request. */
function observeUpgrades(server: Server, event: string, connections: Connections): void {
  const observe = () => server.prependListener(event, ({ socket }: IncomingMessage) => connections.upgrade(socket));
  const whenHeard = (name: string) => {
    if (name !== event) return;
    server.off('newListener', whenHeard);
    observe();
  };
  if (server.listenerCount(event) > 0) observe();
  else server.on('newListener', whenHeard);
}
