const { createServer } = require('node:http');
const { buffer } = require('node:stream/consumers');
const express = require('express-4');
const { serve } = require('port-binding');

const app = express();
app.get('/', (_request, response) => response.send('ok'));
app.post('/', async (request, response) => response.send(String((await buffer(request)).length)));

serve(createServer(app), { port: 0, drainDelayMs: Number(process.env.DRAIN_DELAY_MS) }).then(({ address }) =>
  console.log(`port ${address.port}`),
);
