import { buffer } from 'node:stream/consumers';
import Fastify from 'fastify';
import { serve } from 'port-binding';

const app = Fastify();
app.addContentTypeParser('*', async (_request, payload) => buffer(payload));
app.get('/', async () => 'ok');
app.post('/', async (request) => String(request.body.length));
await app.ready();

const { address } = await serve(app.server, {
  port: 0,
  drainDelayMs: Number(process.env.DRAIN_DELAY_MS),
  close: () => app.close(),
});
console.log(`port ${address.port}`);
