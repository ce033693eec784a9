import { createServer } from 'node:http';
import { serve } from 'port-binding';
import { buffer } from 'node:stream/consumers';

const server = createServer(async (request, response) => {
  if (request.method === 'GET') response.end('ok');
  else response.end(String((await buffer(request)).length));
});
const { address } = await serve(server, { port: 0, drainDelayMs: Number(process.env.DRAIN_DELAY_MS) });
console.log(`port ${address.port}`);
