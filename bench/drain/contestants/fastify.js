// https://github.com/fastify/close-with-grace#example-with-fastify
// https://fastify.dev/docs/latest/Reference/Server/#return503onclosing
import { setTimeout as delay } from 'node:timers/promises';
import closeWithGrace from 'close-with-grace';
import fastify from 'fastify';
import { DELAY_MS, TIMEOUT_MS, report } from '../app.js';

let ready = true;
// Late requests get an answer instead of 503. Idle connections are closed, which is the default.
const app = fastify({ return503OnClosing: false, forceCloseConnections: 'idle' });
app.get('/', () => ({ hello: 'world' }));
app.post('/', (_request, reply) => reply.code(405).send());
// oxlint-disable-next-line oxc/no-async-endpoint-handlers -- Fastify awaits its handlers.
app.get('/delay/:seconds', async (request) => {
  await delay(1000 * request.params.seconds);
  return { seconds: request.params.seconds };
});
app.get('/health/ready', (_request, reply) => reply.code(ready ? 200 : 503).send());
app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));

closeWithGrace({ delay: DELAY_MS + TIMEOUT_MS }, async () => {
  ready = false;
  await delay(DELAY_MS);
  await app.close();
});

await app.listen({ port: process.env.PORT, host: '::' });
report(app.server);
