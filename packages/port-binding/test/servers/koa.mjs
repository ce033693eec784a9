import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import Koa from 'koa';
import { serve } from 'port-binding';

const app = new Koa();
app.use(async (context) => {
  context.body = context.method === 'GET' ? 'ok' : String((await buffer(context.req)).length);
});

const { address } = await serve(createServer(app.callback()), {
  port: 0,
  drainDelayMs: Number(process.env.DRAIN_DELAY_MS),
});
console.log(`port ${address.port}`);
