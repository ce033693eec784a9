import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it, jest } from '@jest/globals';

let server: Server;

afterEach(() => {
  jest.restoreAllMocks();
  server.close();
});

it('asks the readiness of what listens here, by the port that is bound', async () => {
  const asked: (string | undefined)[] = [];
  server = createServer(({ url }, response) => {
    asked.push(url);
    response.end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const log = jest.spyOn(console, 'log').mockReturnValue();
  const exit = jest.spyOn(process, 'exit').mockReturnValue(undefined as never);

  await import('./healthcheck.js');
  expect(asked).toEqual(['/health/ready']);
  expect(log.mock.calls.join()).toContain(`127.0.0.1 port ${port}: ready`);
  expect(exit.mock.calls).toEqual([[0]]);
});
