import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import express from 'express';
import { serve } from 'port-binding';

const app = express();
app.get('/', (_request, response) => response.send('ok'));
app.post('/', async (request, response) => response.send(String((await buffer(request)).length)));

app.get('/ready', (_request, response) => response.sendStatus(service.phase === 'serving' ? 200 : 503));

const { PORT, DRAIN_DELAY_MS } = process.env;
const service = await serve(createServer(app), { port: Number(PORT), drainDelayMs: Number(DRAIN_DELAY_MS) });
console.log(`port ${service.address.port}`);
