import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import { serve } from 'port-binding';

const app = new Hono();
app.get('/', (context) => context.text('ok'));
app.post('/', async (context) => context.text(String((await context.req.arrayBuffer()).byteLength)));

const { address } = await serve(createAdaptorServer(app), {
  port: 0,
  drainDelayMs: Number(process.env.DRAIN_DELAY_MS),
});
console.log(`port ${address.port}`);
