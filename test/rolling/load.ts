import { type Kind, Load, type Target } from 'port-binding/check/load';

const JSON_BODY = { body: Buffer.from(JSON.stringify({ text: 'x'.repeat(2000) })), type: 'application/json' };

// No parser reads this one. The answer comes at once, while nearly all of the body is yet to be sent.
const UPLOAD = {
  name: 'an upload',
  body: Buffer.alloc(1_000_000, 1),
  type: 'application/octet-stream',
  slowness: 100,
};

// The service has nothing to POST to: its own 405 is the answer to have.
const MIX: Kind[] = [
  ...times(6, { method: 'GET', keepAlive: true, status: 200 }),
  ...times(2, { method: 'GET', keepAlive: false, status: 200 }),
  ...times(4, { method: 'POST', ...JSON_BODY, keepAlive: true, status: 405 }),
  ...times(2, { method: 'POST', ...JSON_BODY, keepAlive: false, status: 405 }),
  ...times(4, { method: 'POST', ...JSON_BODY, slowness: 500, keepAlive: true, status: 405 }),
  ...times(2, { method: 'GET', ...JSON_BODY, slowness: 500, keepAlive: false, status: 200 }),
  ...[true, false].map((keepAlive): Kind => ({ method: 'GET', path: '/delay/0.5', keepAlive, status: 200 })),
  ...[true, false].map((keepAlive): Kind => ({ method: 'HEAD', keepAlive, status: 200 })),
  { method: 'POST', ...JSON_BODY, expect: true, keepAlive: true, status: 405 },
  { method: 'POST', ...JSON_BODY, expect: true, keepAlive: false, status: 405 },
  ...[true, false].flatMap((keepAlive) =>
    [true, false].flatMap((chunked) => times(2, { method: 'POST', ...UPLOAD, chunked, keepAlive, status: 405 })),
  ),
];

const EVENTS: Kind = { method: 'GET', events: true, keepAlive: false, status: 200 };

function times(count: number, kind: Kind): Kind[] {
  return Array.from({ length: count }, () => kind);
}

export interface LoadOptions {
  /** Where the service sends events without an end, if it does. */
  events?: string | undefined;
  /** How many clients to add that only ask. */
  more?: number | undefined;
}

/** A steady mixed load of every kind of request that the sample answers. */
export function startLoad(target: Target, { events, more = 0 }: LoadOptions = {}): Load {
  const streams = events === undefined ? [] : times(2, { ...EVENTS, path: events });
  const others = times(more, { method: 'GET', keepAlive: true, status: 200 });
  return new Load(target, [...MIX, ...streams, ...others]);
}
