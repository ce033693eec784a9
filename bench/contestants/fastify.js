import { hostname } from 'node:os';
import fastify from 'fastify';

const instance = hostname();
let port;

const app = fastify();

app.get('/', (_request, reply) => {
  reply.header('Cache-Control', 'no-store');
  return {
    name: 'port-binding-service',
    version: '0.1.0',
    revision: 'unknown',
    instance,
    pid: process.pid,
    port,
    phase: 'serving',
    uptime: Math.floor(process.uptime()),
  };
});

app.get('/health/live', (_request, reply) => {
  reply.header('Cache-Control', 'no-store');
  return { status: 'ok', info: {}, error: {}, details: {} };
});

// Every interface, as the others have it: Fastify's own default is localhost alone.
await app.listen({ port: Number(process.env.PORT ?? 3000), host: '::' });
port = app.server.address().port;
console.log(`Listening on port ${port}`);
