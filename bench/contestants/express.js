import { hostname } from 'node:os';
import express from 'express';

const instance = hostname();
let port;

const app = express();

if (process.argv.includes('--tuned')) {
  app.disable('etag').disable('x-powered-by');
  process.once('SIGINT', () => process.exit()); // by itself, as Node writes its compile cache then
}

app.get('/', (_request, response) => {
  response.set('Cache-Control', 'no-store').json({
    name: 'port-binding-service',
    version: '0.1.0',
    revision: 'unknown',
    instance,
    pid: process.pid,
    port,
    phase: 'serving',
    uptime: Math.floor(process.uptime()),
  });
});

app.get('/health/live', (_request, response) => {
  response.set('Cache-Control', 'no-store').json({ status: 'ok', info: {}, error: {}, details: {} });
});

const server = app.listen(process.env.PORT ?? 3000, () => {
  port = server.address().port;
  console.log(`Listening on port ${port}`);
});
