import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import express from 'express';
import { serve } from 'port-binding';

const app = express();
app.get('/', (_request, response) => response.send('ok'));
app.post('/', async (request, response) => response.send(String((await buffer(request)).length)));

const { address } = await serve(createServer(app), { port: 0, drainDelayMs: Number(process.env.DRAIN_DELAY_MS) });
console.log(`port ${address.port}`);
